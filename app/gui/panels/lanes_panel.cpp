#include "gui/panels/lanes_panel.h"

#include <algorithm>
#include <utility>

#include "gui/imgui_compat.h"
#include "gui/run_actions.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/preset_match.h"

namespace halfscope {
namespace {

/// An open or a crossed-out eye.
void draw_eye(ImVec2 min, float size, bool is_open, ImU32 colour) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImVec2 centre(min.x + size * 0.5f, min.y + size * 0.5f);
    draw->AddBezierQuadratic(ImVec2(min.x, centre.y), ImVec2(centre.x, min.y), ImVec2(min.x + size, centre.y),
                             colour, 1.3f);
    draw->AddBezierQuadratic(ImVec2(min.x, centre.y), ImVec2(centre.x, min.y + size),
                             ImVec2(min.x + size, centre.y), colour, 1.3f);
    if (is_open) {
        draw->AddCircleFilled(centre, size * 0.17f, colour);
    } else {
        draw->AddLine(ImVec2(min.x + size * 0.1f, min.y + size * 0.9f),
                      ImVec2(min.x + size * 0.9f, min.y + size * 0.1f), colour, 1.3f);
    }
}

void draw_visibility(const PanelContext& context, const LaneSnapshot& lane) {
    const float size = ImGui::GetTextLineHeight();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    if (ImGui::InvisibleButton("visible", ImVec2(size, size))) context.ui.toggle_visible(lane.id);
    context.ui.probe.item("lanes/" + lane.name + "/visible");
    const bool is_visible = context.ui.is_visible(lane.id);
    context.ui.probe.value("lanes/" + lane.name + "/visible", is_visible ? "shown" : "hidden");
    item_tooltip(context.theme,
                 is_visible ? "hide this lane in plots and pictures; it trains on" : "show this lane again");
    draw_eye(at, size, is_visible, ImGui::IsItemHovered() ? context.theme.accent : context.theme.text_dim);
}

void draw_remove(const PanelContext& context, const LaneSnapshot& lane) {
    const bool is_last = context.snapshot.lanes.size() == 1;
    ImGui::BeginDisabled(is_last);
    if (ImGui::SmallButton("x")) context.commands.send(RemoveLaneCommand{lane.name});
    ImGui::EndDisabled();
    context.ui.probe.item("lanes/" + lane.name + "/remove");
    item_tooltip(context.theme, is_last ? "an experiment needs a lane" : "remove this lane");
}

void draw_rename(const PanelContext& context, const LaneSnapshot& lane, float width) {
    LaneEdit& edit = context.ui.edits.lane;
    ImGui::SetNextItemWidth(width);
    // Once: asked for in every frame, it would end the edit that it begins.
    if (std::exchange(edit.takes_focus, false)) ImGui::SetKeyboardFocusHere();
    const bool entered = ImGui::InputText(
        "##rename", &edit.new_name, ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
    context.ui.probe.item("lanes/" + lane.name + "/rename");
    if (entered && edit.new_name != lane.name)
        context.commands.send(RenameLaneCommand{lane.name, edit.new_name});
    // Enter, Escape and a click elsewhere all end it.
    if (entered || ImGui::IsItemDeactivated()) edit.renamed_id = -1;
}

void start_rename(const PanelContext& context, const LaneSnapshot& lane) {
    context.ui.edits.lane.renamed_id = lane.id;
    context.ui.edits.lane.new_name = lane.name;
    context.ui.edits.lane.takes_focus = true;
}

/// Name and preset; a click selects, a double click renames.
void draw_name(const PanelContext& context, const LaneSnapshot& lane, float width) {
    const Theme& theme = context.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float line = ImGui::GetTextLineHeight();
    if (ImGui::InvisibleButton("name", ImVec2(std::max(width, 1.0f), 2 * line)))
        context.ui.selected_lane = lane.id;
    context.ui.probe.item("lanes/" + lane.name);
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left))
        start_rename(context, lane);
    if (ImGui::BeginPopupContextItem("lane_menu")) {
        if (ImGui::MenuItem("Rename")) start_rename(context, lane);
        if (ImGui::MenuItem("Branch from here", nullptr, false,
                            context.snapshot.lanes.size() < kMaximumLanes)) {
            branch_lane(context, lane);
        }
        if (ImGui::MenuItem("Remove", nullptr, false, context.snapshot.lanes.size() > 1)) {
            context.commands.send(RemoveLaneCommand{lane.name});
        }
        ImGui::EndPopup();
    }
    item_tooltip(theme, "click: show and change its techniques; double click: rename; right click: menu");
    const PresetMatch match = nearest_preset(lane.techniques);
    // Before the first step the record holds no loss, only its default.
    const std::string loss = context.snapshot.next_step > 0 ? number_text(lane.last.loss, 3) : "-";
    std::string details = match.label() + ", loss " + loss;
    if (lane.skipped > 0) details += ", " + count_text(lane.skipped) + " skipped";
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_clipped_text(draw, at, width, theme.text, lane.name);
    draw_clipped_text(draw, ImVec2(at.x, at.y + line), width, theme.text_dim, details);
    context.ui.probe.value("lanes/" + lane.name, lane.name);
    context.ui.probe.value("lanes/" + lane.name + "/preset", match.label());
    context.ui.probe.value("lanes/" + lane.name + "/skipped", static_cast<double>(lane.skipped));
    if (context.snapshot.next_step > 0) {
        context.ui.probe.value("lanes/" + lane.name + "/loss", lane.last.loss);
    }
}

