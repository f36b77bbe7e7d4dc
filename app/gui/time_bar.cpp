#include "gui/time_bar.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gui/run_actions.h"
#include "gui/widgets/controls.h"
#include "train/bytes_text.h"

namespace halfscope {
namespace {

/// The track's pixels, and the steps at its ends.
struct Track {
    float left, right, y;
    double last;
    float x(std::int64_t step) const {
        return left + static_cast<float>(static_cast<double>(step) / last) * (right - left);
    }
    std::int64_t step_at(float pixel) const {
        const double along = static_cast<double>((pixel - left) / std::max(1.0f, right - left));
        return std::llround(std::clamp(along, 0.0, 1.0) * last);
    }
};

void draw_track(const PanelContext& context, const Track& track, std::int64_t handle, bool is_active) {
    const Theme& theme = context.theme;
    const Snapshot& snapshot = context.snapshot;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const auto line = [&](std::int64_t from, std::int64_t to, ImU32 colour, float thickness) {
        draw->AddLine(ImVec2(track.x(from), track.y), ImVec2(track.x(to), track.y), colour,
                      theme.px(thickness));
    };
    line(0, static_cast<std::int64_t>(track.last), theme.grid, 4);
    if (snapshot.kept_states > 0) line(snapshot.first_kept_step, snapshot.next_step, theme.accent, 4);
    if (const auto& step = context.ui.hovered_step; step && static_cast<double>(*step) <= track.last) {
        draw->AddLine(ImVec2(track.x(*step), track.y - theme.px(8)),
                      ImVec2(track.x(*step), track.y + theme.px(8)), theme.text, theme.px(1));
        context.ui.probe.value("time/cursor", static_cast<double>(*step));
    }
    const float x = track.x(handle), radius = theme.px(is_active ? 7.0f : 6.0f);
    draw->AddCircleFilled(ImVec2(x, track.y), radius, theme.accent);
    draw->AddCircle(ImVec2(x, track.y), radius, theme.text, 0, theme.px(1.5f));
}

void draw_tooltip(const PanelContext& context, std::int64_t step) {
    const Snapshot& snapshot = context.snapshot;
    begin_tooltip(context.theme);
    ImGui::Text("go to step %s", count_text(step).c_str());
    if (step < snapshot.first_kept_step) {
        dim_text(context.theme,
                 ("not kept any more; the earliest is " + count_text(snapshot.first_kept_step)).c_str());
    }
    dim_text(
        context.theme,
        ("Steps are made again from the nearest of " + std::to_string(snapshot.kept_states) +
         " kept states (" + bytes_text(snapshot.kept_bytes) + " of " + bytes_text(snapshot.most_kept_bytes) +
         "), with the same bits. Running on makes later changes again, until you change something else.")
            .c_str());
    end_tooltip();
}

}  // namespace

void draw_time_bar(const PanelContext& context, float width) {
    const Theme& theme = context.theme;
    const Snapshot& snapshot = context.snapshot;
    UiState& ui = context.ui;
    const float label = ImGui::CalcTextSize("step 999,999 of 999,999").x;
    if (snapshot.lanes.empty() || width < label + theme.px(120)) return;
    if (ImGui::ArrowButton("##back", ImGuiDir_Left)) step_back(context);
    ui.probe.item("time/back");
    item_tooltip(theme, "one step back (Left)");
    const float long_enough = std::min(width - label - theme.px(50), theme.px(420));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ImGui::GetFrameHeight();
    ImGui::InvisibleButton("time", ImVec2(long_enough, height));
    ui.probe.item("time/track");
    const Track track{at.x + theme.px(9), at.x + long_enough - theme.px(9), std::round(at.y + height * 0.5f),
                      static_cast<double>(std::max<std::int64_t>(1, snapshot.reached_step))};
    const bool is_active = ImGui::IsItemActive(), is_hovered = ImGui::IsItemHovered();
    const std::int64_t under_mouse = track.step_at(ImGui::GetIO().MousePos.x);
    if (is_active) ui.edits.time_step = under_mouse;
    const std::int64_t shown = ui.edits.time_step.value_or(snapshot.going_to.value_or(snapshot.next_step));
    draw_track(context, track, shown, is_active);
    if (is_active || is_hovered) {
        draw_tooltip(context, is_active ? shown : under_mouse);
        ui.next_hovered_step = under_mouse;
    }
    if (ImGui::IsItemDeactivated() && ui.edits.time_step) {
        context.commands.send(GoToStepCommand{*ui.edits.time_step});
        ui.edits.time_step.reset();
    }
    std::string text = "step " + count_text(shown);
    if (snapshot.reached_step > snapshot.next_step) text += " of " + count_text(snapshot.reached_step);
    ImGui::AlignTextToFramePadding();
    dim_text(theme, text.c_str());
    ui.probe.value("time/step", static_cast<double>(snapshot.next_step));
    ui.probe.value("time/reached", static_cast<double>(snapshot.reached_step));
    ui.probe.value("time/kept_bytes", static_cast<double>(snapshot.kept_bytes));
    ui.probe.value("time/changes_ahead", snapshot.changes_ahead);
    if (snapshot.changes_ahead > 0) {
        item_tooltip(
            theme, std::to_string(snapshot.changes_ahead) +
                       " later changes will be made again at their steps when the run goes on; any change of "
                       "yours forgets them.");
    }
}

}  // namespace halfscope
