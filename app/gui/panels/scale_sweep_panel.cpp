#include "gui/panels/scale_sweep_panel.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/sweep_plot.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane) {
    UiState& ui = context.ui;
    draw_lane_choice(context.theme, ui, context.snapshot, lane, "scale_sweep");
    const ScaleSweep* sweep = lane.sweep.get();
    const bool is_measuring =
        context.snapshot.measured_lane == lane.id && context.snapshot.measured == Measured::scales;
    flow_to_button("Measure again");
    if (is_measuring) {
        if (ImGui::Button("Cancel")) context.commands.send(CancelCommand{});
        ui.probe.item("scale_sweep/cancel");
        const std::string progress = "measuring " + std::to_string(sweep ? sweep->done : 0) + " of " +
                                     std::to_string(kSweptScales) + "; training waits";
        flow_to(ImGui::CalcTextSize(progress.c_str()).x);
        dim_text(context.theme, progress.c_str());
    } else {
        if (ImGui::Button(sweep ? "Measure again" : "Measure"))
            context.commands.send(SweepScalesCommand{lane.name});
        ui.probe.item("scale_sweep/measure");
        item_tooltip(context.theme,
                     "A pass over the next step's batch at the present weights for every loss scale from "
                     "2^-10 to 2^30, "
                     "and one in FP32. Training waits, and goes on as if nothing had been.");
    }
    ui.probe.value("scale_sweep/done", sweep ? static_cast<double>(sweep->done) : 0.0);
}

/// The lane's scale, where it has one.
double scale_now(const LaneSnapshot& lane) {
    if (lane.techniques.scaler.scaling == LossScaling::off) return 1.0;
    return lane.loss_scale > 0 ? lane.loss_scale : 0.0;
}

/// Where the plots of the panel begin and end: names at the left, a number at the right.
struct SweepColumns {
    float left, right;  ///< of the scales
    float number;       ///< right end of the numbers
};

SweepColumns choose_sweep_columns(const Theme& theme, const ScaleSweep& sweep, float left, float width) {
    float longest = ImGui::CalcTextSize("1e-8").x;
    for (const SweptTensor& tensor : sweep.tensors)
        longest = std::max(longest, ImGui::CalcTextSize(tensor.tensor.c_str()).x);
    const float names = std::min(longest + theme.px(12), width * 0.28f);
    const float numbers = ImGui::CalcTextSize("not finite").x + theme.px(8);
    // The rows may have a scroll bar.
    const float right = left + width - ImGui::GetStyle().ScrollbarSize;
    return {left + names, right - numbers - theme.px(6), right - theme.px(4)};
}

void draw_tooltip(const PanelContext& context, const SweptTensor& tensor, int exponent) {
    const auto point = static_cast<std::size_t>(exponent - kLowestSweptScale);
    begin_tooltip(context.theme);
    ImGui::Text("%s, S = %s", tensor.tensor.c_str(), context.theme.power_of_two(exponent).c_str());
    if (point >= tensor.points.size()) {
        dim_text(context.theme, "not measured yet");
    } else {
        const SweptGradient& found = tensor.points[point];
        const LossAtScale loss = loss_at(tensor, point);
        if (tensor.kind == ProbeKind::weight_gradient) {
            ImGui::Text("relative error %s, cosine %s", sweep_error_text(found.relative_error).c_str(),
                        number_text(found.cosine, 3).c_str());
        }
        ImGui::Text("%s%% of its elements became zero: %s%% where it is stored (predicted), %s%% upstream",
                    percent_text(loss.zeros).c_str(),
                    percent_text(std::min(loss.predicted, loss.zeros)).c_str(),
                    percent_text(loss.upstream).c_str());
        ImGui::Text("%s%% infinite or NaN", percent_text(loss.overflow).c_str());
    }
    end_tooltip();
}