void draw_lane(const PanelContext& context, const LaneSnapshot& lane) {
    const Theme& theme = context.theme;
    ImGui::PushID(lane.id);
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
    if (selected_lane(context.snapshot, context.ui) == &lane) {
        ImDrawList* draw = ImGui::GetWindowDrawList();
        const ImVec2 min(start.x - theme.px(3), start.y - theme.px(2));
        const ImVec2 max(start.x + width, start.y + 2 * line + theme.px(2));
        draw->AddRectFilled(min, max, theme.accent_soft, theme.px(4));
        draw->AddRectFilled(min, ImVec2(min.x + theme.px(2), max.y), theme.accent);
    }
    lane_chip(theme, lane.id);
    ImGui::SameLine();
    const float right = line + ImGui::CalcTextSize("x").x + ImGui::GetStyle().FramePadding.x * 2 +
                        ImGui::GetStyle().ItemSpacing.x * 2;
    const float name_width = start.x + width - right - ImGui::GetCursorScreenPos().x;
    if (context.ui.edits.lane.renamed_id == lane.id) {
        draw_rename(context, lane, name_width);
    } else {
        draw_name(context, lane, name_width);
    }
    ImGui::SameLine(0, ImGui::GetStyle().ItemSpacing.x);
    draw_visibility(context, lane);
    ImGui::SameLine();
    draw_remove(context, lane);
    ImGui::SetCursorScreenPos(ImVec2(start.x, start.y + 2 * line + ImGui::GetStyle().ItemSpacing.y));
    ImGui::Dummy(ImVec2(0, 0));
    ImGui::PopID();
}

void open_add_popup(const PanelContext& context) {
    LaneEdit& edit = context.ui.edits.lane;
    edit.branch_from.clear();
    edit.name = free_lane_name(context.snapshot, edit.preset);
    ImGui::OpenPopup("add_lane");
}

void draw_preset_choices(const PanelContext& context) {
    LaneEdit& edit = context.ui.edits.lane;
    for (const Preset& preset : presets()) {
        if (combo_entry(preset.name.c_str(), edit.preset == preset.name,
                        ImGuiSelectableFlags_DontClosePopups)) {
            const bool had_own_name = edit.name != free_lane_name(context.snapshot, edit.preset);
            edit.preset = preset.name;
            if (!had_own_name) edit.name = free_lane_name(context.snapshot, preset.name);
        }
        context.ui.probe.item("lanes/add/preset/" + preset.name);
        item_tooltip(context.theme, preset.description);
    }
}

