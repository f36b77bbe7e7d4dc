#include "gui/tensor_view.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "data/printable_text.h"
#include "gui/dialog.h"
#include "gui/imgui_compat.h"
#include "gui/tensor_csv.h"
#include "gui/tensor_rows.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"
#include "gui/widgets/format_choice.h"
#include "gui/widgets/format_look.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/what_if.h"

namespace halfscope {
namespace {

std::string file_name(const std::string& path) {
    return printable_line(std::filesystem::path(path).filename().string());
}

/// Whether the file has every parameter of the present network, and nothing but its running statistics
/// besides.
bool holds_weights_of(const Snapshot& snapshot, const std::vector<TensorHeading>& tensors) {
    if (!snapshot.outline) return false;
    std::set<std::string> missing;
    for (const OutlineNode& node : *snapshot.outline)
        missing.insert(node.parameters.begin(), node.parameters.end());
    if (missing.empty()) return false;
    for (const TensorHeading& tensor : tensors) {
        const std::string& name = tensor.name;
        const bool is_statistic = name.ends_with(".running_mean") || name.ends_with(".running_var") ||
                                  name.ends_with(".num_batches_tracked");
        if (missing.erase(name) == 0 && !is_statistic) return false;
    }
    return missing.empty();
}

void load_weights(const PanelContext& context, const std::string& path) {
    context.commands.send(LoadWeightsCommand{path});
    context.ui.messages.note("loading the weights of this network from " + path +
                             "; File > Open tensors... looks at their values instead");
}

/// Weights of the present network are loaded, anything else is shown. Once the header is read, and a network
/// is open to compare it with.
void decide(const PanelContext& context, const TensorReading& reading) {
    TensorFileView& view = context.ui.tensors;
    if (!reading.tensors) return;
    if (!context.snapshot.outline && context.snapshot.state == RunState::loading) return;
    if (!holds_weights_of(context.snapshot, *reading.tensors)) {
        view.purpose = TensorPurpose::look;
        context.ui.messages.note(file_name(reading.path) +
                                 " does not hold the weights of this network: its tensors are shown");
        return;
    }
    load_weights(context, reading.path);
    view.close();
}

/// Once among the messages; a file of which nothing is known is no longer open then.
void say_error(const PanelContext& context, const TensorReading& reading) {
    TensorFileView& view = context.ui.tensors;
    if (reading.error.empty() || view.said_error == reading.error) return;
    view.said_error = reading.error;
    context.ui.messages.error(reading.error);
    if (!reading.tensors) view.close();
}

void draw_progress(const PanelContext& context, const TensorReading& reading) {
    const Theme& theme = context.theme;
    const std::size_t count = reading.tensors ? reading.tensors->size() : 0;
    std::string text = printable_line(reading.path) + ": " + count_text(static_cast<std::int64_t>(count)) +
                       (count == 1 ? " tensor" : " tensors");
    if (count > kMostCounted)
        text += ", of which the first " + count_text(static_cast<std::int64_t>(kMostCounted)) +
                " are shown (halfscope-cli inspect lists all)";
    if (reading.is_cancelled) text += "; counting was cancelled";
    if (!reading.error.empty()) text += "; " + reading.error;
    caption_line(theme, text);
    context.ui.probe.value("tensors/summary", text);
    context.ui.probe.value("tensors/state", reading.is_complete      ? "complete"
                                            : reading.is_cancelled   ? "cancelled"
                                            : !reading.error.empty() ? "failed"
                                                                     : "counting");
    if (reading.is_complete || reading.is_cancelled || !reading.error.empty()) return;
    char share[32];
    std::snprintf(share, sizeof share, "counting, %d%%", static_cast<int>(100 * reading.progress));
    ImGui::ProgressBar(static_cast<float>(reading.progress), ImVec2(theme.px(280), 0), share);
    ImGui::SameLine();
    if (ImGui::Button("Cancel")) context.ui.tensors.reader->cancel();
    context.ui.probe.item("tensors/cancel");
    item_tooltip(theme, "count no further; what was counted stays");
}

void draw_menu(const PanelContext& context, const TensorReading& reading) {
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right))
        ImGui::OpenPopup("tensors_menu");
    const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    if (!ImGui::BeginPopup("tensors_menu")) return;
    const std::string name = "tensors-" + std::filesystem::path(reading.path).stem().string();
    const std::int64_t step = context.snapshot.next_step;
    if (ImGui::MenuItem("Export counts as CSV")) {
        export_text(context.ui, export_path(name, step, "csv"),
                    tensors_csv(reading, context.ui.tensors.what_if_scale));
    }
    context.ui.probe.item("tensors/menu/csv");
    if (ImGui::MenuItem("Export this view as PNG"))
        request_image(context.ui, min, ImVec2(min.x + size.x, min.y + size.y), name, step);
    context.ui.probe.item("tensors/menu/png");
    ImGui::EndPopup();
}

