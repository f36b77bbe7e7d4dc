// Files of tensors dropped on the window: what is drawn are the classes of their values, counted one by one,
// under the dragged scale and in every format; weights of the network still go to the lanes.
#include "gui/tensor_view.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include "data/safetensors.h"
#include "data/temporary_folder.h"
#include "gui/files.h"
#include "gui/keys.h"
#include "gui/workbench_fixture.h"
#include "numerics/rounding.h"
#include "support/array_samples.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;

class TensorViewTest : public TemporaryFolder {
  protected:
    TensorViewTest() {
        fixture_.size = ImVec2(1920, 1080);
        fixture_.frames();
        for (int i = 0; i < 4000; ++i) {
            const float significand = 1.0f + static_cast<float>(i % 97) / 97;
            gradients_.push_back(std::ldexp(significand, i % 50 - 40) * (i % 2 == 0 ? 1.0f : -1.0f));
            if (i % 10 == 0) gradients_.push_back(0.0f);
        }
        gradients_.push_back(INFINITY);
        gradients_.push_back(NAN);
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    double number(const std::string& id) {
        const auto text = ui().probe.find_value(id);
        return text ? std::strtod(text->c_str(), nullptr) : NAN;
    }
    void open(const std::string& file) {
        open_file(fixture_.workbench.context(fixture_.snapshot, fixture_.timeline, fixture_.sink), file);
    }
    /// Frames until the view is drawn as it stays.
    void settle() {
        fixture_.frames();
        for (int tries = 0; tries < 3000 && (ui().tensors.needs_frame() || ui().requests.another_frame);
             ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            fixture_.frames(1);
        }
        fixture_.frames();
    }
    std::string grads() const {
        std::vector<float> fine(500, 0.5f);
        write_safetensors(
            path("grads.safetensors"),
            {{"fine", "F32", {500}, fine, {}},
             {"layer.weight", "F32", {static_cast<std::int64_t>(gradients_.size())}, gradients_, {}}},
            {});
        return path("grads.safetensors");
    }
    /// Classes of every value times the scale in that format.
    ClassCounts counted(Format format, int scale_log2) const {
        ClassCounts counts;
        for (const float value : gradients_) {
            const float scaled = std::ldexp(value, scale_log2);
            count_value(counts, scaled, round_to(format, scaled), format);
        }
        return counts;
    }
    void expect_drawn(const std::string& id, const ClassCounts& expected) {
        EXPECT_EQ(number(id + "/true_zero"), static_cast<double>(expected.true_zero)) << id;
        EXPECT_EQ(number(id + "/flushed"), static_cast<double>(expected.flushed)) << id;
        EXPECT_EQ(number(id + "/subnormal"), static_cast<double>(expected.subnormal)) << id;
        EXPECT_EQ(number(id + "/normal"), static_cast<double>(expected.normal)) << id;
        EXPECT_EQ(number(id + "/inf"), static_cast<double>(expected.inf)) << id;
        EXPECT_EQ(number(id + "/nan"), static_cast<double>(expected.nan)) << id;
    }
    void choose(const std::string& format) {
        fixture_.click("tensors/format");
        fixture_.frames(3);
        fixture_.click("tensors/format/" + format);
        settle();
    }

    WorkbenchFixture fixture_{3};
    std::vector<float> gradients_;
};

TEST_F(TensorViewTest, EveryTensorIsARowAndTheSelectedOneIsShownInEveryFormat) {
    open(grads());
    settle();
    EXPECT_EQ(ui().probe.find_value("tensors/state"), "complete");
    EXPECT_TRUE(fixture_.sink.commands.empty());
    EXPECT_NE(ui().messages.entries().back().text.find("its tensors are shown"), std::string::npos);
    expect_drawn("tensors/layer.weight", counted(Format::fp16, 0));
    EXPECT_EQ(number("tensors/all 2 tensors/count"), static_cast<double>(gradients_.size() + 500));
    const auto row_of = [&](const std::string& name) {
        return ui().probe.find_rectangle("tensors/" + name)->min.y;
    };
    EXPECT_LT(row_of("fine"), row_of("layer.weight"));
    fixture_.click("tensors/order");
    fixture_.frames();
    EXPECT_LT(row_of("layer.weight"), row_of("fine")) << "worst first";

    fixture_.click("tensors/layer.weight");
    settle();
    expect_drawn("tensors/format/now", counted(Format::fp16, 0));
    const std::pair<const char*, Format> formats[] = {
        {"bf16", Format::bf16}, {"e4m3", Format::e4m3}, {"e5m2", Format::e5m2}, {"fp16", Format::fp16}};
    for (const auto& [name, format] : formats) {
        choose(name);
        expect_drawn("tensors/format/now", counted(format, 0));
        fixture_.click("tensors/format/curves");
        settle();
        ASSERT_EQ(ui().tensors.what_if_scale, 10);
        expect_drawn("tensors/format/dragged", counted(format, 10));
    }
    expect_drawn("tensors/layer.weight", counted(Format::fp16, 10));
    // In a window that became smaller it is still whole.
    fixture_.size = ImVec2(1280, 800);
    fixture_.frames(3);
    EXPECT_LE(ui().probe.find_rectangle("tensors/format/curves")->max.x, 1280);
    EXPECT_LT(ui().probe.find_rectangle("tensors/format/curves")->max.y, 800);
    fixture_.click("tensors/what_if/end");
    fixture_.frames();
    expect_drawn("tensors/layer.weight", counted(Format::fp16, 0));
    EXPECT_FALSE(ui().what_if_scale) << "the run's own what-if is another";
    handle_key({256, 0}, fixture_.workbench.context(fixture_.snapshot, fixture_.timeline, fixture_.sink));
    fixture_.frames();
    EXPECT_FALSE(ui().probe.find_value("tensors/state")) << "Escape closes it";
}

TEST_F(TensorViewTest, WhatIsShownIsExportedAsCsv) {
    open(grads());
    settle();
    const auto lines_of = [](const std::string& csv, const std::string& start) {
        std::vector<std::vector<std::string>> lines;
        std::istringstream all(csv);
        for (std::string line; std::getline(all, line);) {
            if (line.rfind(start, 0) != 0) continue;
            std::vector<std::string>& cells = lines.emplace_back();
            std::istringstream parts(line);
            for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
        }
        return lines;
    };
    for (const int scale : {0, 10}) {
        if (scale != 0) ui().tensors.what_if_scale = scale;
        fixture_.frames();
        const std::filesystem::path before = std::filesystem::current_path();
        std::filesystem::current_path(path("."));
        fixture_.click("tensors/export");
        fixture_.click("tensors/menu/csv");
        std::filesystem::current_path(before);
        const std::string step = std::to_string(fixture_.snapshot.next_step);
        std::ifstream file(path("halfscope-tensors-grads-" + step + (scale == 0 ? ".csv" : "-2.csv")));
        const std::string csv((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        const auto lines = lines_of(csv, "layer.weight,");
        ASSERT_FALSE(lines.empty()) << csv;
        const ClassCounts expected = counted(Format::fp16, scale);
        std::map<int, std::uint64_t> exponents;
        for (const float value : gradients_)
            if (std::isfinite(value) && value != 0) ++exponents[std::ilogb(value) + scale];
        EXPECT_EQ(lines.size(), exponents.size());
        for (const std::vector<std::string>& cells : lines) {
            ASSERT_EQ(cells.size(), 17u);
            EXPECT_EQ(cells[1] + " " + cells[2], "F32 " + std::to_string(gradients_.size()));
            EXPECT_EQ(std::stod(cells[3]), std::ldexp(1.0, scale));
            const std::uint64_t counts[] = {expected.count(),   expected.true_zero, expected.flushed,
                                            expected.subnormal, expected.normal,    expected.inf};
            for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::stoull(cells[4 + i]), counts[i]) << i;
            EXPECT_EQ(std::stoull(cells[11]), expected.nan);
            EXPECT_EQ(std::stoull(cells[16]), exponents[std::stoi(cells[15])]) << cells[15];
        }
        EXPECT_EQ(lines_of(csv, "fine,").size(), 1u) << "every value is the same";
    }
}

TEST_F(TensorViewTest, TheBestStaticScaleIsTheLargestWithoutOverflow) {
    open(write("g.npy", npy("<f4", "(3,)", bytes_of<float>({1e-6f, 0.7f, 2.0f}))));
    settle();
    EXPECT_EQ(number("tensors/g/best"), 14.0) << "2 x 2^14 is below 65520, 2 x 2^15 is not";
    fixture_.click("tensors/g");
    settle();
    EXPECT_NE(ui().probe.find_value("tensors/format/best")->find("no overflow"), std::string::npos);
}

TEST_F(TensorViewTest, WeightsOfTheNetworkGoToEveryLaneUnlessTheyAreToBeLookedAt) {
    std::vector<StoredTensor> weights;
    for (const OutlineNode& node : *fixture_.snapshot.outline)
        for (const std::string& name : node.parameters) weights.push_back({name, "F32", {1}, {0.5f}, {}});
    ASSERT_EQ(weights.size(), 6u);
    const std::string file = path("weights.safetensors");
    write_safetensors(file, weights, {});
    open(file);
    settle();
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_EQ(std::get<LoadWeightsCommand>(fixture_.sink.commands.front()).path, file);
    EXPECT_FALSE(ui().probe.find_value("tensors/state"));
    EXPECT_NE(ui().messages.entries().back().text.find("loading the weights"), std::string::npos);

    fixture_.sink.commands.clear();
    ui().dialogs.open_tensors = true;
    ui().dialogs.tensors_path = file;
    fixture_.frames(4);
    fixture_.click("open_tensors/open");
    settle();
    EXPECT_TRUE(fixture_.sink.commands.empty());
    EXPECT_EQ(ui().probe.find_value("tensors/state"), "complete");
    fixture_.click("tensors/load");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_EQ(std::get<LoadWeightsCommand>(fixture_.sink.commands.front()).path, file);

    // One name more, such as the loss beside gradients: no weights.
    weights.push_back({"loss", "F32", {1}, {1.0f}, {}});
    write_safetensors(file, weights, {});
    fixture_.sink.commands.clear();
    open(file);
    settle();
    EXPECT_TRUE(fixture_.sink.commands.empty());
    EXPECT_TRUE(ui().probe.find_rectangle("tensors/loss"));
}

TEST_F(TensorViewTest, BadFilesAreOneSentenceAndNothingOpens) {
    for (const std::string& file : {write("model.pt", "\x80\x04K."), path("missing.npz")}) {
        open(file);
        settle();
        EXPECT_NE(ui().messages.entries().back().text.find(file), std::string::npos);
        EXPECT_EQ(ui().messages.entries().back().kind, Message::Kind::error);
        EXPECT_FALSE(ui().tensors.reader);
        EXPECT_TRUE(fixture_.sink.commands.empty()) << "not trained on as a text";
    }
    EXPECT_NE(ui().messages.entries().front().text.find("pickled Python objects"), std::string::npos);
}

TEST_F(TensorViewTest, WhatIsTooLargeToBeKeptIsShownInFp16) {
    const std::string file = path("large.npy");
    const std::uint64_t count = kMostRetained + 1;
    std::ofstream(file, std::ios::binary) << npy("<f2", "(" + std::to_string(count) + ",)", "");
    std::filesystem::resize_file(file, std::filesystem::file_size(file) + 2 * count);
    open(file);
    settle();
    fixture_.click("tensors/large");
    settle();
    EXPECT_FALSE(ui().probe.find_rectangle("tensors/format/curves"));
    EXPECT_TRUE(ui().probe.find_rectangle("tensors/what_if/curves"));
}

TEST_F(TensorViewTest, TheLinesForPyTorchAreCopied) {
    ui().dialogs.dump_help = true;
    fixture_.frames(4);
    fixture_.click("dump_help/copy");
    EXPECT_NE(std::string(ImGui::GetClipboardText()).find("save_file"), std::string::npos);
}

}  // namespace
}  // namespace halfscope
