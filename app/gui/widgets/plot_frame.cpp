#include "gui/widgets/plot_frame.h"

#include <algorithm>
#include <cstdio>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

constexpr int kMostTicks = 200;  // whatever a zoomed view asks for

/// The smallest of 1, 2, 5, 10, 20, ... times a power of ten that is at least `least`.
double nice_stride(double least) {
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= least) return factor * power;
    }
    return 10.0 * power;
}

/// Digits enough to tell neighbouring ticks apart.
std::string linear_label(double value, double stride) {
    constexpr double kSmallest = 1e-4, kLargest = 1e6;  // beyond, powers of ten read better
    if (std::abs(value) < stride * 1e-6) return "0";
    if (stride >= kSmallest && std::abs(value) < kLargest) {
        char text[48];
        const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(stride) - 1e-9)));
        std::snprintf(text, sizeof text, "%.*f", decimals, value);
        return text;
    }
    const double largest = std::max(std::abs(value), stride);
    const int digits = static_cast<int>(std::ceil(std::log10(largest / stride))) + 1;
    return number_text(value, std::clamp(digits, 1, 9));
}

std::vector<AxisTick> linear_ticks(const PlotFrame& frame, float least_gap) {
    std::vector<AxisTick> ticks;
    const double range = frame.y_high - frame.y_low;
    const double stride = nice_stride(range * least_gap / std::max(1.0f, frame.height()));
    for (double index = std::ceil(frame.y_low / stride);
         index * stride <= frame.y_high && ticks.size() < kMostTicks; ++index) {
        ticks.push_back({index * stride, linear_label(index * stride, stride)});
    }
    return ticks;
}

std::vector<AxisTick> decade_ticks(const PlotFrame& frame, float least_gap) {
    std::vector<AxisTick> ticks;
    const double per_decade = frame.height() / (frame.y_high - frame.y_low);
    const int stride = std::max(1, static_cast<int>(std::ceil(least_gap / per_decade)));
    const int first = static_cast<int>(std::floor(frame.y_low)),
              last = static_cast<int>(std::ceil(frame.y_high));
    // 2 and 5 are labelled where there is room for them.
    const bool labels_between = per_decade * 0.30 >= least_gap;
    for (int decade = first; decade <= last && ticks.size() < kMostTicks; ++decade) {
        for (const int digit : {1, 2, 5}) {
            const double position = decade + std::log10(static_cast<double>(digit));
            if (position < frame.y_low || position > frame.y_high) continue;
            const bool labelled = digit == 1 ? decade % stride == 0 : labels_between;
            if (digit != 1 && stride > 1) continue;
            ticks.push_back({position, labelled ? number_text(digit * std::pow(10.0, decade), 2) : ""});
        }
    }
    return ticks;
}

std::vector<AxisTick> power_of_two_ticks(const PlotFrame& frame, const Theme& theme, float least_gap) {
    std::vector<AxisTick> ticks;
    const double one = std::log10(2.0);
    const double pixels = one * frame.height() / (frame.y_high - frame.y_low);
    const int stride = std::max(1, static_cast<int>(std::ceil(least_gap / pixels)));
    const int first = static_cast<int>(std::ceil(frame.y_low / one / stride)) * stride;
    for (int exponent = first; exponent * one <= frame.y_high && ticks.size() < kMostTicks;
         exponent += stride) {
        ticks.push_back({exponent * one, theme.power_of_two(exponent)});
    }
    return ticks;
}

