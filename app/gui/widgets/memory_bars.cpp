#include "gui/widgets/memory_bars.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

float luminance(ImU32 colour) {
    const ImVec4 c = ImGui::ColorConvertU32ToFloat4(colour);
    return 0.299f * c.x + 0.587f * c.y + 0.114f * c.z;
}

/// The theme's ink that stands out more from `background`.
ImU32 ink_on(const Theme& theme, ImU32 background) {
    const float light = luminance(background);
    const bool text_reads_better =
        std::abs(luminance(theme.text) - light) > std::abs(luminance(theme.panel_background) - light);
    return text_reads_better ? theme.text : theme.panel_background;
}

void draw_part(const Theme& theme, const LaneSnapshot& lane, std::size_t index, ImVec2 min, ImVec2 max) {
    const MemoryCategoryLook& look = kMemoryLooks[index];
    const ImU32 colour = memory_colour(theme, index);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(min, max, colour);
    const char letter[2] = {look.letter, '\0'};
    const ImVec2 size = ImGui::CalcTextSize(letter);
    if (max.x - min.x > size.x + theme.px(4)) {
        draw->AddText(ImVec2((min.x + max.x - size.x) * 0.5f, (min.y + max.y - size.y) * 0.5f),
                      ink_on(theme, colour), letter);
    }
    if (!ImGui::IsMouseHoveringRect(min, max) || !ImGui::IsWindowHovered()) return;
    const std::uint64_t bytes = lane.memory[look.category];
    const double share = 100.0 * static_cast<double>(bytes) /
                         static_cast<double>(std::max<std::uint64_t>(1, lane.memory.total()));
    begin_tooltip(theme);
    ImGui::Text("%s, %s: %s (%s bytes), %.1f%% of this lane's memory", lane.name.c_str(), look.name,
                bytes_text(bytes).c_str(), count_text(static_cast<std::int64_t>(bytes)).c_str(), share);
    end_tooltip();
}

}  // namespace

ImU32 memory_colour(const Theme& theme, std::size_t index) {
    // From viridis, and away from the end that would vanish in the theme's background.
    const float step = 0.17f * static_cast<float>(index);
    return viridis(theme.is_dark() ? 0.30f + step : 0.12f + step);
}

void draw_memory_bars(const Theme& theme, const std::vector<LaneSnapshot>& lanes) {
    std::uint64_t largest = 1;
    float totals = 0;
    for (const LaneSnapshot& lane : lanes) {
        largest = std::max(largest, lane.memory.total());
        totals = std::max(totals, ImGui::CalcTextSize(bytes_text(lane.memory.total()).c_str()).x);
    }
    const float height = ImGui::GetTextLineHeight();
    for (const LaneSnapshot& lane : lanes) {
        lane_chip(theme, lane.id);
        ImGui::SameLine(0, theme.px(6));
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float width = ImGui::GetContentRegionAvail().x - totals - theme.px(12);
        float x = at.x;
        for (std::size_t index = 0; index < kMemoryLooks.size() && width > 0; ++index) {
            const double share =
                static_cast<double>(lane.memory[kMemoryLooks[index].category]) / static_cast<double>(largest);
            const float next = x + static_cast<float>(share) * width;
            if (next > x) draw_part(theme, lane, index, ImVec2(x, at.y), ImVec2(next, at.y + height));
            x = next;
        }
        const std::string total = bytes_text(lane.memory.total());
        ImGui::GetWindowDrawList()->AddText(ImVec2(x + theme.px(6), at.y), theme.text, total.c_str());
        ImGui::Dummy(ImVec2(std::max(1.0f, width + totals), height));
    }
}

}  // namespace halfscope
