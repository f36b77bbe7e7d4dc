// The views that look into a lane: what they draw are the counts and errors of the snapshot, and their
// controls send what they say.
#include <gtest/gtest.h>

#include <cmath>

#include "gui/widgets/class_bar.h"
#include "gui/widgets/sweep_plot.h"
#include "gui/widgets/waterfall.h"
#include "gui/widgets/what_if.h"
#include "gui/workbench_fixture.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

class InstrumentTest : public ::testing::Test {
  protected:
    InstrumentTest() {
        for (const LaneSnapshot& lane : fixture_.snapshot.lanes)
            if (lane.name == "fp16") fixture_.workbench.ui().selected_lane = lane.id;
        fixture_.frames();
    }
    const LaneSnapshot& lane() { return *selected_lane(fixture_.snapshot, fixture_.workbench.ui()); }
    double number(const std::string& id) {
        const auto text = fixture_.workbench.ui().probe.find_value(id);
        return text ? std::strtod(text->c_str(), nullptr) : NAN;
    }
    void show(Slot slot) {
        fixture_.workbench.ui().layout.right_tab = slot;
        fixture_.frames();
    }
    WorkbenchFixture fixture_{12};
};

TEST_F(InstrumentTest, TheStaircaseShowsWhatWasCounted) {
    show(Slot::staircase);
    int compared = 0;
    double most = -1;
    std::string worst;
    for (const Probe& probe : lane().probes) {
        const bool is_forward = probe.kind == ProbeKind::activation;
        if (!is_forward && probe.kind != ProbeKind::activation_gradient) continue;
        const std::string id = "staircase/" + probe.tensor + (is_forward ? "/forward/" : "/backward/");
        const ClassCounts& counts = probe.counts.fp16;
        const auto nonzero = static_cast<double>(counts.count() - counts.true_zero);
        const auto percent = [&](std::uint64_t part) {
            return nonzero == 0 ? 0.0 : 100.0 * static_cast<double>(part) / nonzero;
        };
        EXPECT_DOUBLE_EQ(number(id + "flushed"), percent(counts.flushed)) << id;
        EXPECT_DOUBLE_EQ(number(id + "subnormal"), percent(counts.subnormal)) << id;
        EXPECT_DOUBLE_EQ(number(id + "overflow"), percent(counts.inf)) << id;
        EXPECT_EQ(number(id + "max_abs"), static_cast<double>(probe.counts.max_abs)) << id;
        ++compared;
        const double lost = percent(counts.flushed + counts.inf + counts.nan);
        if (lost > most) {
            most = lost;
            worst = probe.tensor;
        }
    }
    EXPECT_GE(compared, 10);
    EXPECT_EQ(fixture_.workbench.ui().probe.find_value("staircase/worst"), most >= 0.1 ? worst : "");
}

TEST_F(InstrumentTest, AStepOfTheStaircaseSelectsItsTensor) {
    show(Slot::staircase);
    fixture_.click("staircase/fc2");
    EXPECT_EQ(fixture_.workbench.ui().selected_tensor, "fc2");
    EXPECT_EQ(fixture_.workbench.ui().probe_kind, ProbeKind::activation_gradient)
        << "the lower half is in the middle";
    fixture_.click("staircase/order");
    EXPECT_EQ(fixture_.workbench.ui().stair_order, StairOrder::worst_first);
}

TEST(WaterfallBins, OfALineOfSeveralScalesAreThoseOfEachProbe) {
    const auto probe_at = [](float value, double scale) {
        Probe probe;
        probe.own_format = Format::fp32;
        probe.scale = scale;
        TensorCounts counted;
        counted.add(value, value, Format::fp32);
        probe.counts = counted;
        return probe;
    };
    // 2^-3 under S = 2^10, and the same gradient under S = 2^4.
    HistogramRow row = histogram_row(0, probe_at(0x1p-3f, 1024));
    merge_rows(row, histogram_row(1, probe_at(0x1p-9f, 16)));
    const int low = -60, bins = 64;
    const auto at = [&](GradientView view, int exponent) {
        return waterfall_bins(row, view, low, bins)[static_cast<std::size_t>(exponent - low)];
    };
    EXPECT_EQ(at(GradientView::scaled, -3), 1.0f);
    EXPECT_EQ(at(GradientView::scaled, -9), 1.0f);
    EXPECT_EQ(at(GradientView::unscaled, -13), 1.0f);
    for (int exponent = low; exponent < low + bins; ++exponent) {
        if (exponent == -13) continue;
        EXPECT_EQ(at(GradientView::unscaled, exponent), 0.0f) << exponent;
    }
}

