#include "gui/panels/gradients_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "gui/gradient_detail.h"
#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/probe_csv.h"
#include "gui/widgets/tensor_row.h"
#include "gui/widgets/what_if.h"

namespace halfscope {
namespace {

struct KindName {
    ProbeKind kind;
    const char* name;
};
constexpr std::array<KindName, 5> kKinds{{{ProbeKind::weight_gradient, "weight gradients"},
                                          {ProbeKind::activation_gradient, "activation gradients"},
                                          {ProbeKind::activation, "activations"},
                                          {ProbeKind::weight, "weights"},
                                          {ProbeKind::update, "updates"}}};

const char* kind_name(ProbeKind kind) {
    return std::find_if(kKinds.begin(), kKinds.end(),
                        [kind](const KindName& entry) { return entry.kind == kind; })
        ->name;
}

using ProbePointers = std::vector<const Probe*>;

ProbePointers shown_probes(const LaneSnapshot& lane, ProbeKind kind) {
    ProbePointers probes;
    for (const Probe& probe : lane.probes) {
        if (probe.kind == kind) probes.push_back(&probe);
    }
    return probes;
}

void draw_kind_choice(const PanelContext& context) {
    UiState& ui = context.ui;
    const float width = ImGui::CalcTextSize("activation gradients").x + context.theme.px(34);
    flow_to(width);
    ImGui::SetNextItemWidth(width);
    const bool is_open = ImGui::BeginCombo("##kind", kind_name(ui.probe_kind));
    ui.probe.item("gradients/kind");
    if (!is_open) return;
    for (const KindName& entry : kKinds) {
        if (combo_entry(entry.name, entry.kind == ui.probe_kind)) ui.probe_kind = entry.kind;
        ui.probe.item(std::string("gradients/kind/") + entry.name);
    }
    ImGui::EndCombo();
}

void draw_rows_choice(const PanelContext& context) {
    UiState& ui = context.ui;
    const bool by_tensor = ui.gradient_rows == GradientRows::tensors;
    flow_to_button("by tensor");
    if (ImGui::Button(by_tensor ? "by tensor" : "by layer"))
        ui.gradient_rows = by_tensor ? GradientRows::layers : GradientRows::tensors;
    ui.probe.item("gradients/rows");
    ui.probe.value("gradients/rows", by_tensor ? "tensors" : "layers");
    item_tooltip(
        context.theme,
        "by tensor: a row for each. by layer: weight, bias and what else a layer has as one row. The "
        "last row is all of them. The what-if below is of the row that is selected.");
}

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane) {
    UiState& ui = context.ui;
    draw_lane_choice(context.theme, ui, context.snapshot, lane, "gradients");
    draw_kind_choice(context);
    if (is_gradient(ui.probe_kind)) {
        draw_rows_choice(context);
        draw_view_choice(context.theme, ui, "gradients");
    }
    if (ui.what_if_scale && is_gradient(ui.probe_kind)) {
        const std::string label = "what if S = " + context.theme.power_of_two(*ui.what_if_scale) + "  x";
        flow_to_button(label);
        ImGui::PushStyleColor(ImGuiCol_Button, context.theme.accent_soft);
        if (ImGui::Button(label.c_str())) ui.what_if_scale.reset();
        ImGui::PopStyleColor();
        ui.probe.item("gradients/what_if/end");
        item_tooltip(context.theme,
                     "Histograms and percentages are predicted: what storing these very gradients times "
                     "another S would do, "
                     "exactly; underflow upstream is not predicted. Click to see them as they were counted.");
    }
    const bool of_nonzero = ui.share_of == ShareOf::nonzero;
    flow_to_button("% of non-zero");
    if (ImGui::Button(of_nonzero ? "% of non-zero" : "% of all")) {
        ui.share_of = of_nonzero ? ShareOf::all : ShareOf::nonzero;
    }
    ui.probe.item("gradients/share");
    item_tooltip(context.theme,
                 "What the percentages are of: the elements that are not exactly zero, or all of them. True "
                 "zeros (from a ReLU, say) are not underflow.");
    ui.probe.value("gradients/view", ui.gradient_view == GradientView::scaled ? "scaled" : "unscaled");
    ui.probe.value("gradients/share", of_nonzero ? "nonzero" : "all");
    ui.probe.value("gradients/kind", kind_name(ui.probe_kind));
}

/// Whether the classes shown are those of what this lane stores, and if not, what happened there instead.
std::string storage_note(const LaneSnapshot& lane, const ProbePointers& probes) {
    const auto is_other = [](const Probe* probe) { return probe->own_format != Format::fp16; };
    const auto other = std::find_if(probes.begin(), probes.end(), is_other);
    if (other == probes.end()) {
        return lane.techniques.subnormals == Subnormals::flush
                   ? "; counted with subnormals kept (this lane flushes them)"
                   : "";
    }
    if (!std::all_of(probes.begin(), probes.end(), is_other)) {
        return "; counted against FP16 (some tensors are stored otherwise: see their tooltips)";
    }
    const bool lost_any = std::any_of(probes.begin(), probes.end(),
                                      [](const Probe* probe) { return probe->counts.own.flushed > 0; });
    return "; counted against FP16 (this lane stores " + std::string(format_info((*other)->own_format).name) +
           (lost_any ? ", which flushed fewer)" : ": nothing was flushed)");
}

/// What the axis is of, in words, and what the percentages are of.
std::string axis_caption(const PanelContext& context, const LaneSnapshot& lane, const ProbePointers& probes) {
    std::string text = "log2 |value|";
    if (is_gradient(context.ui.probe_kind)) {
        const std::string scale = "S = " + scale_label(context.theme, probes.front()->scale);
        const bool is_scaled = shown_view(context.ui) == GradientView::scaled;
        if (context.ui.what_if_scale) {
            text = "PREDICTED for " + scale + (is_scaled ? ": log2 |g x S|" : ": log2 |g|, bands moved by S");
        } else {
            text = is_scaled ? "log2 |g x S| as stored (" + scale + ")"
                             : "log2 |g| unscaled (" + scale + "; bands moved by S)";
        }
    }
    text += context.ui.share_of == ShareOf::nonzero ? "; % of non-zero elements" : "; % of all elements";
    return text + "; step " + count_text(lane.probe_step) + storage_note(lane, probes);
}

void draw_caption(const PanelContext& context, const std::string& caption) {
    caption_line(context.theme, caption);
    context.ui.probe.value("gradients/caption", caption);
}

ExponentAxis make_axis(const RowColumns& columns, float left, float right, GradientView view, double shift) {
    ExponentAxis axis;
    axis.left = left + columns.name;
    axis.right = right - columns.number * static_cast<float>(columns.count()) - columns.number * 0.15f;
    axis.right = std::max(axis.right, axis.left + 20);
    // In the unscaled view the window moves part of the way, so that both bands and bars stay in it.
    if (view == GradientView::unscaled) {
        const double moved = std::clamp(std::round(shift), -24.0, 8.0);
        axis.low += moved;
        axis.high += moved;
    }
    return axis;
}

void report_row(UiState& ui, const Probe& probe) {
    if (!ui.probe.enabled()) return;
    const ClassShares shares = class_shares(probe.counts.fp16, ui.share_of);
    const std::string id = "gradients/" + probe.tensor;
    ui.probe.item(id);
    ui.probe.value(id + "/flushed", shares.flushed);
    ui.probe.value(id + "/subnormal", shares.subnormal);
    ui.probe.value(id + "/normal", shares.normal);
    ui.probe.value(id + "/overflow", shares.overflow);
    ui.probe.value(id + "/nan", static_cast<double>(probe.counts.fp16.nan));
    ui.probe.value(id + "/true_zero", shares.true_zero);
    ui.probe.value(id + "/denominator", static_cast<double>(shares.denominator));
}

/// One row's line: a click opens or closes its detail.
enum class RowState { plain, selected };
void draw_row(const PanelContext& context, const LaneSnapshot& lane, const Probe& probe, RowState state,
              const ExponentAxis& axis, const RowColumns& columns, ImVec2 size) {
    UiState& ui = context.ui;
    const ImVec2 min = ImGui::GetCursorScreenPos(), max(min.x + size.x, min.y + size.y);
    ImGui::PushID(probe.tensor.c_str());
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
    if (ImGui::InvisibleButton("row", size)) {
        ui.selected_tensor = state == RowState::selected ? "" : probe.tensor;
    }
    ImGui::PopStyleVar();
    ImGui::PopID();
    report_row(ui, probe);
    if (!ImGui::IsItemVisible()) return;
    const bool hovered = ImGui::IsItemHovered(), is_selected = state == RowState::selected;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    if (hovered || is_selected) draw->AddRectFilled(min, max, context.theme.accent_soft);
    draw_tensor_row(draw, context.theme, probe, axis, columns, shown_view(ui), ui.share_of, min, max);
    if (is_selected) {
        draw->AddRectFilled(min, ImVec2(min.x + context.theme.px(2.5f), max.y), context.theme.accent);
    }
    if (hovered) tensor_tooltip(context.theme, probe, lane.probe_step);
}

/// All tensors of the kind, one row each; they share out the height and scroll where they are many. Returns
/// the axis, for the detail below.
ExponentAxis draw_rows(const PanelContext& context, const LaneSnapshot& lane, const ProbePointers& probes,
                       std::size_t selected, float height) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
    const float header = 2 * line + theme.px(6), count = static_cast<float>(probes.size());
    const GradientView view = shown_view(context.ui);
    float longest_name = 0;
    for (const Probe* probe : probes)
        longest_name = std::max(longest_name, ImGui::CalcTextSize(probe->tensor.c_str()).x);
    const RowColumns columns = choose_columns(width, longest_name, context.ui.probe_kind, theme);
    const double shift = shown_shift(probes.front()->scale, view);
    const float row_height = std::clamp((height - header) / count, theme.px(18), theme.px(64));
    const bool scrolls = row_height * count > height - header + 1;
    const float right = origin.x + width - (scrolls ? ImGui::GetStyle().ScrollbarSize : 0.0f);
    const ExponentAxis axis = make_axis(columns, origin.x, right, view, shift);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_exponent_axis(draw, theme, axis, BandEdges{}.shifted(shift), origin.y, origin.y + header);
    draw_column_titles(draw, theme, columns, right, origin.y);
    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + header));
    const ImVec2 size(std::max(1.0f, right - origin.x), row_height);
    compat::begin_child("rows", ImVec2(width, std::max(1.0f, height - header)), compat::ChildBorder::none);
    for (std::size_t index = 0; index < probes.size(); ++index) {
        const RowState state = index == selected ? RowState::selected : RowState::plain;
        draw_row(context, lane, *probes[index], state, axis, columns, size);
    }
    ImGui::EndChild();
    return axis;
}

