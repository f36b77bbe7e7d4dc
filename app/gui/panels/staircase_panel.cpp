#include "gui/panels/staircase_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/class_bar.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

constexpr double kWorthMarking_percent = 0.1;

/// One layer's output on its way forward, and its gradient on the way back.
struct Stair {
    const Probe* forward = nullptr;
    const Probe* backward = nullptr;  ///< null: none is made
    double lost = 0;                  ///< percent, of the worse of both
};

std::vector<Stair> stairs_of(const LaneSnapshot& lane, StairOrder order) {
    std::vector<Stair> stairs;
    for (const Probe& probe : lane.probes) {
        if (probe.kind == ProbeKind::activation) {
            stairs.push_back({&probe, nullptr, lost_percent(probe.counts.fp16)});
        } else if (probe.kind == ProbeKind::activation_gradient) {
            const auto stair = std::find_if(stairs.begin(), stairs.end(), [&](const Stair& other) {
                return other.forward->tensor == probe.tensor;
            });
            if (stair == stairs.end()) continue;
            stair->backward = &probe;
            stair->lost = std::max(stair->lost, lost_percent(probe.counts.fp16));
        }
    }
    if (order == StairOrder::worst_first) {
        std::stable_sort(stairs.begin(), stairs.end(),
                         [](const Stair& a, const Stair& b) { return a.lost > b.lost; });
    }
    return stairs;
}

/// The layer that loses most; null where none loses anything worth a mark.
const Stair* worst_of(const std::vector<Stair>& stairs) {
    const auto worst = std::max_element(stairs.begin(), stairs.end(),
                                        [](const Stair& a, const Stair& b) { return a.lost < b.lost; });
    return worst != stairs.end() && worst->lost >= kWorthMarking_percent ? &*worst : nullptr;
}

/// Where the parts of all rows stand.
struct StairColumns {
    ExponentAxis axis;
    float bar_left = 0, bar_right = 0;  ///< of the class bars
    float label = 0;                    ///< width of "fwd"
};

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane) {
    UiState& ui = context.ui;
    draw_lane_choice(context.theme, ui, context.snapshot, lane, "staircase");
    const bool by_depth = ui.stair_order == StairOrder::depth;
    flow_to_button("worst first");
    if (ImGui::Button(by_depth ? "by depth" : "worst first"))
        ui.stair_order = by_depth ? StairOrder::worst_first : StairOrder::depth;
    ui.probe.item("staircase/order");
    item_tooltip(context.theme,
                 "by depth: from the input to the loss. worst first: what FP16 loses most of stands on top.");
    draw_view_choice(context.theme, ui, "staircase");
}

std::string caption_of(const PanelContext& context, const LaneSnapshot& lane,
                       const std::vector<Stair>& stairs) {
    double scale = 1.0;
    for (const Stair& stair : stairs)
        if (stair.backward) scale = stair.backward->scale;
    const std::string factor = scale_label(context.theme, scale);
    return std::string("log2 |value|; fwd: activation, bwd: its gradient ") +
           (context.ui.gradient_view == GradientView::scaled
                ? "x S as stored (S = " + factor + ")"
                : "unscaled (S = " + factor + "; bands moved by S)") +
           "; classes in % of non-zero; step " + count_text(lane.probe_step);
}

/// From the smallest to the largest value, with caps.
void draw_range(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                double shift, float y, float cap) {
    if (!(probe.counts.min_abs > 0)) return;
    const float from = axis.x(std::log2(static_cast<double>(probe.counts.min_abs)) + shift);
    const float to = axis.x(std::log2(static_cast<double>(probe.counts.max_abs)) + shift);
    draw->AddLine(ImVec2(from, y), ImVec2(to, y), theme.text, theme.px(1.2f));
    for (const float x : {from, to})
        draw->AddLine(ImVec2(x, y - cap), ImVec2(x, y + cap), theme.text, theme.px(1.2f));
}

