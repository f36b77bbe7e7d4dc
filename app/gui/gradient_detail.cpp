#include "gui/gradient_detail.h"

#include <algorithm>
#include <cmath>

#include "gui/widgets/asked_look.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/format_choice.h"
#include "gui/widgets/format_look.h"
#include "gui/widgets/tensor_row.h"
#include "gui/widgets/waterfall.h"
#include "gui/widgets/what_if.h"

namespace halfscope {
namespace {

/// The selected tensor over time, on the rows' own axis, with the steps of its ends where the names are; the
/// title reaches to max.x.
void draw_history(const PanelContext& context, const LaneSnapshot& lane, const Probe& probe,
                  const ExponentAxis& axis, ImVec2 min, ImVec2 max) {
    const float left = min.x, top = min.y, bottom = max.y;
    const Theme& theme = context.theme;
    const GradientView view = shown_view(context.ui);
    const float line = ImGui::GetTextLineHeight(), names = axis.left - left - theme.px(8);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_clipped_text(draw, ImVec2(left, top), max.x - left, theme.text,
                      probe.tensor + " over time, newest on top, " +
                          (view == GradientView::scaled ? "as stored" : "unscaled"));
    const float header = top + line, area = header + 2 * line + theme.px(6);
    draw_exponent_axis(draw, theme, axis, BandEdges{}.shifted(shown_shift(probe.scale, view)), header, area);
    if (bottom - area < theme.px(8)) return;
    std::vector<HistogramRow> rows = context.timeline.waterfall(lane.id, probe.tensor, probe.kind);
    if (rows.empty()) return;
    const std::string key =
        "waterfall/" + std::to_string(lane.id) + "/" + probe.tensor + "/" + probe_kind_name(probe.kind);
    const std::string newest = "step " + count_text(rows.back().last_step),
                      oldest = "step " + count_text(rows.front().step);
    draw_waterfall({key, context.snapshot.run, view, axis, area, bottom}, std::move(rows), theme,
                   context.heat_maps, context.textures, context.ui);
    draw_clipped_text(draw, ImVec2(left, area), names, theme.text_dim, newest);
    if (bottom - area > 2 * line)
        draw_clipped_text(draw, ImVec2(left, bottom - line), names, theme.text_dim, oldest);
}

/// The row under other scales in FP16, from its counters.
void draw_counted_what_if(const PanelContext& context, const LaneSnapshot& lane, const Probe& probe,
                          ImVec2 min, ImVec2 max) {
    draw_what_if(ImGui::GetWindowDrawList(), context.theme, probe, lane.techniques, context.ui.what_if_scale,
                 min, max);
    drag_what_if_scale(context.ui, what_if_area(context.theme, min, max), context.ui.what_if_scale,
                       "gradients/what_if/curves");
    context.ui.probe.rectangle("gradients/what_if", min, max);
    if (context.ui.probe.enabled()) {
        context.ui.probe.value("gradients/what_if/no_overflow_up_to",
                               static_cast<double>(largest_without_overflow(what_if(probe))));
    }
}

/// Asks for the row's gradients where those that came last are of another row, or old. Nothing where they
/// are not here yet.
std::shared_ptr<const RetainedGradients> retained_of(const PanelContext& context, const LaneSnapshot& lane,
                                                     const GradientRow& row) {
    const ProbeKind kind = row.probe->kind;
    std::string what = probe_kind_name(kind);
    for (const std::string& tensor : row.tensors) what += "\n" + tensor;
    if (is_look_due(context.ui.format_what_if.asked, context.snapshot, lane, what))
        context.commands.send(RetainGradientsCommand{lane.name, kind, row.tensors});
    const auto& kept = lane.retained;
    return kept && kept->kind == kind && kept->tensors == row.tensors ? kept : nullptr;
}

/// Why the row's gradients are not here, and what to do; empty: they will come.
std::string why_not_retained(const Snapshot& snapshot, const GradientRow& row) {
    const std::uint64_t count = row.probe->counts.fp16.count();
    if (count > kMostRetained) {
        return count_text(static_cast<std::int64_t>(count)) + " values are too many to be kept for other " +
               "formats (at most " + count_text(static_cast<std::int64_t>(kMostRetained)) +
               "): choose a single tensor or a layer.";
    }
    if (snapshot.state == RunState::failed)
        return "The run has failed: restart it (R) to look at its gradients in other formats.";
    return {};
}

/// The row in the chosen format, on its own values.
void draw_other_format(const PanelContext& context, const LaneSnapshot& lane, const GradientRow& row,
                       ImVec2 min, ImVec2 max) {
    UiState& ui = context.ui;
    const std::string refusal = why_not_retained(context.snapshot, row);
    const auto kept = refusal.empty() ? retained_of(context, lane, row) : nullptr;
    if (!kept) {
        const std::string text = refusal.empty() ? "Keeping the gradients of the next step..." : refusal;
        ImGui::SetCursorScreenPos(min);
        wrapped_dim_text(context.theme, text.c_str());
        ui.probe.value("gradients/format/state", text);
        return;
    }
    FormatLook look;
    look.title = row.probe->tensor;
    look.origin = "Of the true FP32 gradients of step " + count_text(kept->step) +
                  " at this lane's weights (shadow pass): underflow upstream is not in them.";
    look.values = {kept, &kept->values};
    look.counts = &kept->counts;
    look.now_scale = static_cast<float>(kept->loss_scale);
    look.id = "gradients/format";
    ui.probe.value("gradients/format/step", static_cast<double>(kept->step));
    draw_format_look(context.theme, ui, look, ui.format_what_if, ui.what_if_scale, min, max);
}

void draw_format_line(const PanelContext& context) {
    ImGui::AlignTextToFramePadding();
    dim_text(context.theme, "what if stored in");
    ImGui::SameLine();
    draw_format_choice(context.theme, context.ui, context.ui.format_what_if.choice, CountedChoice::offered,
                       "gradients/format");
}

/// Over time, and under other scales as counted: beside each other where the columns of numbers leave room,
/// else one below the other.
void draw_counted(const PanelContext& context, const LaneSnapshot& lane, const GradientRow& row,
                  const ExponentAxis& axis, ImVec2 min, ImVec2 max) {
    const Theme& theme = context.theme;
    const Probe& probe = *row.probe;
    const float gap = theme.px(10);
    const bool is_beside = row.is_single() && max.x - axis.right - gap > theme.px(250);
    const float half = min.y + (max.y - min.y) * 0.5f;
    // Where half the height is too little for curves, time has all of it; "what if stored in" shows the
    // curves.
    const ScaleArea curves = what_if_area(theme, ImVec2(min.x, half + gap * 0.5f), max);
    const bool is_low = row.is_single() && !is_beside && curves.max.y - curves.min.y < theme.px(30);
    const bool has_what_if = is_gradient(probe.kind) && !is_low;
    const float bottom = has_what_if && !is_beside ? half - gap * 0.5f : max.y;
    if (row.is_single()) {
        const float right = is_beside ? axis.right : max.x;
        draw_history(context, lane, probe, axis, min, ImVec2(right, bottom - theme.px(2)));
    }
    if (!has_what_if) return;
    const ImVec2 start = !row.is_single() ? min
                         : is_beside      ? ImVec2(axis.right + gap, min.y)
                                          : ImVec2(min.x, bottom + gap * 0.5f);
    draw_counted_what_if(context, lane, probe, start, max);
}

}  // namespace

GradientView shown_view(const UiState& ui) {
    return is_gradient(ui.probe_kind) ? ui.gradient_view : GradientView::scaled;
}

void draw_gradient_detail(const PanelContext& context, const LaneSnapshot& lane, const GradientRow& row,
                          const ExponentAxis& axis) {
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const ImVec2 end(origin.x + room.x, origin.y + room.y);
    const float gap = context.theme.px(4);
    const bool has_what_if = is_gradient(row.probe->kind);
    if (has_what_if) {
        ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + gap));
        draw_format_line(context);
    }
    const ImVec2 min(origin.x, (has_what_if ? ImGui::GetCursorScreenPos().y : origin.y) + gap);
    if (has_what_if && context.ui.format_what_if.choice.kind != WhatIfKind::counted) {
        draw_other_format(context, lane, row, min, end);
    } else {
        draw_counted(context, lane, row, axis, min, end);
    }
    ImGui::SetCursorScreenPos(origin);
    ImGui::Dummy(ImVec2(std::max(1.0f, room.x), std::max(1.0f, room.y)));
}

}  // namespace halfscope