/// Rows of tensors or layers, and all of them together last. `sums` keeps what is of several tensors.
std::vector<GradientRow> rows_of(const ProbePointers& probes, GradientRows kind, std::deque<Probe>& sums) {
    std::vector<std::pair<std::string, ProbePointers>> groups;
    for (const Probe* probe : probes) {
        const auto same = [&](const auto& group) { return group.first == probe->layer; };
        const auto group =
            kind == GradientRows::layers ? std::find_if(groups.begin(), groups.end(), same) : groups.end();
        group == groups.end() ? groups.push_back({probe->layer, {probe}}) : group->second.push_back(probe);
    }
    std::vector<GradientRow> rows;
    const auto add = [&](const ProbePointers& members, const std::string& name) {
        GradientRow& row = rows.emplace_back();
        row.probe = members.size() == 1 ? members.front() : &sums.emplace_back(total_of(members, name));
        for (const Probe* member : members) row.tensors.push_back(member->tensor);
    };
    for (const auto& [layer, members] : groups) add(members, layer);
    if (probes.size() > 1 && is_gradient(probes.front()->kind))
        add(probes, "all " + std::to_string(probes.size()) + " tensors");
    return rows;
}

/// The row of the selected name, else the one with the tensor of that name among its own; none: the end.
std::size_t selected_row(const std::vector<GradientRow>& rows, const std::string& name) {
    const auto named = std::find_if(rows.begin(), rows.end(),
                                    [&](const GradientRow& row) { return row.probe->tensor == name; });
    const auto holds = [&](const GradientRow& row) {
        return std::find(row.tensors.begin(), row.tensors.end(), name) != row.tensors.end();
    };
    const auto row = named != rows.end() ? named : std::find_if(rows.begin(), rows.end(), holds);
    return static_cast<std::size_t>(row - rows.begin());
}

