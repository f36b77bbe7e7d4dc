#include "gui/tensor_rows.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "data/printable_text.h"
#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/tensor_row.h"
#include "gui/widgets/what_if.h"
#include "program/percent.h"

namespace halfscope {
namespace {

constexpr float kRowHeight = 24, kBestWidth = 58;  // pixels at scale 1

/// Where the parts of all rows stand.
struct RowLayout {
    RowColumns columns;
    ExponentAxis axis;
    float right = 0;  ///< of the shares; the best scale is behind
    ImVec2 size;
};

std::string best_text(const Theme& theme, const InspectedTensor& tensor) {
    if (tensor.counts.max_abs == 0 && tensor.fp32_inf() == 0) return "any";
    const std::optional<int> best = tensor.best_static_scale();
    return best ? theme.power_of_two(*best) : "none";
}

/// The tensors that are shown, in the order of the file or those that FP16 loses most of first.
std::vector<std::size_t> shown_order(const TensorReading& reading, StairOrder order) {
    std::vector<std::size_t> shown(std::min(reading.tensors->size(), kMostCounted));
    std::iota(shown.begin(), shown.end(), std::size_t{0});
    if (order == StairOrder::depth) return shown;
    std::vector<double> lost(shown.size(), -1.0);
    for (const std::size_t i : shown)
        if (reading.counted[i]) lost[i] = lost_percent(reading.counted[i]->counts.fp16);
    std::stable_sort(shown.begin(), shown.end(),
                     [&](std::size_t a, std::size_t b) { return lost[a] > lost[b]; });
    return shown;
}

RowLayout row_layout(const PanelContext& context, const TensorReading& reading, ImVec2 origin, float width) {
    const Theme& theme = context.theme;
    float longest = ImGui::CalcTextSize("all 0000 tensors").x;
    for (std::size_t i = 0; i < std::min<std::size_t>(reading.tensors->size(), 200); ++i)
        longest = std::max(longest, ImGui::CalcTextSize(short_name((*reading.tensors)[i].name).c_str()).x);
    RowLayout layout;
    const float usable = width - ImGui::GetStyle().ScrollbarSize - theme.px(kBestWidth);
    // Histograms come first: columns of numbers as in four fifths of the width, names in full where they can
    // be.
    layout.columns = choose_columns(usable * 0.8f, longest, ProbeKind::weight, theme);
    layout.columns.name = std::min(longest + theme.px(12), usable * 0.36f);
    layout.right = origin.x + usable;
    layout.axis.left = origin.x + layout.columns.name;
    layout.axis.right =
        std::max(layout.axis.left + 20,
                 layout.right - layout.columns.number * (static_cast<float>(layout.columns.count()) + 0.15f));
    layout.size = ImVec2(usable + theme.px(kBestWidth), theme.px(kRowHeight));
    return layout;
}

void report_row(UiState& ui, const std::string& name, const Probe& probe, const InspectedTensor& tensor) {
    if (!ui.probe.enabled()) return;
    const std::string id = "tensors/" + name;
    const ClassCounts& counts = probe.counts.fp16;
    ui.probe.value(id + "/count", static_cast<double>(counts.count()));
    ui.probe.value(id + "/true_zero", static_cast<double>(counts.true_zero));
    ui.probe.value(id + "/flushed", static_cast<double>(counts.flushed));
    ui.probe.value(id + "/subnormal", static_cast<double>(counts.subnormal));
    ui.probe.value(id + "/normal", static_cast<double>(counts.normal));
    ui.probe.value(id + "/inf", static_cast<double>(counts.inf));
    ui.probe.value(id + "/nan", static_cast<double>(counts.nan));
    ui.probe.value(id + "/best", static_cast<double>(tensor.best_static_scale().value_or(-1000)));
}

void row_tooltip(const Theme& theme, const std::string& name, const TensorHeading* heading,
                 const InspectedTensor& tensor) {
    begin_tooltip(theme);
    ImGui::TextUnformatted(heading ? (name + ", " + printable_line(heading->dtype)).c_str() : name.c_str());
    count_lines(theme, tensor.counts);
    if (tensor.fp32_inf() + tensor.fp32_flushed() > 0) {
        ImGui::Text("doubles that FP32 does not hold: %s too large (in inf), %s too small (in flushed)",
                    count_text(static_cast<std::int64_t>(tensor.fp32_inf())).c_str(),
                    count_text(static_cast<std::int64_t>(tensor.fp32_flushed())).c_str());
    }
    ImGui::Text("best static scale: %s", best_text(theme, tensor).c_str());
    end_tooltip();
}

/// One row's line; `tensor` null: not counted yet, or not numbers.
void draw_row(const PanelContext& context, const RowLayout& layout, std::size_t index,
              const std::string& name, const TensorHeading* heading, const InspectedTensor* tensor) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    const ImVec2 min = ImGui::GetCursorScreenPos(), max(min.x + layout.size.x, min.y + layout.size.y);
    ImGui::PushID(static_cast<int>(index));
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
    const bool is_selected = ui.tensors.selected == index;
    if (ImGui::InvisibleButton("row", layout.size) && tensor)
        ui.tensors.selected = is_selected ? std::nullopt : std::optional<std::size_t>(index);
    ImGui::PopStyleVar();
    ImGui::PopID();
    ui.probe.item("tensors/" + name);
    const bool hovered = ImGui::IsItemHovered();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    if (hovered || is_selected) draw->AddRectFilled(min, max, theme.accent_soft);
    if (is_selected) draw->AddRectFilled(min, ImVec2(min.x + theme.px(2.5f), max.y), theme.accent);
    if (!tensor) {
        const float middle = (min.y + max.y - ImGui::GetTextLineHeight()) * 0.5f;
        draw_name_text(draw, ImVec2(min.x + theme.px(4), middle), layout.columns.name - theme.px(8),
                       theme.text_dim, name);
        const std::string text = heading && heading->type == ElementType::other
                                     ? "skipped: " + heading->not_read
                                     : "not counted yet";
        draw_clipped_text(draw, ImVec2(layout.axis.left + theme.px(6), middle), max.x - layout.axis.left,
                          theme.text_dim, text);
        return;
    }
    const Probe probe = probe_of(*tensor, name, ui.tensors.what_if_scale);
    report_row(ui, name, probe, *tensor);
    draw_tensor_row(draw, theme, probe, layout.axis, layout.columns, GradientView::scaled, ui.share_of, min,
                    ImVec2(layout.right, max.y));
    const std::string best = best_text(theme, *tensor);
    draw->AddText(ImVec2(max.x - ImGui::CalcTextSize(best.c_str()).x - theme.px(4),
                         (min.y + max.y - ImGui::GetTextLineHeight()) * 0.5f),
                  theme.text, best.c_str());
    if (hovered) row_tooltip(theme, name, heading, *tensor);
}

}  // namespace

