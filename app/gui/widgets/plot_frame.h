// The geometry of one plot in one frame: where its area lies, which steps and values it spans, and where the
// ticks of its axes stand. Made and used by the files plot*.cpp and, for its ticks, by the accumulator's
// panel; knows no data.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/widgets/plot.h"

namespace halfscope {

struct PlotFrame {
    ImVec2 min, max;  ///< the plot's area without labels, window pixels
    StepRange steps;
    double y_low = 0, y_high = 1;  ///< axis units: log10 of the value on a logarithmic axis
    AxisScale scale = AxisScale::linear;

    float width() const { return max.x - min.x; }
    float height() const { return max.y - min.y; }
    float x(double step) const {
        return min.x + static_cast<float>((step - steps.first) / (steps.last - steps.first)) * width();
    }
    double step_at(float pixel) const {
        return steps.first + static_cast<double>((pixel - min.x) / width()) * (steps.last - steps.first);
    }
    /// A value in axis units; -inf for what a logarithmic axis cannot show.
    double axis_value(double value) const {
        return scale == AxisScale::logarithmic ? (value > 0 ? std::log10(value) : -INFINITY) : value;
    }
    /// Whether the axis has a place for it at all.
    bool shows(float value) const {
        return std::isfinite(value) && (scale == AxisScale::linear || value > 0);
    }
    float y_of_axis(double axis) const {
        return max.y - static_cast<float>((axis - y_low) / (y_high - y_low)) * height();
    }
    /// A value's pixel row, at the area's edge where it lies outside.
    float y(double value) const;
    double axis_at(float pixel) const {
        return y_low + static_cast<double>((max.y - pixel) / height()) * (y_high - y_low);
    }
    bool contains(ImVec2 point) const {
        return point.x >= min.x && point.x < max.x && point.y >= min.y && point.y < max.y;
    }
};

/// From the lowest to the highest of some values, in axis units. What an axis cannot show does not count.
struct AxisExtent {
    double low = INFINITY, high = -INFINITY;
    void take(double axis) {
        if (!std::isfinite(axis)) return;
        low = axis < low ? axis : low;
        high = axis > high ? axis : high;
    }
    /// Itself; of nothing, 0 to 1, on a logarithmic axis 0.1 to 10.
    AxisExtent or_default(AxisScale scale) const;
};

struct AxisTick {
    double position = 0;  ///< axis units
    std::string label;    ///< empty: a line without a label
};

/// Ticks of the value axis, at least `least_gap` pixels apart where they are labelled.
std::vector<AxisTick> value_ticks(const PlotFrame& frame, AxisLabels labels, const Theme& theme,
                                  float least_gap);
/// Ticks of the step axis, whole steps.
std::vector<AxisTick> step_ticks(const PlotFrame& frame, float least_gap);

/// Background, grid, and labels left of the area and below it.
void draw_axes(const PlotFrame& frame, AxisLabels labels, const Theme& theme);

}  // namespace halfscope
