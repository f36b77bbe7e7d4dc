#include "gui/panels/gradients_panel.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"
#include "gui/widgets/tensor_row.h"
#include "gui/widgets/waterfall.h"
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

bool is_gradient(ProbeKind kind) {
    return kind == ProbeKind::weight_gradient || kind == ProbeKind::activation_gradient;
}

/// Unscaled makes no difference where values contain no scale.
GradientView shown_view(const UiState& ui) {
    return is_gradient(ui.probe_kind) ? ui.gradient_view : GradientView::scaled;
}

std::vector<const Probe*> shown_probes(const LaneSnapshot& lane, ProbeKind kind) {
    std::vector<const Probe*> probes;
    for (const Probe& probe : lane.probes) {
        if (probe.kind == kind) probes.push_back(&probe);
    }
    return probes;
}

/// Goes to the next line where `width` more pixels do not fit.
void flow(float width) {
    const float right = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
    if (ImGui::GetItemRectMax().x + ImGui::GetStyle().ItemSpacing.x + width < right) ImGui::SameLine();
}

void draw_lane_choice(const PanelContext& context, const LaneSnapshot& chosen) {
    const Theme& theme = context.theme;
    bool is_first = true;
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        const float width = theme.px(45) + ImGui::CalcTextSize(lane.name.c_str()).x;
        if (!is_first) flow(width);
        is_first = false;
        const ImVec2 at = ImGui::GetCursorScreenPos();
        ImGui::PushID(lane.id);
        if (ImGui::InvisibleButton("lane", ImVec2(width, ImGui::GetFrameHeight())))
            context.ui.selected_lane = lane.id;
        ImGui::PopID();
        context.ui.probe.item("gradients/lane/" + lane.name);
        const bool hovered = ImGui::IsItemHovered();
        const ImVec2 end = ImGui::GetItemRectMax();
        ImDrawList* draw = ImGui::GetWindowDrawList();
        if (&lane == &chosen || hovered) draw->AddRectFilled(at, end, theme.accent_soft, theme.px(4));
        const LaneLook look = theme.lane(lane.id);
        const float y = (at.y + end.y) * 0.5f;
        const ImVec2 line[2] = {ImVec2(at.x + theme.px(6), y), ImVec2(at.x + theme.px(32), y)};
        draw_styled_line(draw, line, 2, look.colour, theme.px(2.5f), look.style, theme.scale * 0.8f);
        draw->AddText(ImVec2(at.x + theme.px(38), y - ImGui::GetTextLineHeight() * 0.5f),
                      &lane == &chosen ? theme.text : theme.text_dim, lane.name.c_str());
    }
}

void draw_kind_choice(const PanelContext& context) {
    UiState& ui = context.ui;
    const float width = ImGui::CalcTextSize("activation gradients").x + context.theme.px(34);
    flow(width);
    ImGui::SetNextItemWidth(width);
    const bool is_open = ImGui::BeginCombo("##kind", kind_name(ui.probe_kind));
    ui.probe.item("gradients/kind");
    if (!is_open) return;
    for (const KindName& entry : kKinds) {
        if (ImGui::Selectable(entry.name, entry.kind == ui.probe_kind)) ui.probe_kind = entry.kind;
        ui.probe.item(std::string("gradients/kind/") + entry.name);
    }
    ImGui::EndCombo();
}

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane) {
    UiState& ui = context.ui;
    draw_lane_choice(context, lane);
    draw_kind_choice(context);
    const float padding = ImGui::GetStyle().FramePadding.x * 2;
    if (is_gradient(ui.probe_kind)) {
        const bool is_scaled = ui.gradient_view == GradientView::scaled;
        const char* label = is_scaled ? "scaled" : "unscaled";
        flow(ImGui::CalcTextSize("unscaled").x + padding);
        if (ImGui::Button(label))
            ui.gradient_view = is_scaled ? GradientView::unscaled : GradientView::scaled;
        ui.probe.item("gradients/view");
        item_tooltip(context.theme,
                     "scaled: the values as they are stored, S times the gradient. unscaled: divided by S; "
                     "FP16's bands "
                     "move along, because what is flushed is decided where values are stored.");
    }
    const bool of_nonzero = ui.share_of == ShareOf::nonzero;
    const char* label = of_nonzero ? "% of non-zero" : "% of all";
    flow(ImGui::CalcTextSize("% of non-zero").x + padding);
    if (ImGui::Button(label)) ui.share_of = of_nonzero ? ShareOf::all : ShareOf::nonzero;
    ui.probe.item("gradients/share");
    item_tooltip(context.theme,
                 "What the percentages are of: the elements that are not exactly zero, or all of them. True "
                 "zeros (from "
                 "a ReLU, say) are not underflow.");
    ui.probe.value("gradients/view", ui.gradient_view == GradientView::scaled ? "scaled" : "unscaled");
    ui.probe.value("gradients/share", of_nonzero ? "nonzero" : "all");
    ui.probe.value("gradients/kind", kind_name(ui.probe_kind));
}

