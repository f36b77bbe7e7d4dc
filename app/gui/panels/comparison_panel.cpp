#include "gui/panels/comparison_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"

namespace halfscope {
namespace {

struct CategoryLook {
    MemoryCategory category;
    const char* name;
};
constexpr std::array<CategoryLook, 5> kCategories{{{MemoryCategory::weights, "weights"},
                                                   {MemoryCategory::master_weights, "master copy"},
                                                   {MemoryCategory::activations, "activations"},
                                                   {MemoryCategory::gradients, "gradients"},
                                                   {MemoryCategory::optimizer_state, "optimizer"}}};

/// What the lanes are compared with: the first one that stores FP32.
const LaneSnapshot* reference_lane(const Snapshot& snapshot) {
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.techniques.storage == Format::fp32) return &lane;
    }
    return nullptr;
}

/// Over all weight gradients of the newest shadow pass.
struct WorstGradient {
    double relative_error = -1, cosine = 2;
    std::string tensor;
    bool is_measured() const { return !tensor.empty(); }
};

WorstGradient worst_gradient(const LaneSnapshot& lane) {
    WorstGradient worst;
    for (const Probe& probe : lane.probes) {
        if (probe.kind != ProbeKind::weight_gradient || probe.relative_error == -1) continue;
        // Written so that NaN counts as the worst.
        if (worst.tensor.empty() || !(probe.relative_error <= worst.relative_error)) {
            worst.relative_error = probe.relative_error;
            worst.tensor = probe.tensor;
        }
        if (!(probe.cosine >= worst.cosine)) worst.cosine = probe.cosine;
    }
    return worst;
}

std::string formatted(const char* format, double value) {
    if (!std::isfinite(value)) return number_text(value);
    char text[48];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string metric_text(const Snapshot& snapshot, const LaneSnapshot& lane) {
    if (lane.validation_step < 0) return "-";
    const std::string& name = snapshot.scenario.metric_name;
    if (name == "accuracy") return formatted("%.1f%%", lane.validation.metric * 100);
    if (name == "psnr_db") return formatted("%.2f dB", lane.validation.metric);
    return formatted("%.3f", lane.validation.metric);
}

std::string metric_title(const Snapshot& snapshot) {
    const std::string& name = snapshot.scenario.metric_name;
    return name == "psnr_db" ? "PSNR" : name;
}

std::string error_text(double relative_error) {
    return relative_error == -1 ? "-" : formatted("%.1e", relative_error);
}
std::string cosine_text(double cosine) {
    return cosine == -2 || cosine == 2 ? "-" : formatted("%.4f", cosine);
}

/// Text that ends at the cell's right edge, in tabular digits.
void right_cell(const Theme& theme, const std::string& text, ImU32 colour) {
    ImGui::TableNextColumn();
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float room = ImGui::GetContentRegionAvail().x - ImGui::CalcTextSize(text.c_str()).x;
    if (room > 0) ImGui::SetCursorPosX(ImGui::GetCursorPosX() + room);
    coloured_text(colour, text.c_str());
    if (theme.mono_font) ImGui::PopFont();
}

void lane_cell(const Theme& theme, const LaneSnapshot& lane) {
    ImGui::TableNextColumn();
    lane_chip(theme, lane.id);
    ImGui::SameLine(0, theme.px(4));
    ImGui::TextUnformatted(lane.name.c_str());
}

/// Column titles, at the right edge like the numbers below; the first, wider one at the left.
void table_header(const Theme& theme, const std::vector<std::pair<std::string, const char*>>& titles) {
    for (std::size_t column = 0; column < titles.size(); ++column) {
        ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthStretch, column == 0 ? 1.5f : 1.0f);
    }
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
    bool is_first = true;
    for (const auto& [title, help] : titles) {
        ImGui::TableNextColumn();
        const float room = ImGui::GetContentRegionAvail().x - ImGui::CalcTextSize(title.c_str()).x;
        if (!is_first && room > 0) ImGui::SetCursorPosX(ImGui::GetCursorPosX() + room);
        is_first = false;
        dim_text(theme, title.c_str());
        item_tooltip(theme, help);
    }
}

constexpr ImGuiTableFlags kTableFlags =
    ImGuiTableFlags_BordersInnerH | ImGuiTableFlags_SizingStretchSame | ImGuiTableFlags_NoPadOuterX;