/// Half a row: forward above, backward below.
void draw_half(const PanelContext& context, const Probe* probe, const char* label,
               const StairColumns& columns, float top, float bottom) {
    const Theme& theme = context.theme;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float line = ImGui::GetTextLineHeight(), middle = (top + bottom) * 0.5f;
    draw->AddText(ImVec2(columns.axis.left - columns.label - theme.px(6), middle - line * 0.5f),
                  theme.text_dim, label);
    const GradientView view = probe && probe->kind == ProbeKind::activation_gradient
                                  ? context.ui.gradient_view
                                  : GradientView::scaled;
    const double shift = probe ? shown_shift(probe->scale, view) : 0.0;
    const BandEdges edges = BandEdges{}.shifted(shift);
    draw_bands(draw, theme, columns.axis, edges, top, bottom);
    if (!probe) {
        draw_clipped_text(draw, ImVec2(columns.axis.left + theme.px(6), middle - line * 0.5f),
                          columns.axis.right - columns.axis.left - theme.px(8), theme.text_dim,
                          "no gradient is made of it");
        return;
    }
    draw->PushClipRect(ImVec2(columns.axis.left, top), ImVec2(columns.axis.right, bottom), true);
    draw_bars(draw, theme, columns.axis, edges, probe->counts.histogram, shift, top + theme.px(1), bottom);
    draw_range(draw, theme, *probe, columns.axis, shift, bottom - theme.px(3), theme.px(2.5f));
    draw_all_zero(draw, theme, *probe, columns.axis, top, bottom);
    draw->PopClipRect();
    draw_class_bar(draw, theme, probe->counts.fp16, ShareOf::nonzero,
                   ImVec2(columns.bar_left, top + theme.px(1)),
                   ImVec2(columns.bar_right, bottom - theme.px(1)));
}

void report(UiState& ui, const Probe* probe, const std::string& direction) {
    if (!ui.probe.enabled() || !probe) return;
    const ClassShares shares = class_shares(probe->counts.fp16, ShareOf::nonzero);
    const std::string id = "staircase/" + probe->tensor + "/" + direction;
    ui.probe.value(id + "/flushed", shares.flushed);
    ui.probe.value(id + "/subnormal", shares.subnormal);
    ui.probe.value(id + "/normal", shares.normal);
    ui.probe.value(id + "/overflow", shares.overflow);
    ui.probe.value(id + "/min_abs", static_cast<double>(probe->counts.min_abs));
    ui.probe.value(id + "/max_abs", static_cast<double>(probe->counts.max_abs));
}

/// One layer. A click selects the half under the mouse everywhere, a double click opens its histogram.
void draw_stair(const PanelContext& context, const LaneSnapshot& lane, const Stair& stair, bool is_worst,
                const StairColumns& columns, ImVec2 size) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    const std::string& name = stair.forward->tensor;
    const ImVec2 min = ImGui::GetCursorScreenPos(), max(min.x + size.x, min.y + size.y);
    const float middle = std::floor((min.y + max.y) * 0.5f), line = ImGui::GetTextLineHeight();
    const bool is_lower = ImGui::GetIO().MousePos.y >= middle;
    const Probe* under_mouse = is_lower && stair.backward ? stair.backward : stair.forward;
    ImGui::PushID(name.c_str());
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
    if (ImGui::InvisibleButton("stair", size)) {
        ui.selected_tensor = name;
        ui.probe_kind = under_mouse->kind;
    }
    ImGui::PopStyleVar();
    ImGui::PopID();
    ui.probe.item("staircase/" + name);
    report(ui, stair.forward, "forward");
    report(ui, stair.backward, "backward");
    if (!ImGui::IsItemVisible()) return;
    const bool hovered = ImGui::IsItemHovered(), is_selected = ui.selected_tensor == name;
    if (hovered && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) show_tab(ui.layout, Slot::gradients);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    if (hovered || is_selected) draw->AddRectFilled(min, max, theme.accent_soft);
    const float gap = theme.px(2);
    draw_half(context, stair.forward, "fwd", columns, min.y + gap, middle - theme.px(1));
    draw_half(context, stair.backward, "bwd", columns, middle, max.y - gap);
    const float name_width = columns.axis.left - columns.label - theme.px(12) - min.x;
    const ImU32 colour = is_worst ? theme.error : theme.text;
    if (is_worst && theme.bold_font) compat::push_font(theme.bold_font);
    draw_name_text(draw, ImVec2(min.x + theme.px(6), is_worst ? middle - line : middle - line * 0.5f),
                   name_width, colour, name);
    if (is_worst && theme.bold_font) ImGui::PopFont();
    if (is_worst) {
        // Never a cut number: it would be another one.
        const std::string lost = percent_text(stair.lost) + "% lost";
        const bool has_room = ImGui::CalcTextSize(("worst: " + lost).c_str()).x <= name_width;
        draw_clipped_text(draw, ImVec2(min.x + theme.px(6), middle), name_width, colour,
                          has_room ? "worst: " + lost : lost);
        compat::add_rectangle(draw, ImVec2(min.x + 1, min.y + 1), ImVec2(max.x - 1, max.y - 1), theme.error,
                              theme.px(3), theme.px(1.5f));
    }
    if (is_selected) draw->AddRectFilled(min, ImVec2(min.x + theme.px(2.5f), max.y), theme.accent);
    draw->AddLine(ImVec2(min.x, max.y - 0.5f), ImVec2(max.x, max.y - 0.5f), theme.grid);
    if (hovered) tensor_tooltip(theme, *under_mouse, lane.probe_step);
}