TEST_F(InstrumentTest, TheSweepIsAskedForAndShownAsMeasured) {
    show(Slot::scale_sweep);
    const ScaleSweep& sweep = *lane().sweep;
    ASSERT_TRUE(sweep.is_complete());
    for (const SweptTensor& tensor : sweep.tensors) {
        if (tensor.kind != ProbeKind::weight_gradient) continue;
        for (int scale = kLowestSweptScale; scale <= kHighestSweptScale; ++scale) {
            const double drawn = number("scale_sweep/" + tensor.tensor + "/" + std::to_string(scale));
            const double measured =
                tensor.points[static_cast<std::size_t>(scale - kLowestSweptScale)].relative_error;
            EXPECT_TRUE(drawn == measured || (std::isnan(drawn) && std::isnan(measured))) << tensor.tensor;
        }
    }
    const FlatWindow window = flat_window(sweep);
    EXPECT_EQ(number("scale_sweep/flat_first"), window.first);
    EXPECT_EQ(number("scale_sweep/flat_last"), window.last);
    fixture_.click("scale_sweep/measure");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    const auto* command = std::get_if<SweepScalesCommand>(&fixture_.sink.commands.front());
    ASSERT_TRUE(command);
    EXPECT_EQ(command->lane, "fp16");
    fixture_.snapshot.measured_lane = lane().id;
    fixture_.snapshot.measured = Measured::scales;
    fixture_.click("scale_sweep/cancel");
    ASSERT_EQ(fixture_.sink.commands.size(), 2u);
    EXPECT_TRUE(std::holds_alternative<CancelCommand>(fixture_.sink.commands.back()));
}

TEST_F(InstrumentTest, ATensorOfTheSweepShowsPredictedBesideMeasured) {
    show(Slot::scale_sweep);
    EXPECT_FALSE(fixture_.workbench.ui().probe.find_rectangle("scale_sweep/detail"));
    fixture_.click("scale_sweep/fc1.weight");
    EXPECT_TRUE(fixture_.workbench.ui().probe.find_rectangle("scale_sweep/detail"));
    const SweptTensor& tensor = lane().sweep->tensors.front();
    ASSERT_EQ(tensor.tensor, "fc1.weight");
    for (std::size_t point = 0; point < tensor.points.size(); ++point) {
        const LossAtScale loss = loss_at(tensor, point);
        const ClassCounts& counts = tensor.points[point].counts;
        const auto whole = static_cast<double>(counts.count());
        const double zeros = static_cast<double>(counts.true_zero + counts.flushed) -
                             static_cast<double>(tensor.true_classes.true_zero);
        EXPECT_DOUBLE_EQ(loss.zeros, std::max(0.0, 100.0 * zeros / whole));
        EXPECT_DOUBLE_EQ(loss.overflow, 100.0 * static_cast<double>(counts.inf + counts.nan) / whole);
        EXPECT_GE(loss.upstream, 0.0);
    }
}

TEST_F(InstrumentTest, WithoutASweepThePanelSaysWhatToDo) {
    for (LaneSnapshot& other : fixture_.snapshot.lanes) other.sweep.reset();
    show(Slot::scale_sweep);
    EXPECT_TRUE(fixture_.workbench.ui().probe.find_rectangle("scale_sweep/measure"));
    EXPECT_FALSE(fixture_.workbench.ui().probe.find_rectangle("scale_sweep/curves"));
}

