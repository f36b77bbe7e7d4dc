// inspect: every count against brute force over the same values, the table, and files that are refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <limits>

#include "cli/cli_process.h"
#include "data/safetensors.h"
#include "numerics/rounding.h"
#include "numerics/tensor_counts.h"
#include "support/array_samples.h"

namespace halfscope {
namespace {

using nlohmann::json;
using samples::bytes_of;
using samples::npy;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Of all sizes that matter, with `largest` the largest.
std::vector<float> gradients(float largest) {
    std::vector<float> values{0.0f, -0.0f, 0x1p-149f, -0x1p-25f, std::nextafter(0x1p-25f, 1.0f), 0x1p-24f};
    for (int i = 0; i < 5000; ++i)
        values.push_back(largest * std::ldexp(i % 2 == 0 ? 1.0f : -1.0f, -(i % 90)) *
                         (1.0f - static_cast<float>(i) / 10001.0f));
    return values;
}

/// What inspect has to say of these values, counted one by one.
void expect_counts(const json& object, const std::vector<float>& values) {
    TensorCounts expected;
    for (const float value : values) expected.add(value, value, Format::fp32);
    const ClassCounts& classes = expected.fp16;
    for (const auto& [key, count] :
         {std::pair("count", static_cast<std::uint64_t>(values.size())),
          std::pair("true_zero", classes.true_zero), std::pair("flushed", classes.flushed),
          std::pair("subnormal", classes.subnormal), std::pair("normal", classes.normal),
          std::pair("inf", classes.inf), std::pair("nan", classes.nan),
          std::pair("inf_incoming", classes.inf_incoming)}) {
        EXPECT_EQ(object.at(key), count) << key << " in " << object.at("tensor");
    }
    EXPECT_EQ(object.at("min_abs").get<double>(), static_cast<double>(expected.min_abs));
    EXPECT_EQ(object.at("max_abs").get<double>(), static_cast<double>(expected.max_abs));
    std::uint64_t in_exponents = 0;
    for (const json& pair : object.at("exponents")) {
        EXPECT_EQ(pair.at(1), expected.histogram.at(pair.at(0)));
        in_exponents += pair.at(1).get<std::uint64_t>();
    }
    EXPECT_EQ(in_exponents,
              static_cast<std::uint64_t>(std::count_if(values.begin(), values.end(), [](float value) {
                  return std::isfinite(value) && value != 0.0f;
              })));
}

/// The best scale of finite values by trying all; `flushed` becomes what it flushes.
double best_scale(const std::vector<float>& values, std::uint64_t& flushed) {
    for (int scale = 30; scale >= -24; --scale) {
        bool overflows = false;
        flushed = 0;
        for (const float value : values) {
            if (!std::isfinite(value)) continue;
            const double scaled = std::fabs(std::ldexp(static_cast<double>(value), scale));
            overflows |= scaled >= 65520.0;
            flushed += scaled != 0.0 && scaled <= 0x1p-25;
        }
        if (!overflows) return std::ldexp(1.0, scale);
    }
    return 0;
}

TEST(CliInspect, EveryTensorIsCountedLikeBruteForce) {
    std::vector<float> wild = gradients(1e9f), tame = gradients(3e-4f);
    wild.insert(wild.end(), {kInf, -kInf, kNan, 65520.0f, 65519.0f});
    std::vector<float> zeros(7, 0.0f);
    const TemporaryFile file("grads.safetensors", "");
    write_safetensors(file.path(),
                      {{"wild", "F32", {static_cast<std::int64_t>(wild.size())}, wild, {}},
                       {"steps", "I64", {2}, {}, {1, 2}},
                       {"tame", "F32", {2, static_cast<std::int64_t>(tame.size()) / 2}, tame, {}},
                       {"zeros", "F32", {7, 1}, zeros, {}},
                       {"none", "F32", {0}, {}, {}}},
                      {});
    const CliResult result = run_cli({"inspect", file.path(), "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    std::map<std::string, json> objects;
    for (const json& object : json_lines(result.out)) {
        EXPECT_EQ(object.at("file"), file.path());
        objects[object.at("tensor")] = object;
    }
    ASSERT_EQ(objects.size(), 5u);
    EXPECT_EQ(objects.at("steps").at("type"), "skipped");
    EXPECT_EQ(objects.at("steps").at("reason"), "whole numbers");
    for (const auto& [name, values] :
         {std::pair("wild", &wild), std::pair("tame", &tame), std::pair("zeros", &zeros)}) {
        const json& object = objects.at(name);
        expect_counts(object, *values);
        EXPECT_EQ(object.at("type"), "probe");
        EXPECT_EQ(object.at("dtype"), "F32");
        EXPECT_EQ(object.at("against"), "fp16");
        EXPECT_EQ(object.at("scale"), 1.0);
        EXPECT_EQ(object.at("fp32_inf"), 0);
        EXPECT_EQ(object.at("fp32_flushed"), 0);
        std::uint64_t flushed = 0;
        EXPECT_EQ(object.at("best_static_scale"), best_scale(*values, flushed));
        EXPECT_EQ(object.at("flushed_at_best_static_scale"), flushed);
    }
    EXPECT_GT(objects.at("tame").at("best_static_scale").get<double>(), 1.0);
    EXPECT_LT(objects.at("wild").at("best_static_scale").get<double>(), 1.0);
    EXPECT_EQ(objects.at("tame").at("shape"), json({2, tame.size() / 2}));
    EXPECT_EQ(objects.at("none").at("count"), 0);
}

TEST(CliInspect, NumpysFilesAreTheSame) {
    const std::vector<float> values = gradients(7.0f);
    const std::string shape = "(" + std::to_string(values.size()) + ",)";
    std::vector<std::uint16_t> codes;
    std::vector<float> halves;
    for (const float value : values) {
        codes.push_back(encode_fp16(value));
        halves.push_back(decode_fp16(codes.back()));
    }
    const TemporaryFile little("little.npy", npy("<f4", shape, bytes_of(values))),
        big("big.npy", npy(">f4", shape, bytes_of(values, std::endian::big), "True")),
        half("half.npy", npy("<f2", shape, bytes_of(codes)));
    const CliResult result = run_cli({"inspect", "--json", little.path(), big.path(), half.path()});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::vector<json> objects = json_lines(result.out);
    ASSERT_EQ(objects.size(), 3u);
    expect_counts(objects[0], values);
    expect_counts(objects[1], values);
    expect_counts(objects[2], halves);
    EXPECT_EQ(objects[1].at("file"), big.path());
    EXPECT_EQ(objects[2].at("flushed"), 0);
}

TEST(CliInspect, DoublesThatFp32DoesNotHoldAreTold) {
    const TemporaryFile file("doubles.npy",
                             npy("<f8", "(5,)", bytes_of<double>({1e300, -1e-60, 0.0, 1.0, 2e-50})));
    const json object = json_lines(run_cli({"inspect", file.path(), "--json"}).out).at(0);
    EXPECT_EQ(object.at("inf"), 1);
    EXPECT_EQ(object.at("inf_incoming"), 0);
    EXPECT_EQ(object.at("true_zero"), 1);
    EXPECT_EQ(object.at("flushed"), 2);
    EXPECT_EQ(object.at("fp32_inf"), 1);
    EXPECT_EQ(object.at("fp32_flushed"), 2);
    EXPECT_TRUE(object.at("best_static_scale").is_null());
    EXPECT_TRUE(object.at("flushed_at_best_static_scale").is_null());
    const std::string text = run_cli({"inspect", file.path()}).out;
    EXPECT_NE(text.find("Doubles that FP32 does not hold: 1 too large (in inf), 2 too small (in flushed)"),
              std::string::npos)
        << text;
}

#ifdef HALFSCOPE_HAS_LIBZIP
TEST(CliInspect, ArchivesAreReadEntryByEntry) {
    const std::vector<float> values = gradients(1.0f);
    const std::string array = npy("<f4", "(" + std::to_string(values.size()) + ",)", bytes_of(values));
    const TemporaryFile file(
        "grads.npz",
        samples::zip_of({{"fc1.weight.npy", array, samples::Packing::deflated}, {"fc1.bias.npy", array}}));
    const CliResult result = run_cli({"inspect", "--json", file.path()});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::vector<json> objects = json_lines(result.out);
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects[0].at("tensor"), "fc1.weight");
    EXPECT_EQ(objects[1].at("tensor"), "fc1.bias");
    for (const json& object : objects) expect_counts(object, values);
    // A checksum is judged when an entry ends: behind the rows before it, but never passed over.
    std::string bytes = file.read();
    bytes[bytes.size() - 200 - array.size() / 2] ^= 1;
    const TemporaryFile damaged("damaged.npz", bytes);
    const CliResult refused = run_cli({"inspect", "--json", damaged.path()});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("fc1.bias.npy"), std::string::npos) << refused.err;
    EXPECT_EQ(json_lines(refused.out).size(), 1u);
}
#endif

TEST(CliInspect, TheTableIsAlignedAndSaysItsDenominators) {
    const TemporaryFile file("table.safetensors", "");
    write_safetensors(file.path(),
                      {{"a", "F32", {4}, {0.0f, 1e-9f, 1.0f, kInf}, {}},
                       {"a.longer.name.\xC3\xBC", "F32", {2}, {0.0f, 0.0f}, {}},
                       {"steps", "I64", {1}, {}, {1}}},
                      {});
    const CliResult result = run_cli({"inspect", file.path()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::vector<std::string> lines = whole_lines(result.out);
    ASSERT_GE(lines.size(), 7u);
    EXPECT_EQ(lines[0], file.path() + ": 3 tensors against FP16");
    for (const char* word : {"true zero", "flushed", "best scale", "flushed then"})
        EXPECT_NE(lines[1].find(word), std::string::npos) << lines[1];
    EXPECT_NE(lines[2].find("% of all"), std::string::npos);
    EXPECT_NE(lines[2].find("% non-zero"), std::string::npos);
    const auto has = [&lines](std::size_t line, std::vector<std::string> words) {
        std::size_t from = 0;
        for (const std::string& word : words) {
            from = lines[line].find(word, from);
            ASSERT_NE(from, std::string::npos) << word << " in " << lines[line];
        }
    };
    // Of three non-zero values one is flushed, one normal, one infinite before; at 2^15 the first is not
    // flushed.
    has(4, {"a ", "F32", " 4 ", " 25.0 ", " 33.3 ", " 0 ", " 33.3 ", " 1 ", " 1 ", " 0 ", "1.00e-09",
            "1.00e+00", "2^15", " 0"});
    has(5, {"a.longer.name.", "F32", " 2 ", " 100 ", " - ", " any"});
    has(3, {"steps", "I64", "skipped: whole numbers"});
    has(6, {"all of them", " 6 ", " 50.0 ", " 33.3 ", "2^15"});
    EXPECT_EQ(lines[1].size(), lines[4].size());
    EXPECT_EQ(lines[1].size() + 1, lines[5].size());  // a character of two bytes
}

TEST(CliInspect, HelpShowsHowToSaveGradients) {
    const std::string help = run_cli({"inspect", "--help"}).out;
    for (const char* line : {"from safetensors.torch import save_file",
                             "save_file({n: p.grad for n, p in model.named_parameters() if p.grad is not "
                             "None}, \"grads.safetensors\")",
                             "best_static_scale", ".npz", "130"}) {
        EXPECT_NE(help.find(line), std::string::npos) << line;
    }
}

TEST(CliInspect, WhatCannotBeReadIsRefusedInOneLine) {
    const std::string whole = npy("<f4", "(3,)", bytes_of<float>({1, 2, 3}));
    const TemporaryFile fine("fine.npy", whole), cut("cut.npy", whole.substr(0, whole.size() - 1)),
        header("header.npy", "\x93NUMPY\x01"),
        absurd("absurd.npy", npy("<f4", "(9223372036854775807, 3)", "")),
        objects("objects.npy", npy("|O", "(1,)", "x")), brain("bf16.npy", npy("<V2", "(1,)", "12")),
        pickled("model.pt", "PK\x03\x04"), other("picture.png", "\x89PNG"), nothing("empty.npz", ""),
        tensors("bad.safetensors", std::string("\x02\0\0\0\0\0\0\0{]", 10));
    const std::vector<std::pair<std::string, std::string>> table{
        {cut.path(), "11 of the 12 bytes"},
        {header.path(), "ends at offset 7"},
        {absurd.path(), "overflows 64 bits"},
        {objects.path(), "save_file"},
        {brain.path(), "bfloat16"},
        {pickled.path(), "pickled Python objects"},
        {other.path(), ".npy, .npz or .safetensors"},
        {nothing.path(), "npz file"},
        {tensors.path(), "JSON"},
        {"/nowhere/a.npy", "does not exist"},
        {std::filesystem::temp_directory_path().string(), "is a folder"},
        {"/dev/null", "regular file"}};
    for (const auto& [path, word] : table) {
        // Nothing is printed of a good file before a bad one either.
        const CliResult result = run_cli({"inspect", fine.path(), path});
        EXPECT_EQ(result.exit_code, 2) << path;
        EXPECT_EQ(result.out, "") << path;
        const std::vector<std::string> lines = whole_lines(result.err);
        ASSERT_EQ(lines.size(), 1u) << result.err;
        EXPECT_NE(lines[0].find(path), std::string::npos) << lines[0];
        EXPECT_NE(lines[0].find(word), std::string::npos) << lines[0];
    }
}

TEST(CliInspect, AnInterruptEndsItBetweenLines) {
    // 24 GiB of zeros that take no space: more than is read before the signal comes.
    const std::string large = npy("<f4", "(6442450944,)", "");
    const TemporaryFile small("first.npy", npy("<f4", "(1,)", "1234")), sparse("sparse.npy", large);
    std::error_code error;
    std::filesystem::resize_file(sparse.path(), large.size() + (std::uintmax_t{24} << 30), error);
    if (error) GTEST_SKIP() << "no sparse files here: " << error.message();
    const CliResult result =
        run_cli({"inspect", "--json", small.path(), sparse.path()}, [](int process, const std::string& out) {
            if (!out.empty()) kill(process, SIGINT);
        });
    EXPECT_EQ(result.exit_code, 130);
    EXPECT_EQ(json_lines(result.out).size(), 1u);
}

}  // namespace
}  // namespace halfscope
