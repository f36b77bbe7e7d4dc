#include "gui/widgets/what_if.h"

#include <algorithm>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/tensor_row.h"

namespace halfscope {
namespace {

float x_of(const ImVec2& min, const ImVec2& max, double exponent) {
    return min.x + static_cast<float>((exponent - kWhatIfLowest) / (kWhatIfHighest - kWhatIfLowest)) *
                       (max.x - min.x);
}
float y_of(const ImVec2& min, const ImVec2& max, double percent) {
    return max.y - static_cast<float>(percent / 100.0) * (max.y - min.y);
}

void draw_curves(ImDrawList* draw, const Theme& theme, const std::vector<WhatIfPoint>& points, ImVec2 min,
                 ImVec2 max) {
    std::vector<ImVec2> flushed, overflow;
    for (const WhatIfPoint& point : points) {
        flushed.emplace_back(x_of(min, max, point.exponent), y_of(min, max, point.flushed));
        overflow.emplace_back(x_of(min, max, point.exponent), y_of(min, max, point.overflow));
    }
    const int count = static_cast<int>(points.size());
    draw_styled_line(draw, flushed.data(), count, theme.band(Band::flushed).solid, theme.px(2),
                     LineStyle::solid, theme.scale);
    draw_styled_line(draw, overflow.data(), count, theme.band(Band::overflow).solid, theme.px(2),
                     LineStyle::dashed, theme.scale);
}

void draw_scales(ImDrawList* draw, const Theme& theme, ImVec2 min, ImVec2 max) {
    for (int exponent = kWhatIfLowest; exponent <= kWhatIfHighest; exponent += 8) {
        const float x = x_of(min, max, exponent);
        draw->AddLine(ImVec2(x, min.y), ImVec2(x, max.y), theme.grid);
        const std::string label = theme.power_of_two(exponent);
        const float width = ImGui::CalcTextSize(label.c_str()).x;
        draw->AddText(ImVec2(std::clamp(x - width * 0.5f, min.x, max.x - width), max.y + theme.px(2)),
                      theme.text_dim, label.c_str());
    }
    for (const int percent : {0, 50, 100}) {
        const float y = y_of(min, max, percent);
        draw->AddLine(ImVec2(min.x, y), ImVec2(max.x, y), theme.grid);
        const std::string label = std::to_string(percent) + "%";
        draw->AddText(ImVec2(min.x - ImGui::CalcTextSize(label.c_str()).x - theme.px(4),
                             std::clamp(y - ImGui::GetTextLineHeight() * 0.5f, min.y - theme.px(2),
                                        max.y - ImGui::GetTextLineHeight() * 0.7f)),
                      theme.text_dim, label.c_str());
    }
}

void draw_window(ImDrawList* draw, const Theme& theme, int largest, ImVec2 min, ImVec2 max) {
    if (largest < kWhatIfLowest) return;
    const float x = x_of(min, max, largest);
    draw->AddLine(ImVec2(x, min.y), ImVec2(x, max.y), theme.good);
    const std::string text = "no overflow up to " + theme.power_of_two(largest);
    const float width = ImGui::CalcTextSize(text.c_str()).x;
    draw->AddText(ImVec2(std::max(min.x + theme.px(4), x - width - theme.px(5)), min.y + theme.px(2)),
                  theme.good, text.c_str());
}

void draw_now(ImDrawList* draw, const Theme& theme, double exponent, ImVec2 min, ImVec2 max) {
    if (exponent < kWhatIfLowest || exponent > kWhatIfHighest) return;
    const float x = x_of(min, max, exponent);
    draw->AddLine(ImVec2(x, min.y), ImVec2(x, max.y), theme.text, theme.px(1.5f));
    draw->AddText(ImVec2(x + theme.px(4), min.y + ImGui::GetTextLineHeight() + theme.px(3)), theme.text,
                  "now");
}

}  // namespace

std::vector<WhatIfPoint> what_if(const Probe& probe) {
    std::vector<WhatIfPoint> points;
    const double contained = probe.scale > 0 ? std::log2(probe.scale) : 0.0;
    for (int exponent = kWhatIfLowest; exponent <= kWhatIfHighest; ++exponent) {
        const int shift = static_cast<int>(std::lround(exponent - contained));
        const ExponentHistogram::Prediction predicted = probe.counts.histogram.predict(shift);
        const auto whole = static_cast<double>(std::max<std::uint64_t>(
            1, predicted.flushed + predicted.subnormal + predicted.normal + predicted.inf));
        points.push_back({exponent, 100.0 * static_cast<double>(predicted.flushed) / whole,
                          100.0 * static_cast<double>(predicted.inf) / whole});
    }
    return points;
}

int largest_without_overflow(const std::vector<WhatIfPoint>& points) {
    int largest = kWhatIfLowest - 1;
    for (const WhatIfPoint& point : points) {
        if (point.overflow == 0) largest = point.exponent;
    }
    return largest;
}

void draw_what_if(ImDrawList* draw, const Theme& theme, const Probe& probe, const Techniques& techniques,
                  ImVec2 min, ImVec2 max) {
    const float line = ImGui::GetTextLineHeight();
    const bool applies = techniques.storage == Format::fp16 && techniques.subnormals == Subnormals::keep;
    draw_clipped_text(draw, min, max.x - min.x, theme.text,
                      applies ? "what if S were ...  % of non-zero values: F flushed, O overflow"
                              : "what if these were stored in FP16 with a scale of ...");
    const ImVec2 area_min(min.x + theme.px(40), min.y + line + theme.px(6));
    const ImVec2 area_max(max.x - theme.px(6), max.y - 2 * line - theme.px(6));
    if (area_max.y - area_min.y < theme.px(24)) return;
    draw->AddRectFilled(area_min, area_max, theme.plot_background);
    const std::vector<WhatIfPoint> points = what_if(probe);
    draw_scales(draw, theme, area_min, area_max);
    draw_curves(draw, theme, points, area_min, area_max);
    draw_window(draw, theme, largest_without_overflow(points), area_min, area_max);
    draw_now(draw, theme, probe.scale > 0 ? std::log2(probe.scale) : 0.0, area_min, area_max);
    compat::add_rectangle(draw, area_min, area_max, theme.panel_border, 0, 1);
    draw_clipped_text(draw, ImVec2(min.x, max.y - line), max.x - min.x, theme.text_dim,
                      "these values' own loss; what was lost further up is not predicted");
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool hovered =
        mouse.x >= area_min.x && mouse.x < area_max.x && mouse.y >= area_min.y && mouse.y < area_max.y;
    if (!hovered || !ImGui::IsWindowHovered()) return;
    const double exact =
        kWhatIfLowest + static_cast<double>((mouse.x - area_min.x) / (area_max.x - area_min.x)) *
                            (kWhatIfHighest - kWhatIfLowest);
    const auto index = static_cast<std::size_t>(std::lround(exact) - kWhatIfLowest);
    begin_tooltip(theme);
    ImGui::Text("at S = %s: %s%% flushed, %s%% overflow", theme.power_of_two(points[index].exponent).c_str(),
                percent_text(points[index].flushed).c_str(), percent_text(points[index].overflow).c_str());
    end_tooltip();
}

}  // namespace halfscope
