#include "gui/widgets/sweep_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

constexpr double kAllLost = 1.0;

const char* decade_text(int exponent, char (&text)[16]) {
    std::snprintf(text, sizeof text, exponent == 0 ? "1" : exponent == 1 ? "10" : "1e%d", exponent);
    return text;
}

/// The first layers, which lose most, strong, the last ones faint.
ImU32 depth_colour(ImU32 lane_colour, std::size_t index, std::size_t count) {
    const float along = count > 1 ? static_cast<float>(index) / static_cast<float>(count - 1) : 0.0f;
    return with_opacity(lane_colour, 1.0f - 0.7f * along);
}

/// The cells' colours along the axis of the errors that they stand for.
void draw_colour_strip(ImDrawList* draw, const Theme& theme, const ScaleArea& area) {
    constexpr int kPieces = 32;
    const float left = area.min.x, right = left + theme.px(5), height = (area.max.y - area.min.y) / kPieces;
    for (int piece = 0; piece < kPieces; ++piece) {
        const float bottom = area.max.y - height * static_cast<float>(piece);
        draw->AddRectFilled(ImVec2(left, bottom - height), ImVec2(right, bottom),
                            viridis((static_cast<float>(piece) + 0.5f) / kPieces));
    }
}

void draw_error_grid(ImDrawList* draw, const Theme& theme, const ErrorAxis& axis, const ScaleArea& area) {
    const float line = ImGui::GetTextLineHeight();
    for (int decade = axis.low; decade <= axis.high; ++decade) {
        const float y = area.percent_y(100.0 * axis.along(std::pow(10.0, decade)));
        draw->AddLine(ImVec2(area.min.x, y), ImVec2(area.max.x, y), theme.grid);
        char text[16];
        const char* label = decade_text(decade, text);
        draw->AddText(ImVec2(area.min.x - ImGui::CalcTextSize(label).x - theme.px(4),
                             std::clamp(y - line * 0.5f, area.min.y - theme.px(2), area.max.y - line * 0.8f)),
                      theme.text_dim, label);
    }
}

/// Half a step of the scale to either side: a scale stands for itself, not for the space to the next.
float edge(const ScaleArea& area, double exponent) {
    return std::clamp(area.x(exponent), area.min.x, area.max.x);
}

void draw_zone(ImDrawList* draw, const Theme& theme, const ScaleArea& area, double from, double to, Band band,
               const char* text) {
    const ImVec2 min(edge(area, from), area.min.y), max(edge(area, to), area.max.y);
    if (max.x - min.x < 1) return;
    const BandLook look = theme.band(band);
    draw_band(draw, min, max, look, theme.scale);
    // At the foot: the curves come in from above. The letter alone where there is no room.
    const char letter[2] = {look.letter, '\0'};
    const float room = max.x - min.x - theme.px(12);
    const bool fits = ImGui::CalcTextSize(text).x <= room;
    if (!fits && ImGui::CalcTextSize(letter).x > max.x - min.x) return;
    draw->AddText(
        ImVec2(min.x + theme.px(fits ? 9.0f : 3.0f), max.y - ImGui::GetTextLineHeight() - theme.px(2)),
        look.solid, fits ? text : letter);
}

/// The walls on both sides and the flat window between them, behind the curves.
void draw_walls(ImDrawList* draw, const Theme& theme, const ScaleSweep& sweep, const ScaleArea& area) {
    const FlatWindow window = flat_window(sweep);
    int overflow = kLowestSweptScale + sweep.done;  // the first scale that is not finite throughout
    for (int point = sweep.done; point-- > 0;) {
        if (std::isfinite(worst_error(sweep, static_cast<std::size_t>(point)))) break;
        overflow = kLowestSweptScale + point;
    }
    const double measured_to = kLowestSweptScale + sweep.done - 0.5;
    if (overflow < measured_to) {
        draw_zone(draw, theme, area, overflow - 0.5, measured_to, Band::overflow, "O  overflow: not finite");
    }
    if (window.is_empty()) return;
    if (window.first > kLowestSweptScale)
        draw_zone(draw, theme, area, kLowestSweptScale - 0.5, window.first - 0.5, Band::flushed,
                  "F  underflow");
    const ImVec2 min(edge(area, window.first - 0.5), area.min.y),
        max(edge(area, window.last + 0.5), area.max.y);
    draw->AddRectFilled(min, max, with_opacity(theme.good, 0.14f));
    for (const float x : {min.x, max.x}) draw->AddLine(ImVec2(x, min.y), ImVec2(x, max.y), theme.good);
    const std::string text =
        "flat: " + theme.power_of_two(window.first) + " to " + theme.power_of_two(window.last);
    draw_clipped_text(draw, ImVec2(min.x + theme.px(4), min.y + theme.px(2)), max.x - min.x - theme.px(6),
                      theme.good, text);
}

