#include "gui/widgets/what_if.h"

#include <algorithm>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/scale_area.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

bool is_power_of_two(double scale) {
    int exponent = 0;
    return std::frexp(scale, &exponent) == 0.5;
}

/// Shades the scales that lose least and names the last one without overflow.
void draw_window(ImDrawList* draw, const Theme& theme, const std::vector<WhatIfPoint>& points,
                 const ScaleArea& area) {
    const WhatIfWindow window = best_window(points);
    const float top = area.min.y + theme.px(2);
    if (window.is_empty()) {
        draw_clipped_text(draw, ImVec2(area.min.x + theme.px(4), top), area.max.x - area.min.x, theme.error,
                          "every scale overflows");
        return;
    }
    const float left = area.x(window.first), right = area.x(window.last);
    draw->AddRectFilled(ImVec2(left, area.min.y), ImVec2(std::max(right, left + 1), area.max.y),
                        with_opacity(theme.good, 0.16f));
    draw->AddLine(ImVec2(right, area.min.y), ImVec2(right, area.max.y), theme.good);
    const int largest = window.last;
    const std::string text = largest == kHighestSweptScale
                                 ? "no overflow up to " + theme.power_of_two(largest) + " and beyond"
                                 : "no overflow up to " + theme.power_of_two(largest);
    const float width = ImGui::CalcTextSize(text.c_str()).x;
    draw_clipped_text(draw, ImVec2(std::max(area.min.x + theme.px(4), right - width - theme.px(5)), top),
                      area.max.x - area.min.x - theme.px(8), theme.good, text);
}

/// One curve with its band's letter where it is highest.
void draw_curve(ImDrawList* draw, const Theme& theme, const std::vector<WhatIfPoint>& points, Band band,
                const ScaleArea& area) {
    const bool is_flushed = band == Band::flushed;
    std::vector<ImVec2> line;
    line.reserve(points.size());
    for (const WhatIfPoint& point : points) {
        line.emplace_back(area.x(point.exponent),
                          area.percent_y(is_flushed ? point.flushed : point.overflow));
    }
    const BandLook look = theme.band(band);
    draw_styled_line(draw, line.data(), static_cast<int>(line.size()), look.solid, theme.px(2),
                     is_flushed ? LineStyle::solid : LineStyle::dashed, theme.scale);
    const ImVec2 end = is_flushed ? line.front() : line.back();
    const char letter[2] = {look.letter, '\0'};
    const ImVec2 size = ImGui::CalcTextSize(letter);
    // Below a curve at the upper edge, above one at the lower.
    const float y =
        end.y - area.min.y > size.y + theme.px(4) ? end.y - size.y - theme.px(2) : end.y + theme.px(2);
    draw->AddText(ImVec2(is_flushed ? end.x + theme.px(4) : end.x - size.x - theme.px(4), y), look.solid,
                  letter);
}

/// The scale in use, and what happens there: the curves must run through it.
void draw_now(ImDrawList* draw, const Theme& theme, const WhatIfCurves& curves, const ScaleArea& area) {
    const double exponent = contained_log2(curves.now_scale);
    if (exponent < kLowestSweptScale || exponent > kHighestSweptScale) return;
    draw_scale_mark(draw, theme, area, curves.now_scale, curves.now_word, 1);
    const float x = area.x(exponent);
    draw_marker(draw, ImVec2(x, area.percent_y(curves.now_flushed)), theme.px(4), MarkerShape::circle,
                theme.band(Band::flushed).solid);
    draw_marker(draw, ImVec2(x, area.percent_y(curves.now_overflow)), theme.px(4), MarkerShape::square,
                theme.band(Band::overflow).solid);
}

/// For whom the prediction holds, in the title itself.
std::string title_of(const Probe& probe, const Techniques& techniques) {
    if (probe.own_format != Format::fp16) {
        return "if FP16 stored these with S = ... (here: " + std::string(format_info(probe.own_format).name) +
               ")";
    }
    if (techniques.subnormals == Subnormals::flush) return "if S were ..., subnormals kept (here: flushed)";
    if (!is_power_of_two(probe.scale)) return "if S were ... (now no power of two: rounded)";
    return "if S were ...: % F flushed, O overflow";
}