/// What the axis is of, in words.
std::string axis_caption(const PanelContext& context, const LaneSnapshot& lane, const Probe& probe) {
    std::string text = "log2 of |value|";
    if (is_gradient(probe.kind)) {
        const std::string scale = scale_label(context.theme, probe.scale);
        text = shown_view(context.ui) == GradientView::scaled ? "log2 |g x S| as stored, S = " + scale
                                                              : "log2 |g| unscaled, S = " + scale;
    }
    text += "; step " + count_text(lane.probe_step);
    if (probe.own_format != Format::fp16) {
        text += "; as FP16 would store it (this lane stores " +
                std::string(format_info(probe.own_format).name) + ")";
    }
    return text;
}

ExponentAxis make_axis(const RowColumns& columns, ImVec2 min, ImVec2 max, GradientView view, double shift) {
    ExponentAxis axis;
    axis.left = min.x + columns.name;
    axis.right = max.x - columns.number * static_cast<float>(columns.count()) - columns.number * 0.15f;
    axis.right = std::max(axis.right, axis.left + 20);
    // In the unscaled view the window moves part of the way, so that both bands and bars stay in it.
    if (view == GradientView::unscaled) {
        const double moved = std::clamp(std::round(shift), -24.0, 8.0);
        axis.low += moved;
        axis.high += moved;
    }
    return axis;
}

void report_row(UiState& ui, const Probe& probe, ImVec2 min, ImVec2 max) {
    if (!ui.probe.enabled()) return;
    const ClassShares shares = class_shares(probe.counts.fp16, ui.share_of);
    const std::string id = "gradients/" + probe.tensor;
    ui.probe.rectangle(id, min, max);
    ui.probe.value(id + "/flushed", shares.flushed);
    ui.probe.value(id + "/subnormal", shares.subnormal);
    ui.probe.value(id + "/normal", shares.normal);
    ui.probe.value(id + "/overflow", shares.overflow);
    ui.probe.value(id + "/nan", static_cast<double>(probe.counts.fp16.nan));
    ui.probe.value(id + "/denominator", static_cast<double>(shares.denominator));
}

