// Writes the seeds of every fuzz target: small valid files and some that are nearly valid. Usage: make_seeds
// FOLDER; it makes a folder for each target in it.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "data/grammar_text.h"
#include "support/array_samples.h"
#include "support/checkpoint_samples.h"
#include "support/file_samples.h"

namespace {

using namespace halfscope;
using samples::idx;
using samples::idx_images;
using samples::idx_labels;
namespace fs = std::filesystem;

class SeedFolder {
  public:
    explicit SeedFolder(const fs::path& folder) : folder_(folder) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    void add(const std::string& bytes) const {
        std::ofstream(folder_ / std::to_string(next_++), std::ios::binary) << bytes;
    }
    /// Two files in one input, as fuzz_idx takes them.
    void add_pair(const std::string& images, const std::string& labels) const {
        std::string length;
        length += static_cast<char>(images.size() & 0xFFu);
        length += static_cast<char>(images.size() >> 8 & 0xFFu);
        add(length + images + labels);
    }

  private:
    fs::path folder_;
    mutable int next_ = 0;
};

void make_idx(const SeedFolder& seeds) {
    seeds.add_pair(idx_images(3, 2, 4), idx_labels(3));
    seeds.add_pair(idx_images(2, 5, 5), idx_labels(3));
    seeds.add_pair(idx(0x803, {0xFFFFFFFF, 0xFFFFFFFF, 2}, 9), idx_labels(1));
    seeds.add_pair(idx_labels(1), idx_images(1, 1, 1));
#ifdef HALFSCOPE_HAS_ZLIB
    const std::string images = samples::packed(idx_images(3, 2, 4)), labels = samples::packed(idx_labels(3));
    seeds.add_pair(images, labels);
    seeds.add_pair(images, idx_labels(3));
    seeds.add_pair(samples::packed(idx_images(20, 9, 9)), samples::packed(idx_labels(20)));
    seeds.add_pair(
        samples::packed(idx_images(3, 2, 4).substr(0, 7)) + samples::packed(idx_images(3, 2, 4).substr(7)),
        labels);
    seeds.add_pair(samples::packed(idx_images(1, 1, 1) + std::string(100000, '\0')), labels);
#endif
}

void make_pictures(const SeedFolder& seeds) {
    seeds.add("no picture");
#ifdef HALFSCOPE_HAS_STB
    for (int channels = 1; channels <= 4; ++channels) {
        std::vector<unsigned char> pixels;
        for (int i = 0; i < 9 * 7 * channels; ++i) pixels.push_back(static_cast<unsigned char>(i * i * 5));
        seeds.add(samples::png(9, 7, channels, pixels));
        if (channels == 1 || channels == 3) seeds.add(samples::jpeg(9, 7, channels, pixels));
    }
    seeds.add(samples::jpeg(40, 40, 3, samples::plain(40, 40, {200, 10, 99})));
#ifdef HALFSCOPE_HAS_ZLIB
    seeds.add(samples::png_around({4, 5}, "", std::string(100000, '\0')));
    // The insides of PNGs: grey, RGB, palette, grey and alpha, RGBA; each depth; with passes and without.
    for (const char colour_type : {0, 2, 3, 4, 6}) {
        for (const char depth : {1, 4, 8, 16}) {
            for (const char interlace : {0, 1}) {
                std::string rows;
                for (int i = 0; i < 9 * 70; ++i) rows += static_cast<char>(i % 70 == 0 ? i / 70 % 5 : i);
                seeds.add(std::string{'\0', '\7', '\7', depth, colour_type, interlace} + "palette here" +
                          rows);
            }
        }
    }
#endif
#endif
}

void make_texts(const SeedFolder& seeds) {
    seeds.add("short");
    seeds.add(make_grammar_text(1200, 0));
    std::string all;
    for (int i = 0; i < 1200; ++i) all += static_cast<char>(1 + i % 255);
    seeds.add(all);
    std::string accents;
    for (int i = 0; i < 300; ++i) accents += "\xC3\xA9\xE2\x82\xAC \xF0\x9F\x99\x82";
    seeds.add(accents);
}

std::string safetensors(const std::string& header, const std::string& data) {
    std::string bytes;
    for (std::size_t byte = 0; byte < 8; ++byte)
        bytes += static_cast<char>(header.size() >> (8 * byte) & 0xFFu);
    return bytes + header + data;
}

void make_safetensors(const SeedFolder& seeds) {
    seeds.add(safetensors("{}", ""));
    seeds.add(safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", std::string(8, '\1')));
    seeds.add(safetensors(R"({"a":{"dtype":"F16","shape":[1,3],"data_offsets":[0,6]},)"
                          R"("b":{"dtype":"I64","shape":[],"data_offsets":[6,14]},"__metadata__":{"k":"v"}})",
                          std::string(14, '\2')));
    seeds.add(safetensors(R"({"a":{"dtype":"BF16","shape":[99999999999,99999999999],"data_offsets":[0,2]}})",
                          "xx"));
    seeds.add(safetensors(R"({"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]},)"
                          R"("b":{"dtype":"F64","shape":[1],"data_offsets":[3,11]},)"
                          R"("c":{"dtype":"U64","shape":[0],"data_offsets":[11,11]}})",
                          std::string(11, '\7')));
    seeds.add(safetensors(std::string(500, '['), ""));
}