void draw_toolbar(const PanelContext& context, const TensorReading& reading) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    TensorFileView& view = ui.tensors;
    const bool in_order = view.order == StairOrder::depth;
    if (ImGui::Button(in_order ? "order of the file" : "worst first"))
        view.order = in_order ? StairOrder::worst_first : StairOrder::depth;
    ui.probe.item("tensors/order");
    item_tooltip(theme, "worst first: what FP16 loses most of (flushed, infinite, NaN) stands on top");
    const bool of_nonzero = ui.share_of == ShareOf::nonzero;
    ImGui::SameLine();
    if (ImGui::Button(of_nonzero ? "% of non-zero" : "% of all"))
        ui.share_of = of_nonzero ? ShareOf::all : ShareOf::nonzero;
    ui.probe.item("tensors/share");
    item_tooltip(theme, "what percentages are of: the elements that are not exactly zero, or all of them");
    if (view.what_if_scale) {
        const std::string label = "what if S = " + theme.power_of_two(*view.what_if_scale) + "  x";
        flow_to_button(label);
        if (ImGui::Button(label.c_str())) view.what_if_scale.reset();
        ui.probe.item("tensors/what_if/end");
        item_tooltip(theme, "rows are shown as if their values had been multiplied by S; click to end it");
    }
    flow_to_button("Export");
    if (ImGui::Button("Export")) ImGui::OpenPopup("tensors_menu");
    ui.probe.item("tensors/export");
    item_tooltip(theme, "the counts of every tensor as CSV, this view as PNG; a right click opens it too");
    draw_menu(context, reading);
    if (!reading.tensors || !holds_weights_of(context.snapshot, *reading.tensors)) return;
    flow_to_button("Start every lane from these weights");
    if (ImGui::Button("Start every lane from these weights")) load_weights(context, reading.path);
    ui.probe.item("tensors/load");
    item_tooltip(theme, "the names are those of the present network: the run starts anew from step 0");
}

void draw_caption(const PanelContext& context) {
    const TensorFileView& view = context.ui.tensors;
    std::string text = view.what_if_scale
                           ? "PREDICTED for S = " + context.theme.power_of_two(*view.what_if_scale) +
                                 ": log2 |x S| against FP16"
                           : "log2 |x| as in the file, against FP16";
    text += context.ui.share_of == ShareOf::nonzero ? "; % of non-zero elements" : "; % of all elements";
    text += "; best S: the largest power of two without overflow. Click a row for other formats.";
    caption_line(context.theme, text);
}

/// FP16 alone, from the counters: of all tensors together, and of those too large to be kept.
void draw_counted_detail(const PanelContext& context, const InspectedTensor& tensor, const std::string& title,
                         const std::string& why, ImVec2 min, ImVec2 max) {
    const Theme& theme = context.theme;
    ImGui::SetCursorScreenPos(min);
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + max.x - min.x);
    ImGui::TextUnformatted((title + " in FP16, over S: % F flushed, O overflow").c_str());
    ImGui::PopTextWrapPos();
    const float line = ImGui::GetTextLineHeight();
    const float words = ImGui::CalcTextSize(why.c_str(), nullptr, false, max.x - min.x).y;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float top = ImGui::GetCursorScreenPos().y;
    draw->AddText(ImGui::GetFont(), ImGui::GetFontSize(), ImVec2(min.x, top), theme.text_dim, why.c_str(),
                  nullptr, max.x - min.x);
    const ScaleArea area{
        ImVec2(min.x + theme.px(42), top + words + theme.px(8)),
        ImVec2(max.x - theme.px(6), std::min(max.y, top + words + theme.px(260)) - line - theme.px(4))};
    if (area.max.y - area.min.y < theme.px(24)) return;
    WhatIfCurves curves;
    const Probe probe = probe_of(tensor, title, std::nullopt);
    curves.points = what_if(probe);
    const auto now = std::find_if(curves.points.begin(), curves.points.end(),
                                  [](const WhatIfPoint& point) { return point.exponent == 0; });
    if (now != curves.points.end()) {
        curves.now_flushed = now->flushed;
        curves.now_overflow = now->overflow;
    }
    curves.now_word = "as in the file";
    curves.exactness = "Exact for FP16, nearest even, subnormals kept, S a power of two.";
    draw_what_if_curves(draw, theme, curves, context.ui.tensors.what_if_scale, area);
    drag_what_if_scale(context.ui, area, context.ui.tensors.what_if_scale, "tensors/what_if/curves");
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text.empty() ? "a single number" : text;
}