/// One weight gradient's cells. A click selects it everywhere.
void draw_row(const PanelContext& context, const SweptTensor& tensor, const ErrorAxis& axis,
              const SweepColumns& columns, double now, ImVec2 size) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    const ImVec2 min = ImGui::GetCursorScreenPos(), max(min.x + size.x, min.y + size.y);
    ImGui::PushID(tensor.tensor.c_str());
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
    if (ImGui::InvisibleButton("row", size)) {
        ui.selected_tensor = ui.selected_tensor == tensor.tensor ? "" : tensor.tensor;
        ui.probe_kind = tensor.kind;
    }
    ImGui::PopStyleVar();
    ImGui::PopID();
    ui.probe.item("scale_sweep/" + tensor.tensor);
    const ScaleArea area{ImVec2(columns.left, min.y + 1), ImVec2(columns.right, max.y - 1)};
    const double at = now > 0 ? std::log2(now) : 0.0;
    const auto point = static_cast<std::size_t>(
        std::clamp(std::lround(at) - kLowestSweptScale, 0L, static_cast<long>(kSweptScales) - 1));
    const bool is_measured = now > 0 && point < tensor.points.size();
    if (ui.probe.enabled()) {
        for (std::size_t index = 0; index < tensor.points.size(); ++index) {
            const std::string id = "scale_sweep/" + tensor.tensor + "/" +
                                   std::to_string(kLowestSweptScale + static_cast<int>(index));
            ui.probe.value(id, tensor.points[index].relative_error);
        }
    }
    if (!ImGui::IsItemVisible()) return;
    const bool hovered = ImGui::IsItemHovered(), is_selected = ui.selected_tensor == tensor.tensor;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    if (hovered || is_selected) draw->AddRectFilled(min, max, theme.accent_soft);
    const float middle = (min.y + max.y - ImGui::GetTextLineHeight()) * 0.5f;
    draw_name_text(draw, ImVec2(min.x + theme.px(6), middle), columns.left - min.x - theme.px(10), theme.text,
                   tensor.tensor);
    draw_error_cells(draw, theme, tensor, axis, area);
    if (is_measured) {
        const double error = tensor.points[point].relative_error;
        const std::string text = sweep_error_text(error);
        draw->AddText(ImVec2(columns.number - ImGui::CalcTextSize(text.c_str()).x, middle),
                      error < 0.1 ? theme.text : theme.error, text.c_str());
        const float x = area.x(at);
        draw->AddLine(ImVec2(x, min.y), ImVec2(x, max.y), theme.text, theme.px(1.5f));
    }
    if (is_selected) draw->AddRectFilled(min, ImVec2(min.x + theme.px(2.5f), max.y), theme.accent);
    if (hovered && area.contains(ImGui::GetIO().MousePos))
        draw_tooltip(context, tensor, area.exponent_at(ImGui::GetIO().MousePos.x));
}

void draw_rows(const PanelContext& context, const ScaleSweep& sweep, const ErrorAxis& axis,
               const SweepColumns& columns, double now, float height) {
    const Theme& theme = context.theme;
    std::vector<const SweptTensor*> shown;
    for (const SweptTensor& tensor : sweep.tensors)
        if (tensor.kind == ProbeKind::weight_gradient) shown.push_back(&tensor);
    const float width = ImGui::GetContentRegionAvail().x;
    const float row = std::clamp(height / static_cast<float>(shown.size()), theme.px(17), theme.px(34));
    compat::begin_child("rows", ImVec2(width, height), compat::ChildBorder::none);
    for (const SweptTensor* tensor : shown)
        draw_row(context, *tensor, axis, columns, now, ImVec2(ImGui::GetContentRegionAvail().x, row));
    ImGui::EndChild();
}

