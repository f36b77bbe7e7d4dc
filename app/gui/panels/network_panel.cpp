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

/// A tensor of a node, and how it is called there.
struct NodeTensor {
    std::string tensor, label;
    ProbeKind kind = ProbeKind::activation;
};
/// What stands in one column beside a node: one above the other.
using TensorPair = std::vector<NodeTensor>;

/// The activation with its gradient, then the parameters' gradients two by two.
std::vector<TensorPair> pairs_of(const LaneSnapshot& lane, const OutlineNode& node) {
    std::vector<TensorPair> pairs;
    if (find_probe(lane, node.output, ProbeKind::activation)) {
        pairs.push_back({{node.output, "fwd", ProbeKind::activation}});
        if (find_probe(lane, node.output, ProbeKind::activation_gradient))
            pairs.back().push_back({node.output, "bwd", ProbeKind::activation_gradient});
    }
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
        const std::string& name = node.parameters[i];
        if (i % 2 == 0) pairs.emplace_back();
        pairs.back().push_back({name, "d " + name.substr(name.rfind('.') + 1), ProbeKind::weight_gradient});
    }
    return pairs;
}

std::string text_of(const Theme& theme, const LaneSnapshot& lane, const NodeTensor& tensor) {
    const Probe* probe = find_probe(lane, tensor.tensor, tensor.kind);
    return tensor.label + (probe ? "  " + worst_text(theme, *probe) : "");
}

float width_of(const Theme& theme, const LaneSnapshot& lane, const TensorPair& pair) {
    float width = 0;
    for (const NodeTensor& tensor : pair)
        width = std::max(width, ImGui::CalcTextSize(text_of(theme, lane, tensor).c_str()).x + theme.px(20));
    return width + theme.px(6);
}

/// Where each pair stands in `room` pixels: side by side, and further down where they do not all fit.
std::vector<ImVec2> place_pairs(const Theme& theme, const LaneSnapshot& lane,
                                const std::vector<TensorPair>& pairs, float room, float pair_height) {
    std::vector<ImVec2> places;
    ImVec2 at(0, 0);
    for (const TensorPair& pair : pairs) {
        const float width = width_of(theme, lane, pair);
        if (at.x > 0 && at.x + width > room) at = ImVec2(0, at.y + pair_height);
        places.push_back(at);
        at.x += width;
    }
    return places;
}

/// A tensor as a small labelled box.
void draw_tensor(const PanelContext& context, const LaneSnapshot& lane, const NodeTensor& shown, ImVec2 at) {
    const Theme& theme = context.theme;
    const std::string& tensor = shown.tensor;
    const ProbeKind kind = shown.kind;
    const Probe* probe = find_probe(lane, tensor, kind);
    const std::string text = text_of(theme, lane, shown);
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
}

/// Where the rows of nodes stand.
struct Rows {
    float left = 0, top = 0, box_right = 0, right = 0;
    std::vector<float> ends;  ///< of each node's row, from `top`
    float start(std::size_t node) const { return node == 0 ? 0.0f : ends[node - 1]; }
    float middle(std::size_t node) const { return top + (start(node) + ends[node]) * 0.5f; }
};

float pair_height(const Theme& theme) { return 2 * (ImGui::GetTextLineHeight() + theme.px(4)); }

/// From the node that writes a tensor to the one that reads it: straight to the next row, around the rows
/// between. What is stored in FP32 is twice as thick as what is stored in 16 bits.
void draw_edge(const Theme& theme, const Rows& rows, std::size_t from, std::size_t to, ImU32 colour,
               Format format, float half, float outside) {
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
               const Rows& rows, std::size_t index, float half) {
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
    const float left = max.x + theme.px(8), height = pair_height(theme);
    const std::vector<TensorPair> pairs = pairs_of(lane, node);
    const std::vector<ImVec2> places = place_pairs(theme, lane, pairs, rows.right - left, height);
    const float top = y - (places.empty() ? 0.0f : (places.back().y + height) * 0.5f);
    for (std::size_t i = 0; i < pairs.size(); ++i)
        for (std::size_t below = 0; below < pairs[i].size(); ++below)
            draw_tensor(
                context, lane, pairs[i][below],
                ImVec2(left + places[i].x, top + places[i].y + static_cast<float>(below) * height * 0.5f));
}

