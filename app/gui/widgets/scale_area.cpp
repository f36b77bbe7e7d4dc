#include "gui/widgets/scale_area.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "train/scale_sweep.h"

namespace halfscope {
namespace {

constexpr double kSpan = kHighestSweptScale - kLowestSweptScale;
constexpr int kGridStep = 5;

}  // namespace

float ScaleArea::x(double exponent) const {
    return min.x + static_cast<float>((exponent - kLowestSweptScale) / kSpan) * (max.x - min.x);
}

float ScaleArea::percent_y(double percent) const {
    return max.y - static_cast<float>(percent / 100.0) * (max.y - min.y);
}

bool ScaleArea::contains(ImVec2 point) const {
    return point.x >= min.x && point.x < max.x && point.y >= min.y && point.y < max.y;
}

int ScaleArea::exponent_at(float pixel) const {
    const double along = static_cast<double>((pixel - min.x) / std::max(1.0f, max.x - min.x));
    return std::clamp(static_cast<int>(std::lround(kLowestSweptScale + along * kSpan)), kLowestSweptScale,
                      kHighestSweptScale);
}

void draw_scale_grid(ImDrawList* draw, const Theme& theme, const ScaleArea& area) {
    // Every second label where they would touch.
    const float room = area.x(kGridStep) - area.x(0);
    const bool is_tight = room < ImGui::CalcTextSize(theme.power_of_two(kLowestSweptScale).c_str()).x * 1.4f;
    for (int exponent = kLowestSweptScale; exponent <= kHighestSweptScale; exponent += kGridStep) {
        const float x = area.x(exponent);
        draw->AddLine(ImVec2(x, area.min.y), ImVec2(x, area.max.y), theme.grid);
        if (is_tight && (exponent - kLowestSweptScale) % (2 * kGridStep) != 0) continue;
        const std::string label = theme.power_of_two(exponent);
        const float width = ImGui::CalcTextSize(label.c_str()).x;
        draw->AddText(
            ImVec2(std::clamp(x - width * 0.5f, area.min.x, std::max(area.min.x, area.max.x - width)),
                   area.max.y + theme.px(2)),
            theme.text_dim, label.c_str());
    }
}

void draw_percent_grid(ImDrawList* draw, const Theme& theme, const ScaleArea& area) {
    const float line = ImGui::GetTextLineHeight();
    for (const int percent : {0, 50, 100}) {
        const float y = area.percent_y(percent);
        draw->AddLine(ImVec2(area.min.x, y), ImVec2(area.max.x, y), theme.grid);
        const std::string label = std::to_string(percent) + "%";
        draw->AddText(ImVec2(area.min.x - ImGui::CalcTextSize(label.c_str()).x - theme.px(4),
                             std::clamp(y - line * 0.5f, area.min.y - theme.px(2), area.max.y - line * 0.7f)),
                      theme.text_dim, label.c_str());
    }
}

void draw_scale_mark(ImDrawList* draw, const Theme& theme, const ScaleArea& area, double scale,
                     const char* word, int lines_below) {
    const double exponent = scale > 0 && std::isfinite(scale) ? std::log2(scale) : 0.0;
    if (exponent < kLowestSweptScale || exponent > kHighestSweptScale) return;
    const float x = area.x(exponent);
    draw->AddLine(ImVec2(x, area.min.y), ImVec2(x, area.max.y), theme.text, theme.px(1.5f));
    const float width = ImGui::CalcTextSize(word).x;
    const bool fits_right = x + theme.px(4) + width < area.max.x;
    const float line = ImGui::GetTextLineHeight();
    draw->AddText(ImVec2(fits_right ? x + theme.px(4) : x - theme.px(4) - width,
                         area.min.y + static_cast<float>(lines_below) * line + theme.px(3)),
                  theme.text, word);
}

}  // namespace halfscope