void draw_lanes_table(const PanelContext& context, float width) {
    const Theme& theme = context.theme;
    const bool is_wide = width > theme.px(560);
    const LaneSnapshot* reference = reference_lane(context.snapshot);
    std::vector<std::pair<std::string, const char*>> titles{
        {"lane", ""},
        {metric_title(context.snapshot), context.snapshot.scenario.validation.c_str()},
        {"loss", "training loss of the last step"},
        {"step ms", "mean time of a step of this lane alone, without what is measured"}};
    if (is_wide) titles.emplace_back("speed", "step time of the FP32 lane divided by this lane's");
    titles.emplace_back("memory", "all buffers of a training step");
    if (is_wide)
        titles.emplace_back("skipped", "steps whose gradients were not finite and which were left out");
    titles.emplace_back("error",
                        "largest ||g - s|| / ||s|| of all weight gradients g against the shadow pass's s");
    titles.emplace_back("cos", "smallest cosine between a weight gradient and the shadow pass's");
    if (!ImGui::BeginTable("lanes", static_cast<int>(titles.size()), kTableFlags)) return;
    table_header(theme, titles);
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        const WorstGradient worst = worst_gradient(lane);
        ImGui::TableNextRow();
        lane_cell(theme, lane);
        right_cell(theme, metric_text(context.snapshot, lane), theme.text);
        right_cell(theme, number_text(lane.last.loss, 3),
                   std::isfinite(lane.last.loss) ? theme.text : theme.error);
        right_cell(theme, formatted("%.2f", lane.step_ms), theme.text);
        if (is_wide) {
            const bool has_ratio = reference && lane.step_ms > 0;
            right_cell(theme, has_ratio ? formatted("%.2fx", reference->step_ms / lane.step_ms) : "-",
                       theme.text);
        }
        right_cell(theme, bytes_text(lane.memory.total()), theme.text);
        if (is_wide) right_cell(theme, count_text(lane.skipped), theme.text);
        const bool is_bad = worst.is_measured() && !(worst.relative_error < 0.1);
        right_cell(theme, error_text(worst.relative_error), is_bad ? theme.error : theme.text);
        if (worst.is_measured()) item_tooltip(theme, "worst: " + worst.tensor);
        right_cell(theme, cosine_text(worst.cosine), theme.text);
        UiProbe& probe = context.ui.probe;
        const std::string id = "comparison/" + lane.name;
        probe.value(id + "/metric", lane.validation.metric);
        probe.value(id + "/step_ms", lane.step_ms);
        probe.value(id + "/bytes", static_cast<double>(lane.memory.total()));
        probe.value(id + "/relative_error", worst.relative_error);
        probe.value(id + "/cosine", worst.cosine);
    }
    ImGui::EndTable();
}

ImU32 category_colour(const Theme& theme, std::size_t index) {
    return viridis(theme.kind == ThemeKind::dark ? 0.3f + 0.16f * static_cast<float>(index)
                                                 : 0.12f + 0.18f * static_cast<float>(index));
}

/// Bytes by category: a stacked bar for each lane on one scale, and the figures.
void draw_memory(const PanelContext& context, float width) {
    const Theme& theme = context.theme;
    section_heading(theme, "BYTES BY CATEGORY");
    std::uint64_t largest = 1;
    for (const LaneSnapshot& lane : context.snapshot.lanes) largest = std::max(largest, lane.memory.total());
    std::vector<std::pair<std::string, const char*>> titles{{"lane", ""}};
    for (const CategoryLook& look : kCategories) titles.emplace_back(look.name, "");
    titles.emplace_back("of FP32", "this lane's total against the FP32 lane's");
    const LaneSnapshot* reference = reference_lane(context.snapshot);
    if (!ImGui::BeginTable("memory", static_cast<int>(titles.size()), kTableFlags)) return;
    table_header(theme, titles);
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        ImGui::TableNextRow();
        lane_cell(theme, lane);
        for (const CategoryLook& look : kCategories) {
            const std::uint64_t bytes = lane.memory[look.category];
            right_cell(theme, bytes == 0 ? "-" : bytes_text(bytes), theme.text);
            context.ui.probe.value("comparison/" + lane.name + "/bytes/" + look.name,
                                   static_cast<double>(bytes));
        }
        right_cell(theme,
                   reference ? formatted("%.0f%%", 100.0 * static_cast<double>(lane.memory.total()) /
                                                       static_cast<double>(reference->memory.total()))
                             : "-",
                   theme.text);
    }
    ImGui::EndTable();
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float height = theme.px(9);
        float x = at.x;
        for (std::size_t index = 0; index < kCategories.size(); ++index) {
            const double share =
                static_cast<double>(lane.memory[kCategories[index].category]) / static_cast<double>(largest);
            const float next = x + static_cast<float>(share) * width;
            ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(x, at.y), ImVec2(next, at.y + height),
                                                      category_colour(theme, index));
            if (ImGui::IsMouseHoveringRect(ImVec2(x, at.y), ImVec2(next, at.y + height)) &&
                ImGui::IsWindowHovered()) {
                begin_tooltip(theme);
                ImGui::Text("%s: %s %s", lane.name.c_str(), kCategories[index].name,
                            bytes_text(lane.memory[kCategories[index].category]).c_str());
                end_tooltip();
            }
            x = next;
        }
        compat::add_rectangle(ImGui::GetWindowDrawList(), at, ImVec2(x, at.y + height),
                              theme.lane(lane.id).colour, 0, 1);
        ImGui::Dummy(ImVec2(width, height));
    }
    for (std::size_t index = 0; index < kCategories.size(); ++index) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float line = ImGui::GetTextLineHeight();
        ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(at.x, at.y + line * 0.2f),
                                                  ImVec2(at.x + line * 0.7f, at.y + line * 0.9f),
                                                  category_colour(theme, index));
        ImGui::Dummy(ImVec2(line * 0.7f, line));
        ImGui::SameLine(0, theme.px(4));
        dim_text(theme, kCategories[index].name);
        if (index + 1 < kCategories.size()) ImGui::SameLine(0, theme.px(12));
    }
}