TEST_F(InstrumentTest, TimeGoesBackByTheArrowAndToWhereItsHandleIsDragged) {
    fixture_.snapshot.next_step = 12;
    fixture_.snapshot.reached_step = 20;
    fixture_.click("time/back");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_EQ(std::get<GoToStepCommand>(fixture_.sink.commands[0]).step, 11);
    fixture_.click("time/track");  // its middle
    ASSERT_EQ(fixture_.sink.commands.size(), 2u);
    EXPECT_EQ(std::get<GoToStepCommand>(fixture_.sink.commands[1]).step, 10);
    // While it is on its way, one more step back is from where it is going to.
    fixture_.snapshot.going_to = 10;
    fixture_.frames();
    fixture_.click("time/back");
    EXPECT_EQ(std::get<GoToStepCommand>(fixture_.sink.commands[2]).step, 9);
}

TEST_F(InstrumentTest, WhatPlotsAskForIsSent) {
    fixture_.workbench.ui().requests.go_to_step = 4;
    fixture_.workbench.ui().requests.branch_at_step = 7;
    fixture_.frames();
    ASSERT_EQ(fixture_.sink.commands.size(), 2u);
    EXPECT_EQ(std::get<GoToStepCommand>(fixture_.sink.commands[0]).step, 4);
    const auto& branch = std::get<AddLaneCommand>(fixture_.sink.commands[1]);
    EXPECT_EQ(branch.branch_from, "fp16");
    EXPECT_EQ(branch.at_step, 7);
    EXPECT_EQ(branch.lane.techniques, lane().techniques);
}

TEST_F(InstrumentTest, TheMicroscopeCountsEveryFateAndAsksForWhatItLacks) {
    fixture_.workbench.ui().selected_tensor = "fc1.weight";
    show(Slot::microscope);
    const UpdatePeek& peek = *lane().peek;
    ASSERT_EQ(peek.tensor, "fc1.weight");
    std::uint64_t swallowed = 0, none = 0;
    for (std::size_t i = 0; i < peek.stored.size(); ++i) {
        const float w = peek.stored[i], d = peek.update[i];
        none += d == 0;
        swallowed += d != 0 && w != 0 && round_to_fp16(w + d) == w;
    }
    EXPECT_EQ(number("microscope/swallowed"), static_cast<double>(swallowed));
    EXPECT_EQ(number("microscope/no update"), static_cast<double>(none));
    EXPECT_EQ(number("microscope/swallowed") + number("microscope/no update") + number("microscope/rounded") +
                  number("microscope/exact"),
              static_cast<double>(peek.stored.size()));
    // It asked for this look by itself, once; for another tensor it asks again.
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_EQ(std::get<PeekUpdateCommand>(fixture_.sink.commands[0]).tensor, "fc1.weight");
    fixture_.frames(5);
    EXPECT_EQ(fixture_.sink.commands.size(), 1u);
    fixture_.workbench.ui().selected_tensor = "fc2.weight";
    fixture_.frames(3);
    ASSERT_EQ(fixture_.sink.commands.size(), 2u);
    EXPECT_EQ(std::get<PeekUpdateCommand>(fixture_.sink.commands[1]).tensor, "fc2.weight");
}

TEST_F(InstrumentTest, TheMicroscopeShowsTheGradientUnderEveryScale) {
    fixture_.workbench.ui().selected_tensor = "fc1.weight";
    show(Slot::microscope);
    const UpdatePeek& peek = *lane().peek;
    const auto element = static_cast<std::size_t>(number("microscope/element"));
    const UiProbe& probe = fixture_.workbench.ui().probe;
    for (int scale = -10; scale <= 30; ++scale) {
        const double exact = std::ldexp(static_cast<double>(peek.true_gradient[element]), scale);
        const double size = std::fabs(exact);
        const char* const expected = size == 0            ? "zero"
                                     : size <= 0x1p-25    ? "flushed"
                                     : size < 0x1.ffcp-15 ? "subnormal"
                                     : size < 65520       ? "normal"
                                                          : "overflow";
        const std::string id = "microscope/scale/" + std::to_string(scale);
        EXPECT_EQ(probe.find_value(id + "/gradient"), expected) << scale;
        EXPECT_EQ(probe.find_value(id + "/update") == "not finite", size >= 65520) << scale;
    }
    EXPECT_TRUE(probe.find_rectangle("microscope/scales"));
    EXPECT_TRUE(probe.find_value("microscope/alternative/loss scale"));
}

