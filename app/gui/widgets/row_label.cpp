#include "gui/widgets/row_label.h"

#include <algorithm>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

constexpr float kMarkGap = 4, kControlGap = 6;  // pixels at scale 1

/// The (?) with the room around it.
float mark_width(const Theme& theme) {
    return ImGui::CalcTextSize("(?)").x + theme.px(kMarkGap) + theme.px(kControlGap);
}

}  // namespace

float row_label_need(const Theme& theme, std::string_view text) {
    return ImGui::CalcTextSize(text.data(), text.data() + text.size()).x + mark_width(theme);
}

void row_label(const Theme& theme, std::string_view text, ImU32 colour, const std::string& help,
               float width) {
    const float start = ImGui::GetCursorPosX();
    const float room = std::max(width - mark_width(theme), 1.0f);
    const float needed = ImGui::CalcTextSize(text.data(), text.data() + text.size()).x;
    ImGui::AlignTextToFramePadding();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::Dummy(ImVec2(std::min(needed, room), ImGui::GetFrameHeight()));
    item_tooltip(theme, needed > room ? help : std::string());
    const float baseline = at.y + ImGui::GetStyle().FramePadding.y;
    // Smaller before it is cut.
    ImFont* const small = needed > room ? theme.small_font : nullptr;
    const float below = ImGui::GetTextLineHeight();
    if (small) compat::push_font(small);
    draw_clipped_text(ImGui::GetWindowDrawList(),
                      ImVec2(at.x, baseline + (below - ImGui::GetTextLineHeight()) * 0.5f), room, colour,
                      text);
    if (small) ImGui::PopFont();
    help_marker(theme, help.c_str());
    ImGui::SameLine(start + width);
}

}  // namespace halfscope
