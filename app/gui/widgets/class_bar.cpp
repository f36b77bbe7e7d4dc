#include "gui/widgets/class_bar.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gui/imgui_compat.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/range_histogram.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

/// "F 97.1" where it fits, else the letter, else nothing.
void draw_part_label(ImDrawList* draw, const Theme& theme, char letter, double percent, ImVec2 min,
                     ImVec2 max) {
    const float line = ImGui::GetTextLineHeight(), width = max.x - min.x - theme.px(4);
    if (max.y - min.y < line * 0.8f) return;
    std::string text = std::string(1, letter) + " " + percent_text(percent);
    if (ImGui::CalcTextSize(text.c_str()).x > width) text = std::string(1, letter);
    const float wide = ImGui::CalcTextSize(text.c_str()).x;
    if (wide > width) return;
    draw->AddText(ImVec2((min.x + max.x - wide) * 0.5f, (min.y + max.y - line) * 0.5f), theme.text,
                  text.c_str());
}

}  // namespace

void draw_class_bar(ImDrawList* draw, const Theme& theme, const ClassCounts& counts, ShareOf share_of,
                    ImVec2 min, ImVec2 max) {
    draw->AddRectFilled(min, max, theme.plot_background);
    const ClassShares shares = class_shares(counts, share_of);
    if (shares.denominator > 0) {
        float x = min.x;
        const auto part = [&](double percent) {
            const float from = x;
            x = std::min(max.x, x + static_cast<float>(percent / 100.0) * (max.x - min.x));
            return std::pair(ImVec2(from, min.y), ImVec2(x, max.y));
        };
        for (const auto& [band, percent] :
             {std::pair{Band::flushed, shares.flushed}, std::pair{Band::subnormal, shares.subnormal},
              std::pair{Band::normal, shares.normal}, std::pair{Band::overflow, shares.overflow}}) {
            if (percent <= 0) continue;
            const auto [from, to] = part(percent);
            const BandLook look = theme.band(band);
            draw->AddRectFilled(from, to, with_opacity(look.solid, 0.45f));
            draw_hatch(draw, from, to, look.style, with_opacity(look.solid, 0.8f), theme.px(6));
            draw_part_label(draw, theme, look.letter, percent, from, to);
        }
        if (shares.nan > 0) {
            const auto [from, to] = part(shares.nan);
            draw->AddRectFilled(from, to, with_opacity(theme.error, 0.6f));
            if (to.x - from.x > ImGui::CalcTextSize("NaN").x)
                draw->AddText(
                    ImVec2(from.x + theme.px(2), (min.y + max.y - ImGui::GetTextLineHeight()) * 0.5f),
                    theme.text, "NaN");
        }
    }
    compat::add_rectangle(draw, min, max, theme.panel_border, 0, 1);
}

}  // namespace halfscope