/// The selected tensor: what storing it would lose, and what was measured.
void draw_detail(const PanelContext& context, const SweptTensor& tensor, const SweepColumns& columns,
                 double now, float height) {
    const Theme& theme = context.theme;
    const float line = ImGui::GetTextLineHeight();
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float title = columns.number - origin.x;
    draw_clipped_text(draw, origin, title, theme.text,
                      tensor.tensor + ": % F zero, O not finite; solid: measured, dashed: by storing alone");
    ImGui::Dummy(ImVec2(title, line));
    item_tooltip(
        theme,
        "Solid: measured, of all elements. Dashed: what storing the true gradient x S loses (predicted "
        "from its counters); what lies between was lost upstream.");
    const ScaleArea area{ImVec2(columns.left, origin.y + line + theme.px(6)),
                         ImVec2(columns.right, origin.y + height - line - theme.px(4))};
    if (area.max.y - area.min.y < theme.px(24)) return;
    draw_predicted_and_measured(draw, theme, tensor, area, now);
    context.ui.probe.rectangle("scale_sweep/detail", area.min, area.max);
    if (area.contains(ImGui::GetIO().MousePos) && ImGui::IsWindowHovered())
        draw_tooltip(context, tensor, area.exponent_at(ImGui::GetIO().MousePos.x));
}

void draw_sweep(const PanelContext& context, const LaneSnapshot& lane, const ScaleSweep& sweep) {
    const Theme& theme = context.theme;
    const double now = scale_now(lane);
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const float line = ImGui::GetTextLineHeight();
    const SweepColumns columns = choose_sweep_columns(theme, sweep, origin.x, room.x);
    const ErrorAxis axis = error_axis(sweep);
    const auto selected =
        std::find_if(sweep.tensors.begin(), sweep.tensors.end(),
                     [&](const SweptTensor& tensor) { return tensor.tensor == context.ui.selected_tensor; });
    const bool has_detail =
        selected != sweep.tensors.end() && !selected->points.empty() && room.y > theme.px(330);
    const float detail = has_detail ? room.y * 0.28f : 0.0f;
    const float curves = std::max(theme.px(110), (room.y - detail) * (has_detail ? 0.44f : 0.5f));
    const ScaleArea area{ImVec2(columns.left, origin.y + theme.px(4)),
                         ImVec2(columns.right, origin.y + curves - line - theme.px(8))};
    draw_error_curves(
        ImGui::GetWindowDrawList(), theme, sweep, axis, area,
        {theme.lane(lane.id).colour, selected == sweep.tensors.end() ? "" : selected->tensor, now});
    context.ui.probe.rectangle("scale_sweep/curves", area.min, area.max);
    const FlatWindow window = flat_window(sweep);
    context.ui.probe.value("scale_sweep/flat_first", static_cast<double>(window.first));
    context.ui.probe.value("scale_sweep/flat_last", static_cast<double>(window.last));
    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + curves));
    draw_clipped_text(ImGui::GetWindowDrawList(),
                      ImVec2(columns.right + theme.px(6), origin.y + curves - line), room.x, theme.text_dim,
                      "error now");
    draw_rows(context, sweep, axis, columns, now,
              std::max(theme.px(20), room.y - curves - detail - theme.px(4)));
    if (has_detail) {
        ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + room.y - detail));
        draw_detail(context, *selected, columns, now, detail);
    }
}

}  // namespace

void draw_scale_sweep_panel(const PanelContext& context) {
    const LaneSnapshot* lane = lane_to_show(context.theme, context.ui, context.snapshot);
    if (!lane) return;
    draw_toolbar(context, *lane);
    const ScaleSweep* sweep = lane->sweep.get();
    if (!sweep || sweep->done == 0) {
        const std::string text = "Which loss scale is right? Press Measure: every scale from " +
                                 context.theme.power_of_two(-10) + " to " + context.theme.power_of_two(30) +
                                 " is tried on the next batch at the present weights, and each layer's "
                                 "gradient compared with the true one.";
        empty_state(context.theme, text.c_str());
        return;
    }
    caption_line(
        context.theme,
        "relative error of weight gradients, ||g - s|| / ||s|| against FP32 at the same weights, over S; "
        "after step " +
            count_text(sweep->step) + "; first layer strong, last one faint");
    draw_sweep(context, *lane, *sweep);
}

}  // namespace halfscope
