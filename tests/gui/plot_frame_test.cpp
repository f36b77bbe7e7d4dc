// Axes: positions, ticks and labels that a reader can trust.
#include "gui/widgets/plot_frame.h"

#include <gtest/gtest.h>

#include <set>

namespace halfscope {
namespace {

PlotFrame frame_of(AxisScale scale, double low, double high) {
    PlotFrame frame;
    frame.min = {50, 10};
    frame.max = {650, 210};
    frame.steps = {0, 600};
    frame.scale = scale;
    frame.y_low = low;
    frame.y_high = high;
    return frame;
}

TEST(PlotFrame, PixelsAndValuesGoBothWays) {
    const PlotFrame frame = frame_of(AxisScale::logarithmic, -4, 1);
    EXPECT_FLOAT_EQ(frame.x(300), 350);
    EXPECT_DOUBLE_EQ(frame.step_at(350), 300);
    EXPECT_FLOAT_EQ(frame.y(10), 10);
    EXPECT_FLOAT_EQ(frame.y(1e-4), 210);
    EXPECT_NEAR(frame.axis_at(frame.y(0.01)), -2, 1e-6);
    // What the axis cannot show stays on its edge.
    EXPECT_FLOAT_EQ(frame.y(1e9), 10);
    EXPECT_FLOAT_EQ(frame.y(0), 210);
    EXPECT_FLOAT_EQ(frame.y(-3), 210);
}

void expect_readable(const std::vector<AxisTick>& ticks, const PlotFrame& frame, float gap) {
    std::set<std::string> labels;
    float last = 1e9f;
    for (const AxisTick& tick : ticks) {
        EXPECT_GE(tick.position, frame.y_low - 1e-9);
        EXPECT_LE(tick.position, frame.y_high + 1e-9);
        if (tick.label.empty()) continue;
        EXPECT_TRUE(labels.insert(tick.label).second) << "twice: " << tick.label;
        const float y = frame.y_of_axis(tick.position);
        EXPECT_GE(last - y, gap * 0.9f) << tick.label;
        last = y;
    }
    EXPECT_GE(labels.size(), 1u);
}

TEST(PlotFrame, TicksAreDistinctAndApartOnEveryAxis) {
    const Theme theme;
    constexpr float kGap = 24;
    for (const auto& [low, high] :
         {std::pair{0.0, 1.0}, {-3.2, 4.7}, {1e-7, 2e-7}, {1e6, 1.0001e6}, {0.98, 1.001}}) {
        const PlotFrame frame = frame_of(AxisScale::linear, low, high);
        expect_readable(value_ticks(frame, AxisLabels::numbers, theme, kGap), frame, kGap);
    }
    for (const auto& [low, high] :
         {std::pair{-4.0, 1.0}, {-0.3, 0.1}, {-20.0, 3.0}, {-2.0, 0.0}, {-40.0, 30.0}}) {
        const PlotFrame frame = frame_of(AxisScale::logarithmic, low, high);
        expect_readable(value_ticks(frame, AxisLabels::numbers, theme, kGap), frame, kGap);
    }
    for (const auto& [low, high] : {std::pair{0.0, 5.0}, {3.6, 5.4}, {-38.0, 38.0}}) {
        const PlotFrame frame = frame_of(AxisScale::logarithmic, low, high);
        expect_readable(value_ticks(frame, AxisLabels::powers_of_two, theme, kGap), frame, kGap);
    }
}

TEST(PlotFrame, LogarithmicTicksStandAtTheirValues) {
    const Theme theme;
    const PlotFrame frame = frame_of(AxisScale::logarithmic, -3.1, 0.1);
    std::set<std::string> labels;
    for (const AxisTick& tick : value_ticks(frame, AxisLabels::numbers, theme, 24)) {
        if (tick.label.empty()) continue;
        EXPECT_NEAR(std::pow(10.0, tick.position), std::stod(tick.label), std::stod(tick.label) * 1e-6);
        labels.insert(tick.label);
    }
    for (const char* label : {"1", "0.1", "0.01", "0.001"}) EXPECT_TRUE(labels.contains(label)) << label;
}

TEST(PlotFrame, StepTicksAreWholeSteps) {
    PlotFrame frame = frame_of(AxisScale::linear, 0, 1);
    for (const auto& [first, last] : {std::pair{0.0, 20.0}, {0.0, 3.0}, {123456.0, 1234567.0}, {7.3, 11.9}}) {
        frame.steps = {first, last};
        std::set<std::string> labels;
        for (const AxisTick& tick : step_ticks(frame, 70)) {
            EXPECT_EQ(tick.position, std::round(tick.position));
            EXPECT_TRUE(labels.insert(tick.label).second);
        }
        EXPECT_FALSE(labels.empty());
    }
}

}  // namespace
}  // namespace halfscope