std::vector<std::string> arrays() {
    using samples::bytes_of;
    using samples::npy;
    return {
        npy("<f4", "(3,)", bytes_of<float>({1.0f, -0.0f, 1e-9f})),
        npy(">f8", "(1, 2)", bytes_of<double>({1e300, -1e-300}), "True"),
        npy("<f2", "()", bytes_of<std::uint16_t>({0x7C00})),
        npy("|b1", "(2,)", "ab"),
        npy("|O", "(1,)", "x"),
        npy("|V2", "(1,)", "ab"),
        npy("<f4", "(9223372036854775807, 3)", ""),
        npy("<M8[ns]", "(1,)", "12345678"),
        samples::npy_around("{\"shape\":(0,4L),\"descr\":\"<f4\",\"fortran_order\":True}", "", 2),
        samples::npy_around("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234", 3)};
}

void make_npy(const SeedFolder& seeds) {
    for (const std::string& array : arrays()) seeds.add(array);
}

/// Whole archives, and the insides of their entries as fuzz_npz takes them.
void make_npz(const SeedFolder& seeds) {
    seeds.add("PK\x05\x06" + std::string(18, '\0'));
    for (const std::string& array : arrays()) seeds.add(std::string(1, '\0') + array);
#ifdef HALFSCOPE_HAS_LIBZIP
    using samples::Packing;
    seeds.add(samples::zip_of({{"a.npy", arrays()[0]}, {"b/c.npy", arrays()[1], Packing::deflated}}));
    seeds.add(samples::zip_of({{"a.npy", arrays()[0], Packing::deflated}, {"notes.txt", "text"}}));
    seeds.add(samples::zip_of({{"archive/data.pkl", "x"}}));
#endif
}

/// Whole files, and their insides as fuzz_checkpoint takes them.
void make_checkpoints(const SeedFolder& seeds) {
    const std::vector<std::vector<LaneSpec>> runs{
        {{"a", parse_techniques("fp32")}},
        {{"a", parse_techniques("mixed,loss_scale=2^24")}, {"b", parse_techniques("fp16")}},
        {{"k", parse_techniques("bf16,master_weights=off,update_rounding=kahan")}},
        {{"l", parse_techniques("mixed,scaler=logmax")}}};
    for (const std::vector<LaneSpec>& lanes : runs) {
        for (const int steps : {0, 3}) {
            const std::string bytes = samples::checkpoint_of(lanes, steps);
            seeds.add(bytes);
            const std::string inside = bytes.substr(kCheckpointHeaderBytes);
            const std::size_t length =
                static_cast<unsigned char>(bytes[16]) + 256u * static_cast<unsigned char>(bytes[17]);
            seeds.add(std::string{'\0', bytes[16], bytes[17]} + inside);
            seeds.add(std::string{'\0', bytes[16], bytes[17]} + inside.substr(0, length));
        }
    }
    const std::string small = R"({"experiment":{"scenario":"x"},"sections":{"a":2}})";
    seeds.add(samples::checkpoint_around(small, "xy"));
    seeds.add(std::string{'\0', static_cast<char>(small.size()), '\0'} + small + "xy");
}