constexpr const char* kHonestLabel =
    "representation loss of these gradients; underflow upstream is not predicted";

void draw_tooltip(const Theme& theme, const WhatIfCurves& curves, const ScaleArea& area, float x) {
    const std::vector<WhatIfPoint>& points = curves.points;
    const auto index = static_cast<std::size_t>(area.exponent_at(x) - kLowestSweptScale);
    const WhatIfPoint& point = points[index];
    const WhatIfWindow window = best_window(points);
    begin_tooltip(theme);
    ImGui::Text("S = %s: F %s%% flushed, O %s%% overflow, of the non-zero finite elements",
                theme.power_of_two(point.exponent).c_str(), percent_text(point.flushed).c_str(),
                percent_text(point.overflow).c_str());
    if (!window.is_empty()) {
        ImGui::Text("least is lost from %s to %s: nothing overflows, %s%% flushed",
                    theme.power_of_two(window.first).c_str(), theme.power_of_two(window.last).c_str(),
                    percent_text(window.flushed).c_str());
    }
    dim_text(theme, curves.exactness.c_str());
    end_tooltip();
}

}  // namespace

std::vector<WhatIfPoint> what_if(const Probe& probe) {
    std::vector<WhatIfPoint> points;
    const double contained = contained_log2(probe.scale);
    for (int exponent = kLowestSweptScale; exponent <= kHighestSweptScale; ++exponent) {
        const int shift = static_cast<int>(std::lround(exponent - contained));
        const ExponentHistogram::Prediction predicted = probe.counts.histogram.predict(shift);
        const std::uint64_t whole =
            predicted.flushed + predicted.subnormal + predicted.normal + predicted.inf;
        if (whole == 0) return {};
        points.push_back({exponent, percent_of(predicted.flushed, whole), percent_of(predicted.inf, whole)});
    }
    return points;
}

std::vector<WhatIfPoint> what_if(const RetainedValues& values, NumberFormat format) {
    std::vector<WhatIfPoint> points;
    const std::uint64_t whole = values.magnitudes.size() + values.lost_to_infinity + values.lost_to_zero;
    if (whole == 0) return points;
    for (int exponent = kLowestSweptScale; exponent <= kHighestSweptScale; ++exponent) {
        const FormatClasses found = classes_under(values, format, std::ldexp(1.0f, exponent));
        points.push_back(
            {exponent, percent_of(found.classes.flushed, whole), percent_of(found.overflowed(), whole)});
    }
    return points;
}

int largest_without_overflow(const std::vector<WhatIfPoint>& points) {
    int largest = kLowestSweptScale - 1;
    for (const WhatIfPoint& point : points) {
        if (point.overflow == 0) largest = point.exponent;
    }
    return largest;
}

WhatIfWindow best_window(const std::vector<WhatIfPoint>& points) {
    WhatIfWindow window;
    // Flushing falls and overflow rises with S, so the best scales end at the last one without overflow.
    for (const WhatIfPoint& point : points) {
        if (point.overflow != 0) break;
        if (window.is_empty() || point.flushed < window.flushed) {
            window.first = point.exponent;
            window.flushed = point.flushed;
        }
        window.last = point.exponent;
    }
    return window;
}

Probe under_scale(const Probe& probe, int exponent) {
    Probe moved = probe;
    const int shift = static_cast<int>(std::lround(exponent - contained_log2(probe.scale)));
    moved.scale = std::exp2(exponent);
    moved.relative_error = -1;
    moved.cosine = -2;
    const ExponentHistogram::Prediction predicted = probe.counts.histogram.predict(shift);
    ClassCounts& classes = moved.counts.fp16;
    classes.flushed = predicted.flushed;
    classes.subnormal = predicted.subnormal;
    classes.normal = predicted.normal;
    classes.inf = predicted.inf + classes.inf_incoming;
    moved.counts.histogram = probe.counts.histogram.moved(shift);
    moved.counts.min_abs = std::ldexp(probe.counts.min_abs, shift);
    moved.counts.max_abs = std::ldexp(probe.counts.max_abs, shift);
    return moved;
}

Probe total_of(const std::vector<const Probe*>& probes, const std::string& name) {
    Probe total;
    total.tensor = name;
    if (probes.empty()) return total;
    total.kind = probes.front()->kind;
    total.own_format = probes.front()->own_format;
    total.scale = probes.front()->scale;
    for (const Probe* probe : probes) total.counts.merge(probe->counts);
    return total;
}