/// All rows, as counted or under another scale, the sum of all gradients last; and the selected one's detail.
void draw_probes(const PanelContext& context, const LaneSnapshot& lane, const ProbePointers& counted) {
    const bool of_gradients = is_gradient(context.ui.probe_kind);
    std::deque<Probe> sums;
    const std::vector<GradientRow> rows =
        rows_of(counted, of_gradients ? context.ui.gradient_rows : GradientRows::tensors, sums);
    ProbePointers shown;
    std::vector<Probe> moved;
    moved.reserve(rows.size());
    for (const GradientRow& row : rows) {
        const bool is_moved = of_gradients && context.ui.what_if_scale;
        shown.push_back(is_moved ? &moved.emplace_back(under_scale(*row.probe, *context.ui.what_if_scale))
                                 : row.probe);
    }
    draw_caption(context, axis_caption(context, lane, shown));
    const std::size_t selected = selected_row(rows, context.ui.selected_tensor);
    const float left = ImGui::GetContentRegionAvail().y;
    const bool has_detail = selected < rows.size() && left > context.theme.px(240);
    const bool has_format =
        of_gradients && context.ui.format_what_if.choice.kind != WhatIfKind::counted && has_detail;
    const ExponentAxis axis =
        draw_rows(context, lane, shown, selected, has_detail ? left * (has_format ? 0.4f : 0.5f) : left);
    if (has_detail) draw_gradient_detail(context, lane, rows[selected], axis);
}