/// Recipes with every kind of change, and what their reader may stumble over.
void make_recipes(const SeedFolder& seeds) {
    const std::string head = R"({"halfscope_recipe":1,"scenario":"spiral-mlp","seed":18446744073709551615,)";
    const std::string lanes =
        R"("lanes":[{"name":"a","techniques":"fp32"},{"name":"b","techniques":"mixed,loss_scale=8"}])";
    seeds.add(head + R"("steps":9,"settings":{"points":64,"lr":1e-3},)" + lanes + R"(,"changes":[
        {"step":0,"change":"technique","lane":"b","key":"storage","value":"bf16"},
        {"step":3,"change":"add","lane":"c","techniques":"fp16","from":"b"},
        {"step":4,"change":"add","lane":"d","techniques":"fp32"},
        {"step":5,"change":"rename","lane":"c","to":"e"},
        {"step":5,"change":"preset","lane":"e","preset":"mixed"},
        {"step":6,"change":"loss_scale","lane":"e","times":0.5},
        {"step":7,"change":"remove","lane":"d"},
        {"step":9,"change":"add","lane":"f","techniques":"fp16","from":"e","at_step":4}]})");
    seeds.add(head + lanes + "}");
    seeds.add(
        R"({"halfscope_recipe":1,"scenario":"char-gru","text":"a.txt","data":"0","lanes":[{"name":"\u00e9",)"
        R"("techniques":"apex-o2"}],"changes":[{"step":1e3,"change":"remove","lane":"x"}]})");
    seeds.add("[[{\"a\":[]}]]");
    seeds.add("{\"lanes\":{},\"changes\":[1,true,null,-1,2.5e308]}");
}

/// The scenario files that come along, and what readers may stumble over.
void make_scenarios(const SeedFolder& seeds, const fs::path& files) {
    for (const fs::directory_entry& entry : fs::directory_iterator(files)) {
        std::ifstream stream(entry.path(), std::ios::binary);
        seeds.add(std::string(std::istreambuf_iterator<char>(stream), {}));
    }
    seeds.add(
        "scenario = 'char-gru'\ntext = 'a'\nseed = 9223372036854775807\n[settings]\nlr = 1e-3\nbatch = "
        "0x10\n");
    seeds.add(
        "scenario = \"digits-cnn\"\nimages = '''x'''\nlane = [{name = 'a', preset = 'mixed', "
        "loss_scale = inf}, {name = \"\\u00e9\", preset = 'bf16', master_weights = false}]\n");
    seeds.add("[a.b.c]\nd = [1, [2, {e = 1979-05-27T07:32:00Z}]]\n[[f]]\n[[f]]\ng = -0b11\n");
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fputs("usage: make_seeds FOLDER SCENARIO_FILES\n", stderr);
        return 2;
    }
    const fs::path folder(arguments[1]);
    make_idx(SeedFolder(folder / "fuzz_idx"));
    make_pictures(SeedFolder(folder / "fuzz_picture"));
    make_checkpoints(SeedFolder(folder / "fuzz_checkpoint"));
    make_npy(SeedFolder(folder / "fuzz_npy"));
    make_npz(SeedFolder(folder / "fuzz_npz"));
    make_recipes(SeedFolder(folder / "fuzz_recipe"));
    make_safetensors(SeedFolder(folder / "fuzz_safetensors"));
    make_texts(SeedFolder(folder / "fuzz_text"));
    make_scenarios(SeedFolder(folder / "fuzz_scenario"), arguments[2]);
    return 0;
}
