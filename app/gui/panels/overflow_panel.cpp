#include "gui/panels/overflow_panel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/number_table.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

constexpr std::size_t kListed = 200;

/// Skips and NaNs of a lane, newest first; of a step the first one.
std::vector<Event> overflows_of(const PanelContext& context, const LaneSnapshot& lane) {
    std::vector<Event> events;
    for (const EventKind kind : {EventKind::nan, EventKind::skip}) {
        const std::vector<Event> newest = context.timeline.newest_events(
            lane.id, kind, 0, std::numeric_limits<std::int64_t>::max(), kListed);
        events.insert(events.end(), newest.begin(), newest.end());
    }
    std::stable_sort(events.begin(), events.end(),
                     [](const Event& a, const Event& b) { return a.step > b.step; });
    const auto same_step = [](const Event& a, const Event& b) { return a.step == b.step; };
    events.erase(std::unique(events.begin(), events.end(), same_step), events.end());
    if (events.size() > kListed) events.resize(kListed);
    return events;
}

void draw_list(const PanelContext& context, const LaneSnapshot& lane, const std::vector<Event>& events,
               float height) {
    const Theme& theme = context.theme;
    compat::begin_child("events", ImVec2(0, height), compat::ChildBorder::none);
    for (const Event& event : events) {
        const bool is_shown = lane.overflow && lane.overflow->step == event.step;
        const std::string text = "step " + count_text(event.step) + "  " + event.detail;
        ImGui::PushID(static_cast<int>(event.step));
        if (ImGui::Selectable("##event", is_shown, 0, ImVec2(0, ImGui::GetTextLineHeight() + theme.px(4))))
            context.commands.send(ExamineOverflowCommand{lane.name, event.step});
        ImGui::PopID();
        context.ui.probe.item("overflow/step/" + std::to_string(event.step));
        const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
        ImDrawList* draw = ImGui::GetWindowDrawList();
        const float middle = (min.y + max.y) * 0.5f, line = ImGui::GetTextLineHeight();
        draw_marker(draw, ImVec2(min.x + theme.px(9), middle), theme.px(4), MarkerShape::cross,
                    event.kind == EventKind::skip ? theme.band(Band::overflow).solid : theme.error);
        draw_clipped_text(draw, ImVec2(min.x + theme.px(20), middle - line * 0.5f),
                          max.x - min.x - theme.px(24), theme.text, text);
        if (ImGui::IsItemHovered()) item_tooltip(theme, text);
    }
    ImGui::EndChild();
}