TEST_F(InstrumentTest, AClickOnTheMapShowsThatWeight) {
    fixture_.workbench.ui().selected_tensor = "fc1.weight";
    show(Slot::microscope);
    fixture_.click("microscope/map");
    const auto element = static_cast<std::size_t>(number("microscope/element"));
    EXPECT_EQ(static_cast<std::int64_t>(element), fixture_.workbench.ui().microscope.element);
    const UpdatePeek& peek = *lane().peek;
    ASSERT_LT(element, peek.stored.size());
    const std::string sentence = *fixture_.workbench.ui().probe.find_value("microscope/verdict");
    switch (fate_of(peek.format, peek.subnormals, peek.stored[element], peek.update[element])) {
        case UpdateFate::swallowed:
            EXPECT_NE(sentence.find("rounds back to w"), std::string::npos) << sentence;
            break;
        case UpdateFate::none:
            EXPECT_NE(sentence.find("nothing to add"), std::string::npos) << sentence;
            break;
        case UpdateFate::rounded:
            EXPECT_NE(sentence.find("w moves by"), std::string::npos) << sentence;
            break;
        case UpdateFate::exact:
            EXPECT_NE(sentence.find("is a number of this format"), std::string::npos) << sentence;
            break;
    }
}

TEST_F(InstrumentTest, AnOverflowIsListedExaminedAndExplained) {
    show(Slot::overflow);
    EXPECT_EQ(number("overflow/events"), 0);
    fixture_.timeline.record_event(lane().id,
                                   {5, "fp16", EventKind::nan, "non-finite gradient of fc2.weight"});
    fixture_.timeline.record_event(lane().id,
                                   {7, "fp16", EventKind::skip, "non-finite gradient of fc1.weight"});
    fixture_.frames();
    EXPECT_EQ(number("overflow/events"), 2);
    fixture_.click("overflow/step/5");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    const auto& command = std::get<ExamineOverflowCommand>(fixture_.sink.commands[0]);
    EXPECT_EQ(command.lane, "fp16");
    EXPECT_EQ(command.step, 5);
    OverflowReport report;
    report.step = 5;
    report.loss_scale = 1048576;
    report.origin_layer = "fc2";
    report.origin_op = "linear";
    report.halvings = 3;
    report.largest_gradient = 40000;
    OverflownTensor tensor;
    tensor.tensor = "fc2.weight";
    tensor.kind = ProbeKind::weight_gradient;
    tensor.counts.inf = 4;
    tensor.counts.normal = 60;
    tensor.shape = {8, 8};
    tensor.elements = {3, 17};
    tensor.stored = {INFINITY, -INFINITY};
    tensor.computed = {81920.0f, -70000.0f};
    report.tensors.push_back(tensor);
    for (LaneSnapshot& other : fixture_.snapshot.lanes)
        other.overflow = std::make_shared<const OverflowReport>(report);
    fixture_.frames();
    const UiProbe& probe = fixture_.workbench.ui().probe;
    EXPECT_EQ(
        probe.find_value("overflow/origin"),
        "It arose in the backward pass of fc2 (linear): 4 of 64 values of the weight gradient of fc2.weight "
        "became infinite or NaN.");
    EXPECT_NE(probe.find_value("overflow/backoff")->find("Halving S 3 times"), std::string::npos);
    EXPECT_EQ(number("overflow/tensor/fc2.weight/weight gradient"), 4);
    EXPECT_EQ(probe.find_value("overflow/tensor/fc2.weight/weight gradient/elements"),
              "[0, 3] inf (8.192e+04), [2, 1] -inf (-7e+04)");
}

