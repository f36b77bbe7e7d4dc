#include "gui/widgets/plot_curves.h"

#include <algorithm>

#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

/// Least height of the value axis: a flat curve stays in the middle instead of filling the plot with noise.
double least_range(const PlotFrame& frame, const PlotSpec& spec, double middle) {
    if (spec.labels == AxisLabels::powers_of_two) return 6 * std::log10(2.0);
    if (frame.scale == AxisScale::logarithmic) return 0.08;
    return std::max(1e-9, std::abs(middle) * 0.02);
}

/// Collects pixels of one unbroken part of a curve.
class Pen {
  public:
    Pen(const PlotFrame& frame, CurveShape shape, LaneLook look, const Theme& theme)
        : frame_(frame), shape_(shape), look_(look), theme_(theme), draw_(ImGui::GetWindowDrawList()) {}
    ~Pen() { lift(); }
    Pen(const Pen&) = delete;
    Pen& operator=(const Pen&) = delete;

    void point(const SeriesPoint& point) {
        const float x = frame_.x(static_cast<double>(point.first_step + point.last_step) * 0.5);
        if (shape_ == CurveShape::steps && !pixels_.empty()) pixels_.emplace_back(x, pixels_.back().y);
        if (point.first_step == point.last_step) {
            pixels_.emplace_back(x, raw_y(point.last));
        } else {
            // The extreme nearer to the pen first: one stroke instead of a zigzag.
            const float low = raw_y(point.minimum), high = raw_y(point.maximum);
            const bool low_first =
                pixels_.empty() || std::abs(pixels_.back().y - low) < std::abs(pixels_.back().y - high);
            pixels_.emplace_back(x, low_first ? low : high);
            if (high != low) pixels_.emplace_back(x, low_first ? high : low);
            if (shape_ == CurveShape::steps && std::isfinite(point.last))
                pixels_.emplace_back(x, raw_y(point.last));
        }
        if (shape_ == CurveShape::points) {
            draw_marker(draw_, ImVec2(x, raw_y(point.last)), theme_.px(2.2f), MarkerShape::circle,
                        look_.colour);
        }
    }
    /// A value that cannot be drawn: a cross on the edge it left through.
    void gap(const SeriesPoint& point, float y) {
        lift();
        const float x = frame_.x(static_cast<double>(point.last_step));
        // Not one upon the other: a run of thousands of NaN is a row of crosses.
        if (x - last_gap_ < theme_.px(9)) return;
        last_gap_ = x;
        draw_marker(draw_, ImVec2(x, y), theme_.px(3.5f), MarkerShape::cross, look_.colour);
    }
    void lift() {
        draw_styled_line(draw_, pixels_.data(), static_cast<int>(pixels_.size()), look_.colour,
                         theme_.stroke(1.7f), look_.style, theme_.scale);
        if (pixels_.size() == 1) {
            draw_marker(draw_, pixels_.front(), theme_.px(2.2f), MarkerShape::circle, look_.colour);
        }
        pixels_.clear();
    }

  private:
    float raw_y(double value) const {
        // Far outside the area is far enough: floats of draw lists stay exact.
        return std::clamp(frame_.y_of_axis(frame_.axis_value(value)), frame_.min.y - 4000.0f,
                          frame_.max.y + 4000.0f);
    }

    const PlotFrame& frame_;
    CurveShape shape_;
    LaneLook look_;
    const Theme& theme_;
    ImDrawList* draw_;
    std::vector<ImVec2> pixels_;
    float last_gap_ = -1e9f;
};

bool is_symbol(PlotMark::Kind kind) {
    return kind != PlotMark::Kind::toggle && kind != PlotMark::Kind::lane && kind != PlotMark::Kind::alert;
}

MarkerShape shape_of(PlotMark::Kind kind) {
    switch (kind) {
        case PlotMark::Kind::growth:
            return MarkerShape::triangle_up;
        case PlotMark::Kind::backoff:
            return MarkerShape::triangle_down;
        case PlotMark::Kind::nan:
            return MarkerShape::square;
        default:
            return MarkerShape::cross;
    }
}

float symbol_y(const PlotFrame& frame, const PlotMark& mark, const std::vector<PlotCurve>& curves) {
    for (const PlotCurve& curve : curves) {
        if (curve.series->lane_id != mark.lane_id) continue;
        const SeriesPoint* point = curve.at_or_before(mark.step);
        if (point && std::isfinite(point->last)) return frame.y(point->last);
    }
    return frame.min.y;
}

/// A toggle's line with its label, which moves to the line's left near the right edge and is left out in a
/// low plot and where the one before is in its way. Returns whether the mouse is at it.
bool draw_toggle(const PlotFrame& frame, const PlotMark& mark, const Theme& theme, float& free_from) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float x = frame.x(static_cast<double>(mark.step));
    const ImU32 colour = mark.lane_id < 0 ? theme.text_dim : theme.lane(mark.lane_id).colour;
    for (float y = frame.min.y; y < frame.max.y; y += theme.px(7)) {
        draw->AddLine(ImVec2(x, y), ImVec2(x, std::min(y + theme.px(4), frame.max.y)), colour,
                      theme.stroke(1.2f));
    }
    draw_marker(draw, ImVec2(x, frame.min.y + theme.px(4)), theme.px(4), MarkerShape::diamond, colour);
    const float width = ImGui::CalcTextSize(mark.label.c_str()).x;
    const float room = frame.max.x - x - theme.px(8);
    const float left = room > std::min(width, theme.px(60)) ? x + theme.px(7) : x - theme.px(7) - width;
    const bool is_low = frame.height() < 8 * ImGui::GetTextLineHeight();  // it would lie on the curves
    if (!is_low && left >= free_from && left > frame.min.x) {
        draw_clipped_text(draw, ImVec2(left, frame.min.y + theme.px(1)), frame.max.x - left, colour,
                          mark.label);
        free_from = left + width + theme.px(8);
    }
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    return frame.contains(mouse) && std::abs(mouse.x - x) < theme.px(5);
}