std::string kind_text(ProbeKind kind) {
    std::string text = probe_kind_name(kind);
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

std::string origin_sentence(const OverflowReport& report) {
    const OverflownTensor* first = report.tensors.empty() ? nullptr : &report.tensors.front();
    if (report.origin_layer.empty()) return "Everything is finite in this step.";
    if (!first)
        return "The loss itself is not finite: " + report.origin_layer + " made it so from finite values.";
    const std::string what = std::to_string(first->nonfinite()) + " of " +
                             std::to_string(first->counts.count()) + " values of the " +
                             kind_text(first->kind) + " of " + first->tensor;
    if (report.origin_op == "weight")
        return "A weight is not finite: " + what + ". An earlier step put it there.";
    return std::string("It arose in the ") + (report.is_forward ? "forward" : "backward") + " pass of " +
           report.origin_layer + " (" + report.origin_op + "): " + what + " became infinite or NaN.";
}

std::string backoff_sentence(const Theme& theme, const OverflowReport& report) {
    if (report.is_finite() && report.halvings == 0)
        return "The gradients of this step are finite at its loss scale.";
    if (report.is_forward) return "No loss scale helps: the forward pass does not know S.";
    if (report.halvings < 0) return "No scale within 2^-40 of this one makes all gradients finite.";
    return "Halving S " +
           (report.halvings == 1 ? std::string("once") : std::to_string(report.halvings) + " times") +
           ", to " + scale_label(theme, std::ldexp(report.loss_scale, -report.halvings)) +
           ", would have sufficed (measured): the largest |g x S| is " +
           number_text(report.largest_gradient, report.largest_gradient < 1e5 ? 5 : 4) + " then.";
}

/// "[2, 5, 7, 3]": an element's place in its tensor.
std::string place_text(const Shape& shape, std::int64_t element) {
    std::string text;
    for (int axis = shape.rank; axis-- > 0;) {
        text.insert(0, std::to_string(element % shape[axis]) + (text.empty() ? "" : ", "));
        element /= shape[axis];
    }
    return "[" + text + "]";
}

/// "[0, 3] inf (7.03e+04)": where, what is stored, what was computed.
std::string element_text(const OverflownTensor& tensor, std::size_t i) {
    const std::string text = place_text(tensor.shape, tensor.elements[i]) + " " +
                             number_text(static_cast<double>(tensor.stored[i]));
    return tensor.computed.empty() ? text
                                   : text + " (" + number_text(static_cast<double>(tensor.computed[i])) + ")";
}

/// The first few elements, side by side: no number is broken between two lines.
void draw_elements(const PanelContext& context, const OverflownTensor& tensor, const std::string& id) {
    if (tensor.elements.empty()) return;
    const Theme& theme = context.theme;
    dim_text(theme, tensor.computed.empty() ? "   first elements, as stored:"
                                            : "   first elements, as stored (as computed in FP32):");
    std::string all;
    for (std::size_t i = 0; i < tensor.elements.size(); ++i) {
        const std::string text = element_text(tensor, i);
        flow_to(ImGui::CalcTextSize(text.c_str()).x + theme.px(6));
        dim_text(theme, text.c_str());
        all += (i == 0 ? "" : ", ") + text;
    }
    context.ui.probe.value(id + "/elements", all);
}

/// Side by side, and on a line of its own what does not fit: a number is not torn in two.
void draw_parts(const Theme& theme, const std::vector<std::string>& parts) {
    ImGui::Indent(theme.px(10));
    for (std::size_t index = 0; index < parts.size(); ++index) {
        if (index > 0) flow_to(ImGui::CalcTextSize(parts[index].c_str()).x);
        wrapped_dim_text(theme, parts[index].c_str());
    }
    ImGui::Unindent(theme.px(10));
}

/// Every tensor that is not finite, in the order in which they were made.
void draw_tensors(const PanelContext& context, const OverflowReport& report) {
    const Theme& theme = context.theme;
    section_heading(theme, "IN THE ORDER OF MAKING");
    for (const OverflownTensor& tensor : report.tensors) {
        const bool is_origin = &tensor == &report.tensors.front();
        const std::string name = tensor.tensor + ", " + kind_text(tensor.kind);
        coloured_text(is_origin ? theme.error : theme.text, name.c_str());
        const auto percent = [&](std::uint64_t part) {
            return percent_text(percent_of(part, tensor.counts.count())) + "%";
        };
        const std::string line = "inf " + count_text(static_cast<std::int64_t>(tensor.counts.inf)) + " (" +
                                 percent(tensor.counts.inf) + "), NaN " +
                                 count_text(static_cast<std::int64_t>(tensor.counts.nan)) + " (" +
                                 percent(tensor.counts.nan) + ")";
        std::vector<std::string> parts{line};
        if (tensor.max_abs > 0)
            parts.push_back("largest computed " + number_text(static_cast<double>(tensor.max_abs), 3));
        draw_parts(theme, parts);
        const std::string id = "overflow/tensor/" + tensor.tensor + "/" + kind_text(tensor.kind);
        context.ui.probe.value(id, static_cast<double>(tensor.nonfinite()));
        draw_elements(context, tensor, id);
    }
}

void draw_report(const PanelContext& context, const OverflowReport& report) {
    const Theme& theme = context.theme;
    compat::begin_child("report", ImVec2(0, 0), compat::ChildBorder::none);
    const std::string title = "Step " + count_text(report.step) +
                              ", S = " + scale_label(theme, report.loss_scale) + ", loss " +
                              number_text(report.loss);
    section_heading(theme, title.c_str());
    const std::string origin = origin_sentence(report), backoff = backoff_sentence(theme, report);
    ImGui::PushStyleColor(ImGuiCol_Text, report.origin_layer.empty() ? theme.good : theme.error);
    ImGui::TextWrapped("%s", origin.c_str());
    ImGui::PopStyleColor();
    ImGui::TextWrapped("%s", backoff.c_str());
    ImGui::Dummy(ImVec2(1, theme.px(3)));
    if (!report.tensors.empty()) draw_tensors(context, report);
    context.ui.probe.value("overflow/origin", origin);
    context.ui.probe.value("overflow/backoff", backoff);
    context.ui.probe.value("overflow/halvings", report.halvings);
    ImGui::EndChild();
}

}  // namespace

void draw_overflow_panel(const PanelContext& context) {
    const Theme& theme = context.theme;
    const LaneSnapshot* lane = lane_to_show(theme, context.ui, context.snapshot);
    if (!lane) return;
    draw_lane_choice(theme, context.ui, context.snapshot, *lane, "overflow");
    const std::vector<Event> events = overflows_of(context, *lane);
    context.ui.probe.value("overflow/events", static_cast<double>(events.size()));
    if (events.empty()) {
        empty_state(
            theme,
            "Nothing was infinite or NaN in this lane so far. A skipped step will be listed here, and a "
            "click goes "
            "back to it, beside the run, to find where it began. (The key ] doubles the loss scale.)");
        return;
    }
    caption_line(theme, "steps with infinite or NaN gradients, newest first; click one to examine it");
    const float room = ImGui::GetContentRegionAvail().y, row = ImGui::GetTextLineHeight() + theme.px(8);
    const float wanted = row * static_cast<float>(events.size()) + theme.px(4);
    draw_list(context, *lane, events, std::min(wanted, std::max(room * 0.35f, row * 2)));
    if (lane->overflow) draw_report(context, *lane->overflow);
}

}  // namespace halfscope
