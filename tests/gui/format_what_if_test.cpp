// The what-if over formats in the window: what is drawn are the classes and errors of each kept value by
// itself, of a tensor, of a layer, under the lane's scale and a dragged one.
#include <gtest/gtest.h>

#include <cmath>

#include "gui/workbench_fixture.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

class FormatWhatIfTest : public ::testing::Test {
  protected:
    FormatWhatIfTest() {
        fixture_.size = ImVec2(1920, 1080);
        show("fp16");
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    void show(const std::string& lane) {
        for (const LaneSnapshot& other : fixture_.snapshot.lanes)
            if (other.name == lane) ui().selected_lane = other.id;
        fixture_.frames();
    }
    const LaneSnapshot& lane() { return *selected_lane(fixture_.snapshot, ui()); }
    double number(const std::string& id) {
        const auto text = ui().probe.find_value(id);
        return text ? std::strtod(text->c_str(), nullptr) : NAN;
    }
    void choose(const std::string& format) {
        fixture_.click("gradients/format");
        fixture_.frames(3);
        fixture_.click("gradients/format/" + format);
        fixture_.frames(3);
    }
    /// What is drawn of one scale against rounding value by value, in FP32 where that is exact.
    void expect_drawn(const std::string& column, Format format, double scale) {
        ClassCounts expected;
        double squares = 0, errors = 0, largest = 0;
        const RetainedValues& kept = lane().retained->values;
        for (const float value : kept.magnitudes) {
            const auto product = static_cast<float>(static_cast<double>(value) * scale);
            ASSERT_EQ(static_cast<double>(product), static_cast<double>(value) * scale);
            const float stored = round_to(format, product);
            count_value(expected, product, stored, format);
            const double x = static_cast<double>(value);
            const double error = std::fabs(static_cast<double>(stored) / scale - x);
            squares += x * x;
            errors += error * error;
            largest = std::max(largest, error / x);
        }
        const std::string id = "gradients/format/" + column + "/";
        EXPECT_EQ(number(id + "scale"), scale);
        EXPECT_EQ(number(id + "flushed"), static_cast<double>(expected.flushed));
        EXPECT_EQ(number(id + "subnormal"), static_cast<double>(expected.subnormal));
        EXPECT_EQ(number(id + "normal"), static_cast<double>(expected.normal));
        EXPECT_EQ(number(id + "inf"), static_cast<double>(expected.inf));
        EXPECT_EQ(number(id + "true_zero"), static_cast<double>(kept.zeros));
        EXPECT_NEAR(number(id + "error_rms"), std::sqrt(errors / squares), 1e-9);
        EXPECT_NEAR(number(id + "error_largest"), largest, 1e-12);
        EXPECT_GT(expected.count(), 10u);
    }
    WorkbenchFixture fixture_{12};
};

TEST_F(FormatWhatIfTest, ALayerInEveryFormatUnderADraggedScale) {
    ui().gradient_rows = GradientRows::layers;
    ui().selected_tensor = "fc1.weight";  // as another panel selects it: its layer's row is shown
    fixture_.frames();
    ASSERT_EQ(lane().retained->values.count(), 24u);
    const std::pair<const char*, Format> formats[] = {
        {"fp16", Format::fp16}, {"bf16", Format::bf16}, {"e4m3", Format::e4m3}, {"e5m2", Format::e5m2}};
    for (const auto& [name, format] : formats) {
        SCOPED_TRACE(name);
        choose(name);
        ui().what_if_scale.reset();
        fixture_.frames();
        expect_drawn("now", format, 1.0);
        EXPECT_TRUE(std::isnan(number("gradients/format/dragged/flushed")));
        fixture_.click("gradients/format/curves");
        ASSERT_EQ(ui().what_if_scale, 10);
        fixture_.frames();
        expect_drawn("dragged", format, 1024.0);
        for (int exponent = kLowestSweptScale; exponent <= kHighestSweptScale; ++exponent) {
            int flushed = 0;
            for (const float value : lane().retained->values.magnitudes)
                flushed += round_to(format, std::ldexp(value, exponent)) == 0;
            EXPECT_DOUBLE_EQ(
                number("gradients/format/at/" + std::to_string(exponent) + "/flushed"),
                100.0 * flushed / static_cast<double>(lane().retained->values.magnitudes.size()));
        }
    }
    ASSERT_FALSE(fixture_.sink.commands.empty());
    const auto& command = std::get<RetainGradientsCommand>(fixture_.sink.commands.front());
    EXPECT_EQ(command.lane, "fp16");
    EXPECT_EQ(command.tensors, (std::vector<std::string>{"fc1.weight", "fc1.bias"}));
    EXPECT_EQ(fixture_.sink.commands.size(), 1u) << "asked once: the run is paused";
}

TEST_F(FormatWhatIfTest, ATensorUnderTheLanesScaleAndACustomSplit) {
    show("mixed");
    ui().selected_tensor = "fc1.weight";
    fixture_.frames();
    choose("e5m2");
    expect_drawn("now", Format::e5m2, lane().retained->loss_scale);
    choose("custom");
    ui().format_what_if.choice.exponent_bits = 5;
    ui().format_what_if.choice.mantissa_bits = 10;
    fixture_.frames();
    expect_drawn("now", Format::fp16, lane().retained->loss_scale);
    choose("counted");
    EXPECT_TRUE(ui().probe.find_rectangle("gradients/what_if/curves"));
}

TEST_F(FormatWhatIfTest, AnotherTensorIsAskedForAndWaitedFor) {
    ui().selected_tensor = "fc2.weight";
    fixture_.frames();
    choose("bf16");
    EXPECT_EQ(std::get<RetainGradientsCommand>(fixture_.sink.commands.back()).tensors,
              std::vector<std::string>{"fc2.weight"});
    EXPECT_EQ(ui().probe.find_value("gradients/format/state"), "Keeping the gradients of the next step...");
    fixture_.snapshot.state = RunState::failed;
    fixture_.frames();
    EXPECT_NE(ui().probe.find_value("gradients/format/state")->find("restart"), std::string::npos);
}

TEST_F(FormatWhatIfTest, LayersAreRowsOfTheirTensorsTogether) {
    fixture_.click("gradients/rows");
    KeptCounts layer;
    for (const Probe& probe : lane().probes)
        if (probe.kind == ProbeKind::weight_gradient && probe.layer == "fc1") layer.merge(probe.counts);
    const auto nonzero = static_cast<double>(layer.fp16.count() - layer.fp16.true_zero);
    fixture_.frames();
    EXPECT_EQ(number("gradients/fc1/denominator"), nonzero);
    EXPECT_DOUBLE_EQ(number("gradients/fc1/flushed"),
                     100.0 * static_cast<double>(layer.fp16.flushed) / nonzero);
    EXPECT_FALSE(ui().probe.find_rectangle("gradients/fc1.weight"));
    EXPECT_TRUE(ui().probe.find_rectangle("gradients/all 6 tensors"));
    fixture_.click("gradients/fc1");
    EXPECT_EQ(ui().selected_tensor, "fc1");
    EXPECT_TRUE(ui().probe.find_rectangle("gradients/what_if/curves"));
    fixture_.click("gradients/fc1");
    EXPECT_EQ(ui().selected_tensor, "");
}

}  // namespace
}  // namespace halfscope
