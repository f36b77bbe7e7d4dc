#include "gui/panels/network_panel.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/kept_nodes.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/precision_search_view.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

const Probe* find_probe(const LaneSnapshot& lane, const std::string& tensor, ProbeKind kind) {
    for (const Probe& probe : lane.probes)
        if (probe.kind == kind && probe.tensor == tensor) return &probe;
    return nullptr;
}

/// What stands out most in a tensor, in percent of its non-zero elements, and in which band.
struct Worst {
    Band band = Band::normal;
    double percent = 0;
};
Worst worst_of(const Probe& probe) {
    const ClassShares shares = class_shares(probe.counts.fp16, ShareOf::nonzero);
    const double nonfinite = percent_of(probe.counts.fp16.inf + probe.counts.fp16.nan, shares.denominator);
    if (nonfinite > 0 && nonfinite >= shares.flushed) return {Band::overflow, nonfinite};
    if (shares.flushed > 0) return {Band::flushed, shares.flushed};
    return {Band::subnormal, shares.subnormal};
}

/// A gradient that is zero everywhere: what came down to it was lost above.
bool is_gone(const Probe& probe) { return is_gradient(probe.kind) && is_all_zero(probe); }

std::string worst_text(const Theme& theme, const Probe& probe) {
    if (is_gone(probe)) return "all zero";
    const Worst worst = worst_of(probe);
    return std::string(1, theme.band(worst.band).letter) + " " + percent_text(worst.percent) + "%";
}

/// The band's colour, the stronger the larger the share; a share of nothing is dim.
ImU32 worst_colour(const Theme& theme, const Probe& probe) {
    if (is_gone(probe)) return theme.error;
    const Worst worst = worst_of(probe);
    if (worst.percent <= 0) return theme.good;
    const auto strength = static_cast<float>(std::sqrt(std::min(1.0, worst.percent / 100.0)));
    return with_opacity(theme.band(worst.band).solid, 0.45f + 0.55f * strength);
}

/// A click follows a tensor everywhere, a double click opens its histogram.
void select_on_click(const PanelContext& context, const std::string& tensor, ProbeKind kind) {
    if (!ImGui::IsItemHovered()) return;
    if (ImGui::IsMouseClicked(ImGuiMouseButton_Left)) {
        context.ui.selected_tensor = tensor;
        context.ui.probe_kind = kind;
    }
    if (ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) show_tab(context.ui.layout, Slot::gradients);
}

/// A tensor as a small labelled box. Returns its right end.
float draw_tensor(const PanelContext& context, const LaneSnapshot& lane, const std::string& tensor,
                  ProbeKind kind, const std::string& label, ImVec2 at) {
    const Theme& theme = context.theme;
    const Probe* probe = find_probe(lane, tensor, kind);
    const std::string text = label + (probe ? "  " + worst_text(theme, *probe) : "");
    const float height = ImGui::GetTextLineHeight() + theme.px(4);
    const ImVec2 max(at.x + ImGui::CalcTextSize(text.c_str()).x + theme.px(20), at.y + height);
    ImGui::SetCursorScreenPos(at);
    ImGui::PushID((tensor + probe_kind_name(kind)).c_str());
    ImGui::InvisibleButton("tensor", ImVec2(max.x - at.x, height));
    ImGui::PopID();
    context.ui.probe.item("network/" + tensor + "/" + probe_kind_name(kind));
    select_on_click(context, tensor, kind);
    if (probe)
        context.ui.probe.value("network/" + tensor + "/" + probe_kind_name(kind), worst_of(*probe).percent);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const bool is_selected = context.ui.selected_tensor == tensor && context.ui.probe_kind == kind;
    const ImU32 colour = probe ? worst_colour(theme, *probe) : theme.text_dim;
    draw->AddRectFilled(at, max,
                        ImGui::IsItemHovered() || is_selected ? theme.accent_soft : theme.plot_background,
                        theme.px(3));
    draw->AddRectFilled(ImVec2(at.x + theme.px(3), at.y + theme.px(3)),
                        ImVec2(at.x + theme.px(11), max.y - theme.px(3)), colour, theme.px(2));
    draw->AddText(ImVec2(at.x + theme.px(15), at.y + theme.px(2)), theme.text, text.c_str());
    if (is_selected) compat::add_rectangle(draw, at, max, theme.accent, theme.px(3), 1);
    if (probe && ImGui::IsItemHovered()) tensor_tooltip(theme, *probe, lane.probe_step);
    return max.x + theme.px(6);
}

/// Where the rows of nodes stand.
struct Rows {
    float left, top, height, box_right;
    float middle(int node) const { return top + (static_cast<float>(node) + 0.5f) * height; }
};