void draw_curve(ImDrawList* draw, const SweptTensor& tensor, const ErrorAxis& axis, const ScaleArea& area,
                ImU32 colour, float thickness) {
    std::vector<ImVec2> line;
    const auto flush = [&] {
        if (line.size() > 1)
            compat::add_polyline(draw, line.data(), static_cast<int>(line.size()), colour, thickness);
        if (line.size() == 1) draw->AddCircleFilled(line.front(), thickness, colour);
        line.clear();
    };
    for (std::size_t point = 0; point < tensor.points.size(); ++point) {
        const double error = tensor.points[point].relative_error;
        if (!std::isfinite(error)) {
            flush();
            continue;
        }
        line.emplace_back(area.x(kLowestSweptScale + static_cast<double>(point)),
                          area.percent_y(100.0 * axis.along(error)));
    }
    flush();
}

/// A share of a tensor's elements over the scales measured.
template <class Share>
void draw_share(ImDrawList* draw, const Theme& theme, const SweptTensor& tensor, const ScaleArea& area,
                ImU32 colour, LineStyle style, Share share) {
    std::vector<ImVec2> line;
    for (std::size_t point = 0; point < tensor.points.size(); ++point)
        line.emplace_back(area.x(kLowestSweptScale + static_cast<double>(point)),
                          area.percent_y(share(point)));
    if (line.size() > 1)
        draw_styled_line(draw, line.data(), static_cast<int>(line.size()), colour, theme.px(2), style,
                         theme.scale);
}

double predicted_overflow(const SweptTensor& tensor, std::size_t point) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(1, tensor.true_classes.count()));
    const int scale = kLowestSweptScale + static_cast<int>(point);
    return 100.0 * static_cast<double>(tensor.true_exponents.predict(scale).inf) / count;
}

}  // namespace

double ErrorAxis::along(double error) const {
    if (!(error > 0)) return 0.0;
    return std::clamp((std::log10(error) - low) / (high - low), 0.0, 1.0);
}

ErrorAxis error_axis(const ScaleSweep& sweep) {
    double least = kAllLost, most = kAllLost;
    for (const SweptTensor& tensor : sweep.tensors) {
        if (tensor.kind != ProbeKind::weight_gradient) continue;
        for (const SweptGradient& point : tensor.points) {
            if (!std::isfinite(point.relative_error) || point.relative_error <= 0) continue;
            least = std::min(least, point.relative_error);
            most = std::max(most, point.relative_error);
        }
    }
    ErrorAxis axis;
    axis.low = std::clamp(static_cast<int>(std::floor(std::log10(least))), -8, -2);
    axis.high = std::clamp(static_cast<int>(std::ceil(std::log10(most))), 0, 2);
    return axis;
}

std::string sweep_error_text(double error) {
    if (!std::isfinite(error)) return "not finite";
    char text[32];
    std::snprintf(text, sizeof text, error == 0 || error >= 0.01 ? "%.3f" : "%.1e", error);
    return text;
}