/// All tensors of the kind, one row each; they share out the height and scroll where they are many.
void draw_rows(const PanelContext& context, const LaneSnapshot& lane, const std::vector<const Probe*>& probes,
               float height) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
    const float header = 2 * line + theme.px(6);
    const GradientView view = shown_view(ui);
    const RowColumns columns = choose_columns(width, ui.probe_kind, theme);
    const double shift = shown_shift(*probes.front(), view);
    const float row_height =
        std::clamp((height - header) / static_cast<float>(probes.size()), theme.px(22), theme.px(58));
    const bool scrolls = row_height * static_cast<float>(probes.size()) > height - header + 1;
    const float right = origin.x + width - (scrolls ? ImGui::GetStyle().ScrollbarSize : 0.0f);
    const ExponentAxis axis = make_axis(columns, origin, ImVec2(right, origin.y), view, shift);
    draw_exponent_axis(ImGui::GetWindowDrawList(), theme, axis, BandEdges{}.shifted(shift), origin.y,
                       origin.y + header);
    draw_column_titles(ImGui::GetWindowDrawList(), theme, columns, right, origin.y);

    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + header));
    compat::begin_child("rows", ImVec2(width, height - header), compat::ChildBorder::none);
    for (const Probe* probe : probes) {
        const ImVec2 min = ImGui::GetCursorScreenPos(), max(right, min.y + row_height);
        ImGui::PushID(probe->tensor.c_str());
        ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
        if (ImGui::InvisibleButton("row", ImVec2(std::max(1.0f, max.x - min.x), row_height))) {
            ui.selected_tensor = ui.selected_tensor == probe->tensor ? "" : probe->tensor;
        }
        ImGui::PopStyleVar();
        ImGui::PopID();
        const bool hovered = ImGui::IsItemHovered();
        ImDrawList* draw = ImGui::GetWindowDrawList();
        if (hovered || ui.selected_tensor == probe->tensor) draw->AddRectFilled(min, max, theme.accent_soft);
        draw_tensor_row(draw, theme, *probe, axis, columns, view, ui.share_of, min, max);
        report_row(ui, *probe, min, max);
        if (hovered) tensor_tooltip(theme, *probe, lane.probe_step);
    }
    ImGui::EndChild();
}

/// The selected tensor over time, and under other scales.
void draw_detail(const PanelContext& context, const LaneSnapshot& lane, const Probe& probe) {
    const Theme& theme = context.theme;
    const GradientView view = shown_view(context.ui);
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const float line = ImGui::GetTextLineHeight();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const bool has_what_if = is_gradient(probe.kind);
    const bool side_by_side = has_what_if && room.x > theme.px(460);
    const float waterfall_width = side_by_side ? room.x * 0.5f - theme.px(8) : room.x;
    const float waterfall_height = has_what_if && !side_by_side ? room.y * 0.45f : room.y;
    draw_clipped_text(draw, origin, waterfall_width, theme.text,
                      probe.tensor + " over time: newest on top, " +
                          std::string(view == GradientView::scaled ? "as stored" : "unscaled"));
    ExponentAxis axis;
    axis.left = origin.x;
    axis.right = origin.x + waterfall_width;
    const double shift = shown_shift(probe, view);
    if (view == GradientView::unscaled) {
        axis.low += std::clamp(std::round(shift), -24.0, 8.0);
        axis.high += std::clamp(std::round(shift), -24.0, 8.0);
    }
    const float top = origin.y + line + theme.px(3),
                bottom = origin.y + waterfall_height - line - theme.px(4);
    draw_exponent_axis(draw, theme, axis, BandEdges{}.shifted(shift), bottom - line * 3,
                       bottom + line + theme.px(4));
    const std::vector<HistogramRow> rows = context.timeline.waterfall(lane.id, probe.tensor, probe.kind);
    const std::int64_t newest = rows.empty() ? 0 : rows.back().step + 1;
    const std::int64_t version = (context.snapshot.run << 40) + newest * 4 +
                                 (view == GradientView::scaled ? 0 : 2) +
                                 (theme.kind == ThemeKind::dark ? 0 : 1);
    draw_waterfall(draw, theme, context.textures,
                   "waterfall/" + std::to_string(lane.id) + "/" + probe.tensor + kind_name(probe.kind),
                   version, rows, axis, view, top, bottom);
    context.ui.probe.rectangle("gradients/waterfall", ImVec2(axis.left, top), ImVec2(axis.right, bottom));
    if (has_what_if) {
        const ImVec2 min = side_by_side ? ImVec2(axis.right + theme.px(16), origin.y)
                                        : ImVec2(origin.x, origin.y + waterfall_height + theme.px(4));
        const ImVec2 max(origin.x + room.x, origin.y + room.y);
        draw_what_if(draw, theme, probe, lane.techniques, min, max);
        context.ui.probe.rectangle("gradients/what_if", min, max);
    }
    ImGui::Dummy(room);
}

