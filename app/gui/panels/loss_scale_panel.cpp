#include "gui/panels/loss_scale_panel.h"

#include <algorithm>

#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/plot.h"

namespace halfscope {
namespace {

bool scales(const LaneSnapshot& lane) {
    return lane.techniques.scaler.scaling != LossScaling::off || lane.loss_scale != 1.0;
}

/// "S = 2^15, grows in 37 steps, 3 skipped" of one lane.
std::string lane_state(const LaneSnapshot& lane, const Theme& theme) {
    std::string text = "S = " + scale_label(theme, lane.loss_scale);
    if (lane.techniques.scaler.scaling == LossScaling::fixed) text += ", static";
    if (lane.steps_until_growth >= 0) text += ", grows in " + count_text(lane.steps_until_growth) + " steps";
    return text + ", " + count_text(lane.skipped) + " skipped";
}

/// The newest overflow: which layer met it first.
std::string newest_overflow(const PanelContext& context, const LaneSnapshot& lane) {
    const StepRange steps = visible_steps(context.ui.time, context.timeline);
    const std::vector<Event> newest =
        context.timeline.newest_events(lane.id, EventKind::skip, static_cast<std::int64_t>(steps.first),
                                       static_cast<std::int64_t>(steps.last) + 1, 1);
    return newest.empty() ? "" : "; step " + count_text(newest[0].step) + ": " + newest[0].detail;
}

void draw_states(const PanelContext& context, const LaneSnapshot& shown) {
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    lane_chip(context.theme, shown.id);
    ImGui::SameLine();
    const std::string state = lane_state(shown, context.theme) + newest_overflow(context, shown);
    const std::string text = shown.name + ": " + state;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = width - (at.x - origin.x);
    // The chip and the legend name the lane too.
    draw_clipped_text(ImGui::GetWindowDrawList(), at, room, context.theme.text,
                      ImGui::CalcTextSize(text.c_str()).x <= room ? text : state);
    ImGui::Dummy(ImVec2(width - (at.x - origin.x), ImGui::GetTextLineHeight()));
    context.ui.probe.value("loss_scale/state", text);
    if (ImGui::IsItemHovered()) {
        begin_tooltip(context.theme);
        for (const LaneSnapshot& lane : context.snapshot.lanes) {
            if (!scales(lane)) continue;
            lane_chip(context.theme, lane.id);
            ImGui::SameLine();
            ImGui::TextUnformatted(
                (lane.name + ": " + lane_state(lane, context.theme) + newest_overflow(context, lane))
                    .c_str());
        }
        end_tooltip();
    }
}

/// Up, down and cross, said in words once where there is room.
void draw_key(const PanelContext& context) {
    const float line = ImGui::GetTextLineHeight();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const auto entry = [&](MarkerShape shape, const char* text) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        draw_marker(draw, ImVec2(at.x + context.theme.px(6), at.y + line * 0.5f), context.theme.px(4), shape,
                    context.theme.text_dim);
        ImGui::Dummy(ImVec2(context.theme.px(12), line));
        ImGui::SameLine(0, context.theme.px(3));
        dim_text(context.theme, text);
        ImGui::SameLine(0, context.theme.px(12));
    };
    entry(MarkerShape::triangle_up, "growth");
    entry(MarkerShape::triangle_down, "backoff");
    entry(MarkerShape::cross, "skipped step");
    ImGui::NewLine();
}

}  // namespace

void draw_loss_scale_panel(const PanelContext& context) {
    PlotSpec spec;
    spec.id = "loss_scale";
    spec.y_label = "loss scale S";
    spec.fixed_axis = AxisScale::logarithmic;
    spec.labels = AxisLabels::powers_of_two;
    spec.shape = CurveShape::steps;
    const LaneSnapshot* shown = selected_lane(context.snapshot, context.ui);
    if (shown && !scales(*shown)) shown = nullptr;
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        if (!scales(lane)) continue;
        spec.series.push_back({lane.id, lane.name, SeriesKind::loss_scale});
        if (!shown) shown = &lane;
    }
    spec.empty_text =
        spec.series.empty()
            ? "no lane scales its loss: choose the preset mixed, or loss scaling under TECHNIQUES"
            : "no step done yet: press Space to run";
    add_overlays(spec, context.snapshot, SeriesKind::loss_scale);
    if (shown) draw_states(context, *shown);
    if (ImGui::GetContentRegionAvail().y > context.theme.px(170)) draw_key(context);
    const auto has_series = [&spec](int lane_id) {
        return std::any_of(spec.series.begin(), spec.series.end(),
                           [lane_id](const PlotSeries& series) { return series.lane_id == lane_id; });
    };
    spec.marks = marks_of(context.timeline, context.snapshot, context.ui);
    std::erase_if(spec.marks, [&](const PlotMark& mark) {
        if (mark.kind == PlotMark::Kind::alert) return false;
        return !has_series(mark.lane_id) || mark.kind == PlotMark::Kind::nan;
    });
    for (PlotMark& mark : spec.marks) {
        if (mark.kind == PlotMark::Kind::toggle) mark.kind = PlotMark::Kind::lane;
    }
    time_plot(spec, context.timeline, context.ui, context.theme);
}

}  // namespace halfscope