/// The selected tensor in the chosen format, once its values are here.
void draw_tensor_detail(const PanelContext& context, const TensorReading& reading, std::size_t index,
                        ImVec2 min, ImVec2 max) {
    TensorFileView& view = context.ui.tensors;
    const TensorHeading& heading = (*reading.tensors)[index];
    const std::string name = short_name(heading.name);
    if (view.kept_wish != index) {
        view.kept_wish = index;
        view.reader->keep_values(index);
    }
    const bool is_here = reading.kept == index && (reading.values || !reading.not_kept.empty());
    if (is_here && !reading.not_kept.empty()) {
        if (reading.counted[index])
            draw_counted_detail(context, *reading.counted[index], name, reading.not_kept + ".", min, max);
        return;
    }
    if (!is_here) {
        ImGui::SetCursorScreenPos(min);
        dim_text(context.theme, ("reading the values of " + name + "...").c_str());
        return;
    }
    FormatLook look;
    look.title = name;
    look.origin = printable_line(heading.dtype) + ", " + shape_text(heading.shape) +
                  ". Of the values of the file: what was lost before they were written is not in them.";
    if (reading.values->lost_to_infinity + reading.values->lost_to_zero > 0)
        look.origin += " Doubles that FP32 does not hold count as overflow, or as flushed, under every S.";
    look.values = reading.values;
    look.counts = reading.values_counts.get();
    look.now_word = "as in the file";
    look.id = "tensors/format";
    draw_format_look(context.theme, context.ui, look, view.what_if, view.what_if_scale, min, max);
}

void draw_detail(const PanelContext& context, const TensorReading& reading, ImVec2 min, ImVec2 max) {
    const std::size_t index = *context.ui.tensors.selected;
    if (index == kAllTensors) {
        if (reading.total)
            draw_counted_detail(context, *reading.total, "All tensors",
                                "Exact, from the counters of every tensor. Select a single one to see it in "
                                "other formats.",
                                min, max);
        return;
    }
    ImGui::SetCursorScreenPos(min);
    ImGui::AlignTextToFramePadding();
    dim_text(context.theme, "what if stored in");
    ImGui::SameLine();
    draw_format_choice(context.theme, context.ui, context.ui.tensors.what_if.choice, CountedChoice::none,
                       "tensors/format");
    const float top = ImGui::GetCursorScreenPos().y + context.theme.px(4);
    draw_tensor_detail(context, reading, index, ImVec2(min.x, top), max);
}

/// The list, and the selected tensor beside or below it.
void draw_content(const PanelContext& context, const TensorReading& reading) {
    const Theme& theme = context.theme;
    if (reading.tensors->empty()) {
        empty_state(theme, "This file holds no tensors. Close it, or drop another one.");
        return;
    }
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const ImVec2 end(origin.x + room.x, origin.y + room.y);
    const bool has_detail = context.ui.tensors.selected.has_value();
    const bool is_beside = room.x > theme.px(880);
    const float gap = theme.px(16);
    const float width = has_detail && is_beside ? room.x * 0.55f - gap : room.x;
    const float height = has_detail && !is_beside ? room.y * 0.45f - gap * 0.5f : room.y;
    draw_tensor_rows(context, reading, width, height);
    if (!has_detail) return;
    const ImVec2 min = is_beside ? ImVec2(origin.x + width + gap, origin.y)
                                 : ImVec2(origin.x, origin.y + height + gap * 0.5f);
    draw_detail(context, reading, min, end);
}

}  // namespace

void open_tensors(const PanelContext& context, const std::string& path, TensorPurpose purpose) {
    context.ui.tensors.close();
    std::vector<std::shared_ptr<TensorReader>> closing = std::move(context.ui.tensors.closing);
    context.ui.tensors = {};
    context.ui.tensors.closing = std::move(closing);
    context.ui.tensors.purpose = purpose;
    context.ui.tensors.reader = std::make_shared<TensorReader>(path);
}

void draw_tensor_view(const PanelContext& context) {
    TensorFileView& view = context.ui.tensors;
    view.forget_ended();
    if (!view.reader) return;
    const std::shared_ptr<const TensorReading> reading = view.reader->reading();
    view.drawn_version = reading->version;
    say_error(context, *reading);
    if (view.reader && view.purpose == TensorPurpose::decide) decide(context, *reading);
    if (!view.reader || !reading->tensors || view.purpose == TensorPurpose::decide) return;
    bool is_open = true;
    if (begin_large_dialog(context, "Tensors from a file", is_open)) {
        draw_progress(context, *reading);
        draw_toolbar(context, *reading);
        draw_caption(context);
        draw_content(context, *reading);
    }
    ImGui::End();
    if (!is_open) view.close();
}

}  // namespace halfscope