ScaleArea what_if_area(const Theme& theme, ImVec2 min, ImVec2 max) {
    const float line = ImGui::GetTextLineHeight();
    // Never cut: it says what the curves do not.
    const float label = ImGui::CalcTextSize(kHonestLabel, nullptr, false, max.x - min.x).y;
    return {ImVec2(min.x + theme.px(42), min.y + line + theme.px(6)),
            ImVec2(max.x - theme.px(6), max.y - line - label - theme.px(6))};
}

void draw_what_if_curves(ImDrawList* draw, const Theme& theme, const WhatIfCurves& curves,
                         std::optional<int> shown, const ScaleArea& area) {
    draw->AddRectFilled(area.min, area.max, theme.plot_background);
    if (curves.points.empty()) {
        const float middle = (area.min.y + area.max.y - ImGui::GetTextLineHeight()) * 0.5f;
        draw_clipped_text(draw, ImVec2(area.min.x + theme.px(6), middle),
                          area.max.x - area.min.x - theme.px(8), theme.text_dim,
                          "no finite value but zeros: no scale brings them back");
        return;
    }
    draw_scale_grid(draw, theme, area);
    draw_percent_grid(draw, theme, area);
    draw_window(draw, theme, curves.points, area);
    draw_curve(draw, theme, curves.points, Band::flushed, area);
    draw_curve(draw, theme, curves.points, Band::overflow, area);
    draw_now(draw, theme, curves, area);
    if (shown)
        draw_scale_mark(draw, theme, area, std::exp2(*shown), ("S = " + theme.power_of_two(*shown)).c_str(),
                        2);
    compat::add_rectangle(draw, area.min, area.max, theme.panel_border, 0, 1);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (area.contains(mouse) && ImGui::IsWindowHovered()) draw_tooltip(theme, curves, area, mouse.x);
}

void drag_what_if_scale(UiState& ui, const ScaleArea& area, std::optional<int>& scale,
                        const std::string& id) {
    if (area.max.x - area.min.x < 20 || area.max.y - area.min.y < 20) return;
    ImGui::SetCursorScreenPos(area.min);
    ImGui::InvisibleButton("what_if", ImVec2(area.max.x - area.min.x, area.max.y - area.min.y));
    ui.probe.item(id);
    if (ImGui::IsItemHovered()) ImGui::SetMouseCursor(ImGuiMouseCursor_ResizeEW);
    if (ImGui::IsItemActive()) scale = area.exponent_at(ImGui::GetIO().MousePos.x);
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) scale.reset();
}

void draw_what_if(ImDrawList* draw, const Theme& theme, const Probe& probe, const Techniques& techniques,
                  std::optional<int> shown, ImVec2 min, ImVec2 max) {
    const float width = max.x - min.x;
    const float label_height = ImGui::CalcTextSize(kHonestLabel, nullptr, false, width).y;
    draw_clipped_text(draw, min, width, theme.text, title_of(probe, techniques));
    const ScaleArea area = what_if_area(theme, min, max);
    if (area.max.y - area.min.y < theme.px(24) || area.max.x - area.min.x < theme.px(60)) return;
    WhatIfCurves curves;
    curves.points = what_if(probe);
    curves.now_scale = probe.scale;
    const ClassCounts& counts = probe.counts.fp16;
    const std::uint64_t overflowed = counts.inf - counts.inf_incoming;
    const std::uint64_t whole = counts.flushed + counts.subnormal + counts.normal + overflowed;
    curves.now_flushed = percent_of(counts.flushed, whole);
    curves.now_overflow = percent_of(overflowed, whole);
    curves.exactness =
        "Exact for FP16, nearest even, subnormals kept, S a power of two. Circle and square: as counted "
        "now. Representation loss of these gradients; underflow upstream is not predicted.";
    draw_what_if_curves(draw, theme, curves, shown, area);
    if (curves.points.empty()) return;
    draw->AddText(ImGui::GetFont(), ImGui::GetFontSize(), ImVec2(min.x, max.y - label_height), theme.text_dim,
                  kHonestLabel, nullptr, width);
}

}  // namespace halfscope