TEST_F(InstrumentTest, TheAccumulatorLabAddsUpWhatTheLayerAdds) {
    const std::vector<DotSource>& sources = *fixture_.snapshot.dot_sources;
    const DotCapture& dot = *lane().dot;
    AccumulatorLab& lab = fixture_.workbench.ui().accumulator;
    lab.source = static_cast<int>(std::find(sources.begin(), sources.end(), dot.source) - sources.begin());
    ASSERT_LT(lab.source, static_cast<int>(sources.size()));
    lab.row = 1;
    lab.column = 2;
    show(Slot::accumulator);
    double exact = 0;
    float each = 0;
    std::int64_t swallowed = 0;
    for (std::size_t k = 0; k < dot.a.size(); ++k) {
        exact += static_cast<double>(dot.a[k]) * static_cast<double>(dot.b[k]);
        const float next = round_to_fp16(std::fma(dot.a[k], dot.b[k], each));
        swallowed += next == each && dot.a[k] * dot.b[k] != 0;
        each = next;
    }
    EXPECT_EQ(number("accumulator/exact"), exact);
    EXPECT_EQ(number("accumulator/every addend"), static_cast<double>(each));
    EXPECT_EQ(number("accumulator/swallowed"), static_cast<double>(swallowed));
    ASSERT_EQ(fixture_.sink.commands.size(), 1u) << "it asks by itself";
    EXPECT_EQ(std::get<CaptureDotCommand>(fixture_.sink.commands[0]).source, dot.source);
}

// Sums of pictures are counted by image, line and column: each has a slider, and together they are the row.
TEST_F(InstrumentTest, ASumIsChosenByWhatItIsCountedBy) {
    DotSource source{DotKind::convolution, "conv", 24, 5, 9, "(C, kh, kw)", {}, {}};
    source.row_axes = {{"image", 2}, {"y", 3}, {"x", 4}};
    source.column_axes = {{"output channel", 5}};
    fixture_.snapshot.dot_sources =
        std::make_shared<const std::vector<DotSource>>(std::vector<DotSource>{source});
    AccumulatorLab& lab = fixture_.workbench.ui().accumulator;
    lab.source = 0;
    lab.row = 21;  // image 1, y 2, x 1
    lab.column = 3;
    show(Slot::accumulator);
    EXPECT_EQ(lab.row, 21);
    EXPECT_EQ(lab.column, 3);
    fixture_.click("accumulator/y");  // the middle
    EXPECT_EQ(lab.row, 17);
    EXPECT_EQ(lab.column, 3);
    fixture_.click("accumulator/output channel");
    EXPECT_EQ(lab.row, 17);
    EXPECT_EQ(lab.column, 4) << "its name is part of it: the middle is on the right";
    const auto& command = std::get<CaptureDotCommand>(fixture_.sink.commands.back());
    EXPECT_EQ(command.row, 17);
    EXPECT_EQ(command.column, 4);
}

TEST_F(InstrumentTest, DraggingTheScaleShowsEveryHistogramAsItWouldBe) {
    UiState& ui = fixture_.workbench.ui();
    ui.selected_tensor = "fc1.weight";
    show(Slot::gradients);
    fixture_.click("gradients/what_if/curves");  // the middle: 2^10
    ASSERT_TRUE(ui.what_if_scale);
    EXPECT_EQ(*ui.what_if_scale, 10);
    fixture_.frames();
    KeptCounts all;
    for (const Probe& probe : lane().probes) {
        if (probe.kind != ProbeKind::weight_gradient) continue;
        ASSERT_EQ(probe.scale, 1.0) << "lane fp16 does not scale";
        all.merge(probe.counts);
        const ExponentHistogram::Prediction predicted = probe.counts.histogram.predict(10);
        const auto nonzero = static_cast<double>(probe.counts.fp16.count() - probe.counts.fp16.true_zero);
        EXPECT_DOUBLE_EQ(number("gradients/" + probe.tensor + "/flushed"),
                         100.0 * static_cast<double>(predicted.flushed) / nonzero);
        EXPECT_DOUBLE_EQ(number("gradients/" + probe.tensor + "/subnormal"),
                         100.0 * static_cast<double>(predicted.subnormal) / nonzero);
    }
    const auto nonzero = static_cast<double>(all.fp16.count() - all.fp16.true_zero);
    EXPECT_DOUBLE_EQ(number("gradients/all 6 tensors/flushed"),
                     100.0 * static_cast<double>(all.histogram.predict(10).flushed) / nonzero);
    EXPECT_NE(ui.probe.find_value("gradients/caption")->find("PREDICTED"), std::string::npos);
    fixture_.click("gradients/what_if/end");
    EXPECT_FALSE(ui.what_if_scale);
    fixture_.frames();
    EXPECT_DOUBLE_EQ(number("gradients/all 6 tensors/flushed"),
                     100.0 * static_cast<double>(all.fp16.flushed) / nonzero);
}