/// From the node that writes a tensor to the one that reads it: straight to the next row, around the rows
/// between. What is stored in FP32 is twice as thick as what is stored in 16 bits.
void draw_edge(const Theme& theme, const Rows& rows, int from, int to, ImU32 colour, Format format,
               float half, float outside) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float thickness = theme.px(format == Format::fp32 ? 5.0f : 2.0f);
    if (to == from + 1) {
        const float x = rows.left + theme.px(26);
        draw->AddLine(ImVec2(x, rows.middle(from) + half), ImVec2(x, rows.middle(to) - half), colour,
                      thickness);
        const float tip = rows.middle(to) - half;
        draw->AddTriangleFilled(ImVec2(x, tip), ImVec2(x - theme.px(4), tip - theme.px(6)),
                                ImVec2(x + theme.px(4), tip - theme.px(6)), colour);
        return;
    }
    const float x = rows.left - outside;
    const ImVec2 points[4] = {ImVec2(rows.left, rows.middle(from)), ImVec2(x, rows.middle(from)),
                              ImVec2(x, rows.middle(to)), ImVec2(rows.left, rows.middle(to))};
    compat::add_polyline(draw, points, 4, colour, thickness);
    draw->AddTriangleFilled(ImVec2(rows.left, rows.middle(to)),
                            ImVec2(rows.left - theme.px(6), rows.middle(to) - theme.px(4)),
                            ImVec2(rows.left - theme.px(6), rows.middle(to) + theme.px(4)), colour);
}

void send_kept(const PanelContext& context, const LaneSnapshot& lane, const std::string& value) {
    context.commands.send(SetTechniqueCommand{lane.name, "keep_fp32", value});
    context.ui.edits.sent_technique = {lane.id, "keep_fp32", context.snapshot.next_step, ImGui::GetTime()};
}

/// The switch of a node at the right end of its box. Returns its left end.
float draw_keep_switch(const PanelContext& context, const LaneSnapshot& lane, const OutlineNode& node,
                       ImVec2 min, ImVec2 max) {
    const Theme& theme = context.theme;
    const std::vector<OutlineNode>& outline = *context.snapshot.outline;
    const Keep kept = is_node_kept(lane.techniques, node) ? Keep::yes : Keep::no;
    const bool is_fp32 = lane.techniques.storage == Format::fp32;
    const float left = max.x - ImGui::CalcTextSize("fp32").x - theme.px(16);
    ImGui::SetCursorScreenPos(ImVec2(left, min.y + theme.px(4)));
    ImGui::PushID(node.name.c_str());
    ImGui::BeginDisabled(is_fp32);
    const Keep other = kept == Keep::yes ? Keep::no : Keep::yes;
    if (toggle_button(theme, "fp32", kept == Keep::yes || is_fp32 ? ToggleLook::on : ToggleLook::off))
        send_kept(context, lane, value_with_node(lane.techniques, outline, node, other));
    ImGui::EndDisabled();
    context.ui.probe.item("network/keep/" + node.name);
    item_tooltip(theme, is_fp32 ? "This lane stores everything in FP32."
                                : (kept == Keep::yes ? "Kept in FP32: " : "Keep in FP32: ") + node.name +
                                      " with its parameters, its output, their gradients and its arithmetic. "
                                      "Right click: all nodes of its operation.");
    if (!is_fp32 && ImGui::IsItemClicked(ImGuiMouseButton_Right)) ImGui::OpenPopup("operation");
    if (ImGui::BeginPopup("operation")) {
        const Keep all = is_op_kept(lane.techniques, outline, node.op) ? Keep::no : Keep::yes;
        const std::string label =
            (all == Keep::yes ? "Keep every " : "No longer keep every ") + node.op + " in FP32";
        if (ImGui::MenuItem(label.c_str()))
            send_kept(context, lane, value_with_op(lane.techniques, outline, node.op, all));
        context.ui.probe.item("network/keep_op/" + node.op);
        ImGui::EndPopup();
    }
    ImGui::PopID();
    context.ui.probe.value("network/kept/" + node.name, kept == Keep::yes ? "yes" : "no");
    return left;
}