StairColumns choose_stair_columns(const std::vector<Stair>& stairs, const Theme& theme, float left,
                                  float right) {
    float longest = ImGui::CalcTextSize("worst: 99.9% lost").x;
    for (const Stair& stair : stairs)
        longest = std::max(longest, ImGui::CalcTextSize(stair.forward->tensor.c_str()).x);
    const float width = right - left;
    StairColumns columns;
    columns.label = ImGui::CalcTextSize("bwd").x;
    const float names = std::min(longest + theme.px(14), width * 0.26f);
    const float bars = std::clamp(width * 0.22f, theme.px(70), theme.px(220));
    columns.axis.left = left + names + columns.label + theme.px(8);
    columns.bar_right = right - theme.px(4);
    columns.bar_left = columns.bar_right - bars;
    columns.axis.right = std::max(columns.axis.left + 20, columns.bar_left - theme.px(10));
    return columns;
}

void draw_stairs(const PanelContext& context, const LaneSnapshot& lane, const std::vector<Stair>& stairs) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const float line = ImGui::GetTextLineHeight(), header = 2 * line + theme.px(6);
    const float count = static_cast<float>(stairs.size());
    const float height = std::clamp((room.y - header) / count, theme.px(38), theme.px(72));
    const bool scrolls = height * count > room.y - header + 1;
    const float right = origin.x + room.x - (scrolls ? ImGui::GetStyle().ScrollbarSize : 0.0f);
    StairColumns columns = choose_stair_columns(stairs, theme, origin.x, right);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_exponent_axis(draw, theme, columns.axis, BandEdges{}, origin.y, origin.y + header);
    draw_clipped_text(draw, ImVec2(columns.bar_left, origin.y), columns.bar_right - columns.bar_left,
                      theme.text_dim, "classes, %");
    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + header));
    const Stair* worst = worst_of(stairs);
    context.ui.probe.value("staircase/worst", worst ? worst->forward->tensor : "");
    compat::begin_child("stairs", ImVec2(room.x, std::max(1.0f, room.y - header)), compat::ChildBorder::none);
    for (const Stair& stair : stairs)
        draw_stair(context, lane, stair, &stair == worst, columns,
                   ImVec2(std::max(1.0f, right - origin.x), height));
    ImGui::EndChild();
}

}  // namespace

void draw_staircase_panel(const PanelContext& context) {
    const LaneSnapshot* lane = lane_to_show(context.theme, context.ui, context.snapshot);
    if (!lane) return;
    draw_toolbar(context, *lane);
    const std::vector<Stair> stairs = stairs_of(*lane, context.ui.stair_order);
    if (stairs.empty()) {
        empty_state(context.theme, lane->probe_step < 0
                                       ? "Waiting for the first probe: run, or make one step (Right)."
                                       : "This network has no activations.");
        return;
    }
    const std::string caption = caption_of(context, *lane, stairs);
    caption_line(context.theme, caption);
    draw_stairs(context, *lane, stairs);
}

}  // namespace halfscope