std::string csv_of(const LaneSnapshot& lane, const std::vector<const Probe*>& probes) {
    std::string csv =
        "lane,step,tensor,kind,count,true_zero,flushed,subnormal,normal,inf,inf_incoming,nan,scale,min_abs,"
        "max_abs,"
        "exponent,values\n";
    for (const Probe* probe : probes) {
        const ClassCounts& counts = probe->counts.fp16;
        std::string start = csv_text(lane.name) + "," + std::to_string(lane.probe_step) + "," +
                            csv_text(probe->tensor) + "," + probe_kind_name(probe->kind);
        for (const std::uint64_t count : {counts.count(), counts.true_zero, counts.flushed, counts.subnormal,
                                          counts.normal, counts.inf, counts.inf_incoming, counts.nan}) {
            start += "," + std::to_string(count);
        }
        start += "," + csv_number(probe->scale) + "," +
                 csv_number(static_cast<double>(probe->counts.min_abs)) + "," +
                 csv_number(static_cast<double>(probe->counts.max_abs)) + ",";
        for (int exponent = kMinExponent; exponent <= kMaxExponent; ++exponent) {
            const std::uint64_t values = probe->counts.histogram.at(exponent);
            if (values > 0) csv += start + std::to_string(exponent) + "," + std::to_string(values) + "\n";
        }
    }
    return csv;
}

void draw_menu(const PanelContext& context, const LaneSnapshot& lane, const std::vector<const Probe*>& probes,
               ImVec2 min, ImVec2 max) {
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right)) {
        ImGui::OpenPopup("gradients_menu");
    }
    if (!ImGui::BeginPopup("gradients_menu")) return;
    if (ImGui::MenuItem("Export counts as CSV")) {
        export_text(context.ui, export_path("gradients", lane.probe_step, "csv"), csv_of(lane, probes));
    }
    context.ui.probe.item("gradients/menu/csv");
    if (ImGui::MenuItem("Export this panel as PNG")) {
        request_image(context.ui, min, max, "gradients", lane.probe_step);
    }
    context.ui.probe.item("gradients/menu/png");
    ImGui::EndPopup();
}

}  // namespace

void draw_gradients_panel(const PanelContext& context) {
    const LaneSnapshot* lane = selected_lane(context.snapshot, context.ui);
    if (!lane) {
        empty_state(context.theme, "No lane yet.");
        return;
    }
    const ImVec2 min = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    draw_toolbar(context, *lane);
    context.ui.probe.value("gradients/lane", lane->name);
    const std::vector<const Probe*> probes = shown_probes(*lane, context.ui.probe_kind);
    if (probes.empty()) {
        empty_state(context.theme, lane->probe_step < 0
                                       ? "Nothing measured yet: run, or make one step (Right)."
                                   : context.ui.probe_kind == ProbeKind::update
                                       ? "The step measured last was skipped: it made no updates."
                                       : "This network has no tensors of this kind.");
        return;
    }
    context.ui.probe.value("gradients/step", static_cast<double>(lane->probe_step));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    draw_clipped_text(ImGui::GetWindowDrawList(), at, width, context.theme.text_dim,
                      axis_caption(context, *lane, *probes.front()));
    ImGui::Dummy(ImVec2(width, ImGui::GetTextLineHeight()));
    const auto selected = std::find_if(probes.begin(), probes.end(), [&](const Probe* probe) {
        return probe->tensor == context.ui.selected_tensor;
    });
    const float left = ImGui::GetContentRegionAvail().y;
    const bool has_detail = selected != probes.end() && left > context.theme.px(240);
    draw_rows(context, *lane, probes, has_detail ? left * 0.56f : left);
    if (has_detail) draw_detail(context, *lane, **selected);
    draw_menu(context, *lane, probes, min, ImVec2(min.x + room.x, min.y + room.y));
}

}  // namespace halfscope