void draw_node(const PanelContext& context, const LaneSnapshot& lane, const OutlineNode& node,
               const Rows& rows, int index, float half) {
    const Theme& theme = context.theme;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float y = rows.middle(index), line = ImGui::GetTextLineHeight();
    const ImVec2 min(rows.left, y - half), max(rows.box_right, y + half);
    draw->AddRectFilled(min, max, theme.plot_background, theme.px(4));
    const bool is_kept = is_node_kept(lane.techniques, node);
    compat::add_rectangle(draw, min, max, is_kept ? theme.accent : theme.panel_border, theme.px(4),
                          is_kept ? theme.px(2) : 1.0f);
    const float keep_left = draw_keep_switch(context, lane, node, min, max);
    draw_name_text(draw, ImVec2(min.x + theme.px(8), y - line), keep_left - min.x - theme.px(12), theme.text,
                   node.name);
    const Probe* activation = find_probe(lane, node.output, ProbeKind::activation);
    const std::string what = node.op + ", " + node.shape +
                             (activation ? std::string(", ") + format_info(activation->own_format).name : "");
    draw_clipped_text(draw, ImVec2(min.x + theme.px(8), y), max.x - min.x - theme.px(12), theme.text_dim,
                      what);
    float x = max.x + theme.px(8);
    const float top = y - line - theme.px(3), below = y + theme.px(1);
    if (activation) {
        const float end =
            draw_tensor(context, lane, node.output, ProbeKind::activation, "fwd", ImVec2(x, top));
        float other = end;
        if (find_probe(lane, node.output, ProbeKind::activation_gradient))
            other = draw_tensor(context, lane, node.output, ProbeKind::activation_gradient, "bwd",
                                ImVec2(x, below));
        x = std::max(end, other);
    }
    float lower = x;
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
        const std::string& name = node.parameters[i];
        const std::size_t dot = name.rfind('.');
        const std::string label = "d " + (dot == std::string::npos ? name : name.substr(dot + 1));
        // Two rows, so that a recurrent layer's four fit.
        float& at = i % 2 == 0 ? x : lower;
        at = draw_tensor(context, lane, name, ProbeKind::weight_gradient, label,
                         ImVec2(at, i % 2 == 0 ? top : below));
    }
}

void draw_graph(const PanelContext& context, const LaneSnapshot& lane,
                const std::vector<OutlineNode>& outline) {
    const Theme& theme = context.theme;
    compat::begin_child("graph", ImVec2(0, 0), compat::ChildBorder::none,
                        ImGuiWindowFlags_HorizontalScrollbar);
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
    bool has_detours = false;
    float longest = theme.px(110);
    for (std::size_t i = 0; i < outline.size(); ++i) {
        for (const int source : outline[i].sources) has_detours |= source + 1 != static_cast<int>(i);
        longest = std::max(
            {longest,
             ImGui::CalcTextSize(outline[i].name.c_str()).x + ImGui::CalcTextSize("fp32").x + theme.px(18),
             ImGui::CalcTextSize((outline[i].op + ", " + outline[i].shape + ", fp16").c_str()).x});
    }
    Rows rows;
    rows.left = origin.x + (has_detours ? theme.px(34) : theme.px(4));
    rows.top = origin.y;
    rows.height = 2 * line + theme.px(26);
    rows.box_right = rows.left + std::min(longest + theme.px(18), width * 0.45f);
    const float half = line + theme.px(4);
    for (std::size_t i = 0; i < outline.size(); ++i) {
        for (const int source : outline[i].sources) {
            const Probe* gradient = find_probe(lane, outline[static_cast<std::size_t>(source)].output,
                                               ProbeKind::activation_gradient);
            const ImU32 colour = gradient ? worst_colour(theme, *gradient) : theme.text_dim;
            const Format format = gradient ? gradient->own_format : lane.techniques.storage;
            const int skipped = static_cast<int>(i) - source - 1;
            draw_edge(theme, rows, source, static_cast<int>(i), colour, format, half,
                      theme.px(10) + theme.px(4) * static_cast<float>(std::min(skipped, 5)));
        }
    }
    for (std::size_t i = 0; i < outline.size(); ++i) {
        ImGui::SetCursorScreenPos(ImVec2(origin.x, rows.middle(static_cast<int>(i)) - half));
        // What is scrolled out of sight is not drawn.
        if (ImGui::IsRectVisible(ImVec2(1, 2 * half)))
            draw_node(context, lane, outline[i], rows, static_cast<int>(i), half);
    }
    ImGui::SetCursorScreenPos(origin);
    ImGui::Dummy(ImVec2(1, rows.height * static_cast<float>(outline.size())));
    ImGui::EndChild();
}

}  // namespace

void draw_network_panel(const PanelContext& context) {
    const Theme& theme = context.theme;
    const LaneSnapshot* lane = lane_to_show(theme, context.ui, context.snapshot);
    if (!lane || !context.snapshot.outline) return;
    draw_lane_choice(theme, context.ui, context.snapshot, *lane, "network");
    const std::string caption =
        "from the batch (top) to the loss; each tensor with its worst class in % of non-zero, as counted at "
        "step " +
        (lane->probe_step < 0 ? std::string("-") : count_text(lane->probe_step)) +
        "; lines: the gradient between two nodes, thick where stored in FP32. Click: select, double click: "
        "its histogram";
    caption_line(theme, caption);
    const SearchAsk ask = draw_precision_search(theme, context.ui, context.snapshot, *lane);
    if (ask.cancel) context.commands.send(CancelCommand{});
    if (ask.search_below) context.commands.send(SearchPrecisionCommand{lane->name, *ask.search_below});
    if (ask.keep) send_kept(context, *lane, *ask.keep);
    draw_graph(context, *lane, *context.snapshot.outline);
}

}  // namespace halfscope