const Probe* find_gradient(const LaneSnapshot& lane, const std::string& tensor) {
    for (const Probe& probe : lane.probes) {
        if (probe.kind == ProbeKind::weight_gradient && probe.tensor == tensor) return &probe;
    }
    return nullptr;
}

/// Relative error and cosine of every weight gradient of every lane.
void draw_layers(const PanelContext& context) {
    const Theme& theme = context.theme;
    const std::vector<LaneSnapshot>& lanes = context.snapshot.lanes;
    std::int64_t step = -1;
    for (const LaneSnapshot& lane : lanes) step = std::max(step, lane.shadow_step);
    const std::string title = step < 0 ? "GRADIENT ERROR BY LAYER"
                                       : "GRADIENT ERROR BY LAYER, SHADOW PASS OF STEP " + count_text(step);
    section_heading(theme, title.c_str());
    if (step < 0) {
        dim_text(theme, "no shadow pass yet: it runs at every 50th step (SCENARIO, Measuring)");
        return;
    }
    if (!ImGui::BeginTable("layers", static_cast<int>(1 + lanes.size()), kTableFlags)) return;
    std::vector<std::pair<std::string, const char*>> titles{{"error / cosine", ""}};
    for (const LaneSnapshot& lane : lanes) {
        titles.emplace_back(
            std::string(1, theme.lane(lane.id).letter) + " " + lane.name,
            "||g - s|| / ||s|| against the shadow pass's gradient s, and the cosine between them");
    }
    table_header(theme, titles);
    for (const Probe& first : lanes.front().probes) {
        if (first.kind != ProbeKind::weight_gradient) continue;
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        ImGui::TextUnformatted(first.tensor.c_str());
        for (const LaneSnapshot& lane : lanes) {
            const Probe* probe = find_gradient(lane, first.tensor);
            const bool is_measured = probe && probe->relative_error != -1;
            const bool is_bad = is_measured && !(probe->relative_error < 0.1);
            right_cell(
                theme,
                is_measured ? error_text(probe->relative_error) + "  " + cosine_text(probe->cosine) : "-",
                is_bad ? theme.error : theme.text);
        }
    }
    ImGui::EndTable();
}

std::string csv_of(const Snapshot& snapshot) {
    std::string csv = "lane,step,metric,loss,step_ms,skipped";
    for (const CategoryLook& look : kCategories) csv += "," + std::string(look.name) + " bytes";
    csv += ",worst_tensor,relative_error,cosine\n";
    for (const LaneSnapshot& lane : snapshot.lanes) {
        const WorstGradient worst = worst_gradient(lane);
        csv += csv_text(lane.name) + "," + std::to_string(lane.last.step) + "," +
               csv_number(lane.validation.metric) + "," + csv_number(lane.last.loss) + "," +
               csv_number(lane.step_ms) + "," + std::to_string(lane.skipped);
        for (const CategoryLook& look : kCategories) csv += "," + std::to_string(lane.memory[look.category]);
        csv += "," + csv_text(worst.tensor) +
               (worst.is_measured() ? "," + csv_number(worst.relative_error) + "," + csv_number(worst.cosine)
                                    : ",,") +
               "\n";
    }
    return csv;
}

void draw_menu(const PanelContext& context, ImVec2 min, ImVec2 max) {
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right)) {
        ImGui::OpenPopup("comparison_menu");
    }
    if (!ImGui::BeginPopup("comparison_menu")) return;
    const std::int64_t step = context.snapshot.next_step;
    if (ImGui::MenuItem("Export as CSV")) {
        export_text(context.ui, export_path("comparison", step, "csv"), csv_of(context.snapshot));
    }
    if (ImGui::MenuItem("Export this panel as PNG")) request_image(context.ui, min, max, "comparison", step);
    ImGui::EndPopup();
}

}  // namespace

void draw_comparison_panel(const PanelContext& context) {
    if (context.snapshot.lanes.empty()) {
        empty_state(context.theme, "No lanes yet.");
        return;
    }
    const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    const float width = ImGui::GetContentRegionAvail().x - context.theme.px(4);
    draw_lanes_table(context, width);
    draw_memory(context, width);
    draw_layers(context);
    dim_text(context.theme, "energy: not reported by this device");
    draw_menu(context, min, ImVec2(min.x + size.x, min.y + size.y));
}

}  // namespace halfscope