TEST_F(InstrumentTest, TheNetworkShowsEveryTensorsWorstClassAndLeadsToIt) {
    show(Slot::network);
    ASSERT_TRUE(fixture_.snapshot.outline);
    const std::vector<OutlineNode>& outline = *fixture_.snapshot.outline;
    ASSERT_EQ(outline.size(), 6u);  // two hidden layers with sigmoids, fc3, the loss
    EXPECT_EQ(outline[1].sources, std::vector<int>{0});
    EXPECT_EQ(outline[0].parameters, (std::vector<std::string>{"fc1.weight", "fc1.bias"}));
    for (const Probe& probe : lane().probes) {
        if (probe.kind != ProbeKind::weight_gradient) continue;
        const ClassCounts& counts = probe.counts.fp16;
        const auto nonzero = static_cast<double>(counts.count() - counts.true_zero);
        const std::uint64_t shown = counts.inf + counts.nan > counts.flushed ? counts.inf + counts.nan
                                    : counts.flushed > 0                     ? counts.flushed
                                                                             : counts.subnormal;
        EXPECT_DOUBLE_EQ(number("network/" + probe.tensor + "/weight_gradient"),
                         nonzero == 0 ? 0.0 : 100.0 * static_cast<double>(shown) / nonzero)
            << probe.tensor;
    }
    fixture_.click("network/fc2/activation_gradient");
    EXPECT_EQ(fixture_.workbench.ui().selected_tensor, "fc2");
    EXPECT_EQ(fixture_.workbench.ui().probe_kind, ProbeKind::activation_gradient);
}

/// A probe moved to another scale against the same values multiplied and counted anew.
TEST(WhatIf, AMovedProbeIsWhatCountingTheScaledValuesGives) {
    Probe probe;
    probe.kind = ProbeKind::weight_gradient;
    probe.scale = 8;
    std::vector<float> values;
    for (int i = 0; i < 4000; ++i)
        values.push_back(std::ldexp(1.0f + static_cast<float>(i % 97) / 97, i % 60 - 40) * (i % 2 ? 1 : -1));
    values.push_back(0.0f);
    values.push_back(INFINITY);
    values.push_back(NAN);
    TensorCounts counted;
    for (const float value : values) counted.add(value, round_to_fp16(value), Format::fp16);
    probe.counts = counted;
    for (const int exponent : {-10, 0, 3, 12, 30}) {
        TensorCounts expected;
        for (const float value : values) {
            const float scaled = std::ldexp(value, exponent - 3);
            expected.add(scaled, round_to_fp16(scaled), Format::fp16);
        }
        const Probe moved = under_scale(probe, exponent);
        EXPECT_EQ(moved.counts.fp16, expected.fp16) << exponent;
        EXPECT_EQ(moved.counts.histogram, expected.histogram) << exponent;
        EXPECT_EQ(moved.counts.max_abs, expected.max_abs);
        EXPECT_EQ(moved.scale, std::exp2(exponent));
    }
}

}  // namespace
}  // namespace halfscope