void draw_menu(const PanelContext& context, const LaneSnapshot& lane, const ProbePointers& probes, ImVec2 min,
               ImVec2 max) {
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right)) {
        ImGui::OpenPopup("gradients_menu");
    }
    if (!ImGui::BeginPopup("gradients_menu")) return;
    if (ImGui::MenuItem("Export counts as CSV")) {
        export_text(context.ui, export_path("gradients", lane.probe_step, "csv"), probes_csv(lane, probes));
    }
    context.ui.probe.item("gradients/menu/csv");
    if (ImGui::MenuItem("Export this panel as PNG")) {
        request_image(context.ui, min, max, "gradients", lane.probe_step);
    }
    context.ui.probe.item("gradients/menu/png");
    ImGui::EndPopup();
}

const char* nothing_to_show(const LaneSnapshot& lane, ProbeKind kind) {
    if (lane.probe_step < 0) return "Waiting for the first probe: run, or make one step (Right).";
    if (kind == ProbeKind::update) return "The step measured last was skipped: it made no updates.";
    return "This network has no tensors of this kind.";
}

}  // namespace

void draw_gradients_panel(const PanelContext& context) {
    const LaneSnapshot* lane = lane_to_show(context.theme, context.ui, context.snapshot);
    if (!lane) return;
    const ImVec2 min = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    draw_toolbar(context, *lane);
    context.ui.probe.value("gradients/lane", lane->name);
    const ProbePointers probes = shown_probes(*lane, context.ui.probe_kind);
    if (probes.empty()) {
        empty_state(context.theme, nothing_to_show(*lane, context.ui.probe_kind));
        return;
    }
    context.ui.probe.value("gradients/step", static_cast<double>(lane->probe_step));
    draw_probes(context, *lane, probes);
    draw_menu(context, *lane, probes, min, ImVec2(min.x + room.x, min.y + room.y));
}

}  // namespace halfscope