/// Within one decade the ticks of a linear axis, carried over.
std::vector<AxisTick> short_log_ticks(const PlotFrame& frame, float least_gap) {
    PlotFrame linear = frame;
    linear.scale = AxisScale::linear;
    linear.y_low = std::pow(10.0, frame.y_low);
    linear.y_high = std::pow(10.0, frame.y_high);
    std::vector<AxisTick> ticks = linear_ticks(linear, least_gap);
    std::erase_if(ticks, [](const AxisTick& tick) { return tick.position <= 0; });
    float last_y = INFINITY;
    for (AxisTick& tick : ticks) {
        tick.position = std::log10(tick.position);
        // Even steps crowd together towards the top of a logarithmic axis.
        const float y = frame.y_of_axis(tick.position);
        if (last_y - y < least_gap) {
            tick.label.clear();
        } else {
            last_y = y;
        }
    }
    return ticks;
}

}  // namespace

AxisExtent AxisExtent::or_default(AxisScale scale) const {
    if (low <= high) return *this;
    return {scale == AxisScale::logarithmic ? -1.0 : 0.0, 1.0};
}

float PlotFrame::y(double value) const {
    const double axis = axis_value(value);
    return std::clamp(y_of_axis(axis), min.y, max.y);
}

std::vector<AxisTick> value_ticks(const PlotFrame& frame, AxisLabels labels, const Theme& theme,
                                  float least_gap) {
    if (frame.height() <= 0 || !(frame.y_high > frame.y_low)) return {};
    if (labels == AxisLabels::powers_of_two) return power_of_two_ticks(frame, theme, least_gap);
    if (frame.scale == AxisScale::linear) return linear_ticks(frame, least_gap);
    return frame.y_high - frame.y_low < 0.8 ? short_log_ticks(frame, least_gap)
                                            : decade_ticks(frame, least_gap);
}

std::vector<AxisTick> step_ticks(const PlotFrame& frame, float least_gap) {
    std::vector<AxisTick> ticks;
    if (frame.width() <= 0) return ticks;
    const double range = frame.steps.last - frame.steps.first;
    const double stride = std::max(1.0, nice_stride(range * least_gap / frame.width()));
    for (double index = std::ceil(frame.steps.first / stride);
         index * stride <= frame.steps.last && ticks.size() < kMostTicks; ++index) {
        ticks.push_back({index * stride, count_text(static_cast<std::int64_t>(index * stride))});
    }
    return ticks;
}

void draw_axes(const PlotFrame& frame, AxisLabels labels, const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float line = ImGui::GetTextLineHeight();
    draw->AddRectFilled(frame.min, frame.max, theme.plot_background);
    for (const AxisTick& tick : value_ticks(frame, labels, theme, line * 1.7f)) {
        const float y = frame.y_of_axis(tick.position);
        draw->AddLine(ImVec2(frame.min.x, y), ImVec2(frame.max.x, y),
                      tick.label.empty() ? with_opacity(theme.grid, 0.5f) : theme.grid);
        if (tick.label.empty()) continue;
        const float width = ImGui::CalcTextSize(tick.label.c_str()).x;
        const float top = std::clamp(y - line * 0.5f, frame.min.y - line * 0.3f, frame.max.y - line * 0.75f);
        draw->AddText(ImVec2(frame.min.x - width - theme.px(5), top), theme.text_dim, tick.label.c_str());
    }
    for (const AxisTick& tick : step_ticks(frame, theme.px(72))) {
        const float x = frame.x(tick.position);
        draw->AddLine(ImVec2(x, frame.min.y), ImVec2(x, frame.max.y), theme.grid);
        const float width = ImGui::CalcTextSize(tick.label.c_str()).x;
        if (x + width * 0.5f > frame.max.x - theme.px(30)) continue;  // the axis' name stands there
        draw->AddText(ImVec2(std::max(frame.min.x, x - width * 0.5f), frame.max.y + theme.px(2)),
                      theme.text_dim, tick.label.c_str());
    }
    const float name = ImGui::CalcTextSize("step").x;
    draw->AddText(ImVec2(frame.max.x - name, frame.max.y + theme.px(2)), theme.text_dim, "step");
    compat::add_rectangle(draw, frame.min, frame.max, theme.panel_border, 0.0f, 1.0f);
}

}  // namespace halfscope