void draw_error_curves(ImDrawList* draw, const Theme& theme, const ScaleSweep& sweep, const ErrorAxis& axis,
                       const ScaleArea& area, const SweepMarks& marks) {
    draw->AddRectFilled(area.min, area.max, theme.plot_background);
    draw->PushClipRect(area.min, area.max, true);
    draw_walls(draw, theme, sweep, area);
    draw->PopClipRect();
    draw_scale_grid(draw, theme, area);
    draw_error_grid(draw, theme, axis, area);
    std::vector<const SweptTensor*> shown;
    for (const SweptTensor& tensor : sweep.tensors)
        if (tensor.kind == ProbeKind::weight_gradient) shown.push_back(&tensor);
    for (std::size_t index = 0; index < shown.size(); ++index) {
        const ImU32 colour = depth_colour(marks.lane_colour, index, shown.size());
        draw_curve(draw, *shown[index], axis, area,
                   marks.selected.empty() ? colour : with_opacity(colour, 0.55f), theme.px(1.6f));
    }
    for (const SweptTensor* tensor : shown)
        if (tensor->tensor == marks.selected)
            draw_curve(draw, *tensor, axis, area, theme.accent, theme.px(3));
    draw_colour_strip(draw, theme, area);
    if (marks.scale_now > 0) draw_scale_mark(draw, theme, area, marks.scale_now, "now", 1);
    compat::add_rectangle(draw, area.min, area.max, theme.panel_border, 0, 1);
}

void draw_error_cells(ImDrawList* draw, const Theme& theme, const SweptTensor& tensor, const ErrorAxis& axis,
                      const ScaleArea& area) {
    draw->AddRectFilled(area.min, area.max, theme.plot_background);
    const auto draw_special = [&](ImVec2 min, ImVec2 max, Band band) {
        const BandLook look = theme.band(band);
        draw->AddRectFilled(min, max, with_opacity(look.solid, 0.5f));
        draw_hatch(draw, min, max, look.style, look.solid, theme.px(5));
    };
    for (std::size_t point = 0; point < tensor.points.size(); ++point) {
        const double exponent = kLowestSweptScale + static_cast<double>(point);
        const ImVec2 min(edge(area, exponent - 0.5), area.min.y), max(edge(area, exponent + 0.5), area.max.y);
        const double error = tensor.points[point].relative_error;
        if (!std::isfinite(error)) {
            draw_special(min, max, Band::overflow);
        } else if (tensor.lost_share(point) > 0 && error >= kAllLost) {
            draw_special(min, max, Band::flushed);
        } else {
            draw->AddRectFilled(min, max, viridis(static_cast<float>(axis.along(error))));
        }
    }
}

LossAtScale loss_at(const SweptTensor& tensor, std::size_t point) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(1, tensor.true_classes.count()));
    const ClassCounts& counts = tensor.points[point].counts;
    const int scale = kLowestSweptScale + static_cast<int>(point);
    LossAtScale loss;
    loss.zeros = 100.0 * tensor.lost_share(point);
    loss.predicted = 100.0 * static_cast<double>(tensor.true_exponents.predict(scale).flushed) / count;
    loss.upstream = std::max(0.0, loss.zeros - loss.predicted);
    loss.overflow = 100.0 * static_cast<double>(counts.inf + counts.nan) / count;
    return loss;
}

void draw_predicted_and_measured(ImDrawList* draw, const Theme& theme, const SweptTensor& tensor,
                                 const ScaleArea& area, double scale_now) {
    draw->AddRectFilled(area.min, area.max, theme.plot_background);
    draw_scale_grid(draw, theme, area);
    draw_percent_grid(draw, theme, area);
    const ImU32 flushed = theme.band(Band::flushed).solid, overflow = theme.band(Band::overflow).solid;
    draw_share(draw, theme, tensor, area, flushed, LineStyle::dashed,
               [&](std::size_t point) { return loss_at(tensor, point).predicted; });
    draw_share(draw, theme, tensor, area, flushed, LineStyle::solid,
               [&](std::size_t point) { return loss_at(tensor, point).zeros; });
    draw_share(draw, theme, tensor, area, overflow, LineStyle::dashed,
               [&](std::size_t point) { return predicted_overflow(tensor, point); });
    draw_share(draw, theme, tensor, area, overflow, LineStyle::solid,
               [&](std::size_t point) { return loss_at(tensor, point).overflow; });
    if (scale_now > 0) draw_scale_mark(draw, theme, area, scale_now, "now", 0);
    compat::add_rectangle(draw, area.min, area.max, theme.panel_border, 0, 1);
}

}  // namespace halfscope