void draw_start_choice(const PanelContext& context) {
    LaneEdit& edit = context.ui.edits.lane;
    const std::string shown =
        edit.branch_from.empty() ? "the initial weights" : "branch of " + edit.branch_from;
    ImGui::SetNextItemWidth(context.theme.px(220));
    const bool is_open = ImGui::BeginCombo("##start", shown.c_str());
    context.ui.probe.item("lanes/add/start");
    context.ui.probe.value("lanes/add/start", shown);
    if (!is_open) return;
    if (combo_entry("the initial weights", edit.branch_from.empty())) edit.branch_from.clear();
    context.ui.probe.item("lanes/add/start/initial");
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        if (combo_entry(("branch of " + lane.name).c_str(), edit.branch_from == lane.name)) {
            edit.branch_from = lane.name;
        }
        context.ui.probe.item("lanes/add/start/" + lane.name);
    }
    ImGui::EndCombo();
}

/// Why a lane of that name cannot be added; empty where it can.
std::string why_not_addable(const Snapshot& snapshot, const LaneEdit& edit) {
    if (snapshot.lanes.size() >= kMaximumLanes) return "four lanes are the most: remove one first";
    if (edit.name.empty()) return "a lane needs a name";
    if (edit.name != free_lane_name(snapshot, edit.name))
        return "there is a lane '" + edit.name + "' already";
    return {};
}

void draw_add_popup(const PanelContext& context) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(context.theme.px(10), context.theme.px(8)));
    if (ImGui::BeginPopup("add_lane")) {
        LaneEdit& edit = context.ui.edits.lane;
        dim_text(context.theme, "preset");
        draw_preset_choices(context);
        dim_text(context.theme, "name");
        ImGui::SetNextItemWidth(context.theme.px(220));
        ImGui::InputText("##name", &edit.name);
        context.ui.probe.item("lanes/add/name");
        dim_text(context.theme, "start from");
        draw_start_choice(context);
        const std::string refused = why_not_addable(context.snapshot, edit);
        ImGui::BeginDisabled(!refused.empty());
        if (ImGui::Button("Add lane")) {
            context.commands.send(
                AddLaneCommand{{edit.name, find_preset(edit.preset)->techniques}, edit.branch_from});
            ImGui::CloseCurrentPopup();
        }
        ImGui::EndDisabled();
        context.ui.probe.item("lanes/add/confirm");
        item_tooltip(context.theme, refused);
        ImGui::EndPopup();
    }
    ImGui::PopStyleVar();
}

void draw_branch(const PanelContext& context) {
    const LaneSnapshot& lane = *selected_lane(context.snapshot, context.ui);
    const bool is_full = context.snapshot.lanes.size() >= kMaximumLanes;
    ImGui::BeginDisabled(is_full);
    if (ImGui::SmallButton("Branch")) branch_lane(context, lane);
    ImGui::EndDisabled();
    context.ui.probe.item("lanes/branch");
    item_tooltip(context.theme, is_full ? "four lanes are the most: remove one first"
                                        : "a copy of " + lane.name + " from its present state, named " +
                                              free_lane_name(context.snapshot, lane.name) + " (B)");
}

}  // namespace

void draw_lanes_panel(const PanelContext& context) {
    if (context.snapshot.lanes.empty()) {
        empty_state(context.theme, "No lanes yet.");
        return;
    }
    for (const LaneSnapshot& lane : context.snapshot.lanes) draw_lane(context, lane);
    const bool is_full = context.snapshot.lanes.size() >= kMaximumLanes;
    ImGui::BeginDisabled(is_full);
    if (ImGui::SmallButton("+ Add lane")) open_add_popup(context);
    ImGui::EndDisabled();
    context.ui.probe.item("lanes/add");
    item_tooltip(context.theme, is_full ? "four lanes are the most: remove one first"
                                        : "another copy of the model, under a preset of your choice");
    ImGui::SameLine();
    draw_branch(context);
    draw_add_popup(context);
}

}  // namespace halfscope