/// Rows as high as what stands beside each node needs.
void place_rows(const Theme& theme, const LaneSnapshot& lane, const std::vector<OutlineNode>& outline,
                Rows& rows) {
    const float height = pair_height(theme);
    for (const OutlineNode& node : outline) {
        const std::vector<ImVec2> places =
            place_pairs(theme, lane, pairs_of(lane, node), rows.right - rows.box_right - theme.px(8), height);
        const float below = places.empty() ? 0.0f : places.back().y;
        rows.ends.push_back((rows.ends.empty() ? 0.0f : rows.ends.back()) + below + height + theme.px(18));
    }
}

void draw_graph(const PanelContext& context, const LaneSnapshot& lane,
                const std::vector<OutlineNode>& outline) {
    const Theme& theme = context.theme;
    compat::begin_child("graph", ImVec2(0, 0), compat::ChildBorder::none);
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
    rows.right = origin.x + width;
    rows.box_right = rows.left + std::min(longest + theme.px(18), width * 0.45f);
    place_rows(theme, lane, outline, rows);
    const float half = line + theme.px(4);
    for (std::size_t i = 0; i < outline.size(); ++i) {
        for (const int source : outline[i].sources) {
            const Probe* gradient = find_probe(lane, outline[static_cast<std::size_t>(source)].output,
                                               ProbeKind::activation_gradient);
            const ImU32 colour = gradient ? worst_colour(theme, *gradient) : theme.text_dim;
            const Format format = gradient ? gradient->own_format : lane.techniques.storage;
            const int skipped = static_cast<int>(i) - source - 1;
            draw_edge(theme, rows, static_cast<std::size_t>(source), i, colour, format, half,
                      theme.px(10) + theme.px(4) * static_cast<float>(std::min(skipped, 5)));
        }
    }
    for (std::size_t i = 0; i < outline.size(); ++i) {
        ImGui::SetCursorScreenPos(ImVec2(origin.x, rows.top + rows.start(i)));
        // What is scrolled out of sight is not drawn.
        if (ImGui::IsRectVisible(ImVec2(1, rows.ends[i] - rows.start(i))))
            draw_node(context, lane, outline[i], rows, i, half);
    }
    ImGui::SetCursorScreenPos(origin);
    ImGui::Dummy(ImVec2(1, rows.ends.empty() ? 1.0f : rows.ends.back()));
    ImGui::EndChild();
}

}  // namespace

void draw_network_panel(const PanelContext& context) {
    const Theme& theme = context.theme;
    const LaneSnapshot* lane = lane_to_show(theme, context.ui, context.snapshot);
    if (!lane || !context.snapshot.outline) return;
    draw_lane_choice(theme, context.ui, context.snapshot, *lane, "network");
    const std::string step = lane->probe_step < 0 ? "-" : count_text(lane->probe_step);
    const std::string caption =
        "fwd: a layer's output, bwd: its gradient, d: a parameter's gradient, each with its worst class (F "
        "flushed, S subnormal, O not finite) in % of its non-zero elements, step " +
        step +
        "; from the batch (top) to the loss. Lines: the gradient between two nodes, thick where stored in "
        "FP32. Click: select, double click: its histogram";
    caption_line(theme, caption);
    const SearchAsk ask = draw_precision_search(theme, context.ui, context.snapshot, *lane);
    if (ask.cancel) context.commands.send(CancelCommand{});
    if (ask.search_below) context.commands.send(SearchPrecisionCommand{lane->name, *ask.search_below});
    if (ask.keep) send_kept(context, *lane, *ask.keep);
    draw_graph(context, *lane, *context.snapshot.outline);
}

}  // namespace halfscope