Probe probe_of(const InspectedTensor& tensor, const std::string& name, std::optional<int> scale_log2) {
    Probe probe;
    probe.tensor = name;
    probe.counts = tensor.counts;
    if (!scale_log2) return probe;
    Probe moved = under_scale(probe, *scale_log2);
    // Doubles that FP32 does not hold are in no histogram; no scale saves them.
    moved.counts.fp16.inf += tensor.fp32_inf();
    moved.counts.fp16.flushed += tensor.fp32_flushed();
    return moved;
}

void draw_tensor_rows(const PanelContext& context, const TensorReading& reading, float width, float height) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const RowLayout layout = row_layout(context, reading, origin, width);
    const float header = 2 * ImGui::GetTextLineHeight() + theme.px(6);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_exponent_axis(draw, theme, layout.axis, BandEdges{}, origin.y, origin.y + header);
    draw_column_titles(draw, theme, layout.columns, layout.right, origin.y);
    draw->AddText(
        ImVec2(layout.right + theme.px(kBestWidth) - ImGui::CalcTextSize("best S").x - theme.px(4), origin.y),
        theme.text_dim, "best S");
    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + header));
    const std::vector<std::size_t> order = shown_order(reading, context.ui.tensors.order);
    const bool has_total = reading.total && order.size() > 1;
    const float total_height = has_total ? layout.size.y + theme.px(4) : 0;
    compat::begin_child("tensor_rows", ImVec2(width, std::max(1.0f, height - header - total_height)),
                        compat::ChildBorder::none);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(order.size()), layout.size.y);
    while (clipper.Step()) {
        for (int row = clipper.DisplayStart; row < clipper.DisplayEnd; ++row) {
            const std::size_t index = order[static_cast<std::size_t>(row)];
            const TensorHeading& heading = (*reading.tensors)[index];
            draw_row(context, layout, index, short_name(heading.name), &heading,
                     reading.counted[index].get());
        }
    }
    ImGui::PopStyleVar();
    ImGui::EndChild();
    if (!has_total) return;
    ImGui::SetCursorScreenPos(ImVec2(origin.x, origin.y + height - layout.size.y));
    draw->AddLine(ImVec2(origin.x, origin.y + height - layout.size.y - theme.px(2)),
                  ImVec2(origin.x + layout.size.x, origin.y + height - layout.size.y - theme.px(2)),
                  theme.panel_border);
    const auto counted = std::count_if(reading.counted.begin(), reading.counted.end(),
                                       [](const auto& tensor) { return tensor != nullptr; });
    draw_row(context, layout, kAllTensors, "all " + std::to_string(counted) + " tensors", nullptr,
             reading.total.get());
}

}  // namespace halfscope
