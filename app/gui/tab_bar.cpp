#include "gui/tab_bar.h"

#include <algorithm>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/panel_list.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

/// Pixels of a tile's tab bar.
struct TabMeasures {
    float width = 0, gap = 0, help_mark = 0;
    float heads = 0;  ///< of the groups' names, gap included; 0: these are left out
};

const char* tab_title(const PanelEntry& panel) { return panel.tab ? panel.tab : panel.title; }

float head_width(const Theme& theme, const PanelGroup& group) {
    if (theme.small_font) compat::push_font(theme.small_font);
    const float width = ImGui::CalcTextSize(group.title).x;
    if (theme.small_font) ImGui::PopFont();
    return width;
}

TabMeasures measure(const Theme& theme, const Tile& tile) {
    TabMeasures measures;
    measures.width = ImGui::GetContentRegionAvail().x;
    measures.gap = theme.px(12);
    measures.help_mark = ImGui::CalcTextSize("(?)").x;
    float heads = 0, longest = 0, line = 0;
    const PanelGroup* group = nullptr;
    for (const Slot slot : tile.slots) {
        const PanelEntry& panel = panel_of(slot);
        if (!panel.group) return measures;
        heads = std::max(heads, head_width(theme, *panel.group) + measures.gap);
        if (panel.group != group) line = 0;
        group = panel.group;
        line += ImGui::CalcTextSize(tab_title(panel)).x + measures.gap;
        longest = std::max(longest, line);
    }
    if (heads + longest + measures.help_mark <= measures.width) measures.heads = heads;
    return measures;
}

void draw_head(const Theme& theme, const PanelGroup& group, float width, UiState& ui) {
    const float line = ImGui::GetTextLineHeight();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::Dummy(ImVec2(width, line));
    ui.probe.rectangle(std::string("tabs/") + group.title, at, ImVec2(at.x + width, at.y + line));
    item_tooltip(theme, group.help);
    if (theme.small_font) compat::push_font(theme.small_font);
    ImGui::GetWindowDrawList()->AddText(ImVec2(at.x, at.y + (line - ImGui::GetTextLineHeight()) * 0.5f),
                                        theme.text_dim, group.title);
    if (theme.small_font) ImGui::PopFont();
    ImGui::SameLine(0, 0);
}

void draw_tab(const Theme& theme, const PanelEntry& panel, bool is_shown, UiState& ui) {
    const char* title = tab_title(panel);
    const ImVec2 size = ImGui::CalcTextSize(title), at = ImGui::GetCursorScreenPos();
    if (ImGui::InvisibleButton(panel.id, size)) show_tab(ui.layout, panel.slot);
    const bool is_lit = is_shown || ImGui::IsItemHovered();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddText(at, is_lit ? theme.text : theme.text_dim, title);
    if (is_shown) {
        draw->AddRectFilled(ImVec2(at.x, at.y + size.y + theme.px(1)),
                            ImVec2(at.x + size.x, at.y + size.y + theme.px(3)), theme.accent);
    }
    ui.probe.item(std::string("tab/") + panel.id);
    item_tooltip(theme, panel.help);
}

}  // namespace

void draw_tabs(const Theme& theme, const Tile& tile, UiState& ui) {
    const TabMeasures measures = measure(theme, tile);
    const ImVec2 start = ImGui::GetCursorPos();
    float room = measures.width - measures.gap - measures.help_mark;
    const PanelGroup* group = nullptr;
    for (const Slot slot : tile.slots) {
        const PanelEntry& panel = panel_of(slot);
        const float needed = ImGui::CalcTextSize(tab_title(panel)).x;
        const bool is_new_group = measures.heads > 0 && panel.group != group;
        const bool begins_line = is_new_group || (measures.heads == 0 && room < needed);
        if (begins_line && slot != tile.slots.front()) {
            ImGui::NewLine();
            room = measures.width;
        }
        if (is_new_group) draw_head(theme, *panel.group, measures.heads, ui);
        group = panel.group;
        room -= needed + measures.gap;
        draw_tab(theme, panel, slot == tile.shown, ui);
        ImGui::SameLine(0, measures.gap);
    }
    ImGui::NewLine();
    const ImVec2 end = ImGui::GetCursorPos();
    // The (?) of the shown one stands at the right end.
    ImGui::SetCursorPos(ImVec2(start.x + measures.width - measures.help_mark, start.y));
    help_mark(theme, panel_of(tile.shown).help);
    ui.probe.item(std::string("help/") + panel_of(tile.slots.front()).id);
    ImGui::SetCursorPos(end);
}

}  // namespace halfscope