/// A line with the sign of an alert at its foot, where no toggle has its own. Returns whether the mouse is at
/// it.
bool draw_alert(const PlotFrame& frame, const PlotMark& mark, const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float x = frame.x(static_cast<double>(mark.step)), foot = frame.max.y - theme.px(8);
    draw->AddLine(ImVec2(x, frame.min.y), ImVec2(x, frame.max.y), with_opacity(theme.warning, 0.7f),
                  theme.stroke(1.2f));
    const float radius = theme.px(6.5f), low = frame.min.x + radius;
    draw_alert_sign(draw, theme, ImVec2(std::clamp(x, low, std::max(low, frame.max.x - radius)), foot),
                    radius);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    return frame.contains(mouse) && std::abs(mouse.x - x) < theme.px(6);
}

}  // namespace

const SeriesPoint* PlotCurve::at_or_before(std::int64_t step) const {
    const auto after = std::upper_bound(
        points.begin(), points.end(), step,
        [](std::int64_t wanted, const SeriesPoint& point) { return wanted < point.first_step; });
    return after == points.begin() ? nullptr : &*(after - 1);
}

std::vector<PlotCurve> fetch_curves(const PlotSpec& spec, const Timeline& timeline, const UiState& ui,
                                    StepRange steps, int columns) {
    std::vector<PlotCurve> curves;
    const auto first = static_cast<std::int64_t>(std::floor(steps.first));
    const auto last = static_cast<std::int64_t>(std::ceil(steps.last));
    for (const PlotSeries& series : spec.series) {
        if (!ui.is_visible(series.lane_id)) continue;
        const Timeline& history = series.other ? *series.other : timeline;
        const int lane_id = series.other ? series.other_lane : series.lane_id;
        curves.push_back({&series, history.series(lane_id, series.kind, first, last,
                                                  static_cast<std::size_t>(std::max(1, columns)))});
    }
    return curves;
}

void choose_value_range(PlotFrame& frame, const std::vector<PlotCurve>& curves, const PlotSpec& spec,
                        const PlotState& state) {
    // Logarithms keep the order of values: two of them are enough.
    float least = INFINITY, most = -INFINITY;
    for (const PlotCurve& curve : curves) {
        for (const SeriesPoint& point : curve.points) {
            for (const float value : {point.minimum, point.maximum}) {
                if (!frame.shows(value)) continue;
                least = std::min(least, value);
                most = std::max(most, value);
            }
        }
    }
    AxisExtent extent;
    if (least <= most) {
        extent.take(frame.axis_value(static_cast<double>(least)));
        extent.take(frame.axis_value(static_cast<double>(most)));
    }
    auto [low, high] = extent.or_default(frame.scale);
    const double range = least_range(frame, spec, (low + high) * 0.5);
    if (high - low < range) {
        const double middle = (low + high) * 0.5;
        low = middle - range * 0.5;
        high = middle + range * 0.5;
    }
    const double margin = (high - low) * 0.06;
    frame.y_low = state.y_low.value_or(low - margin);
    frame.y_high = state.y_high.value_or(high + margin);
}

void draw_curve(const PlotFrame& frame, const PlotCurve& curve, CurveShape shape, const Theme& theme) {
    LaneLook look = theme.lane(curve.series->lane_id);
    if (curve.series->other) look.colour = with_opacity(look.colour, 0.45f);
    Pen pen(frame, shape, look, theme);
    for (const SeriesPoint& point : curve.points) {
        const bool drawable = frame.shows(point.minimum);
        if (drawable) pen.point(point);
        // NaN and inf left through the top; zero and less leave a logarithmic axis through the bottom.
        if (point.nonfinite > 0) {
            pen.gap(point, frame.min.y + theme.px(5));
        } else if (!drawable) {
            pen.gap(point, frame.max.y - theme.px(5));
        }
    }
}

const PlotMark* draw_marks(const PlotFrame& frame, const PlotSpec& spec, const std::vector<PlotCurve>& curves,
                           const Theme& theme) {
    const PlotMark* hovered = nullptr;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    float free_from = frame.min.x, last_alert = -1e9f;
    for (const PlotMark& mark : spec.marks) {
        const auto step = static_cast<double>(mark.step);
        if (step < frame.steps.first || step > frame.steps.last) continue;
        if (mark.kind == PlotMark::Kind::alert) {
            // Thousands of them are no more than a line for each pixel.
            if (frame.x(step) - last_alert < 1) continue;
            last_alert = frame.x(step);
            if (draw_alert(frame, mark, theme)) hovered = &mark;
            continue;
        }
        if (!is_symbol(mark.kind)) {
            if (draw_toggle(frame, mark, theme, free_from)) hovered = &mark;
            continue;
        }
        const ImVec2 at(frame.x(step), symbol_y(frame, mark, curves));
        const ImU32 colour = theme.lane(mark.lane_id).colour;
        // A dark rim sets the symbol off from the curve it lies on.
        draw_marker(ImGui::GetWindowDrawList(), at, theme.px(5.5f), shape_of(mark.kind),
                    theme.plot_background);
        draw_marker(ImGui::GetWindowDrawList(), at, theme.px(4.2f), shape_of(mark.kind), colour);
        if (std::abs(mouse.x - at.x) < theme.px(6) && std::abs(mouse.y - at.y) < theme.px(8)) hovered = &mark;
    }
    return hovered;
}

}  // namespace halfscope
