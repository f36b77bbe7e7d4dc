#include "gui/widgets/lane_choice.h"

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"

namespace halfscope {

void flow_to(float width) {
    const float right = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
    if (ImGui::GetItemRectMax().x + ImGui::GetStyle().ItemSpacing.x + width < right) ImGui::SameLine();
}

void flow_to_button(const std::string& label) {
    flow_to(ImGui::CalcTextSize(label.c_str()).x + ImGui::GetStyle().FramePadding.x * 2);
}

const LaneSnapshot* lane_to_show(const Theme& theme, const UiState& ui, const Snapshot& snapshot) {
    const LaneSnapshot* lane = selected_lane(snapshot, ui);
    if (!lane) empty_state(theme, "No lane yet: add one under LANES.");
    return lane;
}

void draw_view_choice(const Theme& theme, UiState& ui, const std::string& panel) {
    const bool is_scaled = ui.gradient_view == GradientView::scaled;
    flow_to_button("unscaled");
    if (ImGui::Button(is_scaled ? "scaled" : "unscaled"))
        ui.gradient_view = is_scaled ? GradientView::unscaled : GradientView::scaled;
    ui.probe.item(panel + "/view");
    item_tooltip(theme,
                 "scaled: the values as they are stored, S times the gradient. unscaled: divided by S; "
                 "FP16's bands move along, because what is flushed is decided on the stored value.");
}

void draw_lane_choice(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& chosen,
                      const std::string& panel) {
    const float line = ImGui::GetTextLineHeight(),
                chip = line * 1.15f + theme.px(27);  // as lane_chip() draws it
    bool is_first = true;
    for (const LaneSnapshot& lane : snapshot.lanes) {
        const float width = chip + ImGui::CalcTextSize(lane.name.c_str()).x + theme.px(12);
        if (!is_first) flow_to(width);
        is_first = false;
        ImGui::PushID(lane.id);
        if (ImGui::InvisibleButton("lane", ImVec2(width, ImGui::GetFrameHeight()))) {
            ui.selected_lane = lane.id;
        }
        ImGui::PopID();
        ui.probe.item(panel + "/lane/" + lane.name);
        const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
        ImDrawList* draw = ImGui::GetWindowDrawList();
        const bool is_chosen = &lane == &chosen;
        if (is_chosen || ImGui::IsItemHovered())
            draw->AddRectFilled(min, max, theme.accent_soft, theme.px(4));
        if (is_chosen) compat::add_rectangle(draw, min, max, theme.accent, theme.px(4), 1);
        const LaneLook look = theme.lane(lane.id);
        const float y = (min.y + max.y) * 0.5f, text_y = y - line * 0.5f;
        const char letter[2] = {look.letter, '\0'};
        draw->AddText(ImVec2(min.x + theme.px(5), text_y), look.colour, letter);
        const ImVec2 sample[2] = {ImVec2(min.x + line + theme.px(4), y), ImVec2(min.x + chip, y)};
        draw_styled_line(draw, sample, 2, look.colour, theme.px(2.5f), look.style, theme.scale * 0.8f);
        draw->AddText(ImVec2(min.x + chip + theme.px(5), text_y), is_chosen ? theme.text : theme.text_dim,
                      lane.name.c_str());
    }
}

}  // namespace halfscope
