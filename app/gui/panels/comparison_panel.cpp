#include "gui/panels/comparison_panel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "gui/widgets/controls.h"
#include "gui/widgets/export.h"
#include "gui/widgets/memory_bars.h"
#include "gui/widgets/number_table.h"

namespace halfscope {
namespace {

// From here on a gradient has more than a tenth of its length wrong; marked, with a sign besides the colour.
constexpr double kBadError = 0.1;

/// What the lanes are compared with: the first one that stores FP32.
const LaneSnapshot* reference_lane(const Snapshot& snapshot) {
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.techniques.storage == Format::fp32) return &lane;
    }
    return nullptr;
}

bool is_measured(const Probe& probe) {
    return probe.kind == ProbeKind::weight_gradient && probe.relative_error != -1;
}

/// NaN is the worst there is.
bool is_worse_error(double error, double than) {
    return !std::isnan(than) && (std::isnan(error) || error > than);
}
bool is_worse_cosine(double cosine, double than) {
    return !std::isnan(than) && (std::isnan(cosine) || cosine < than);
}

/// Over all weight gradients of the newest shadow pass; null where none was measured.
struct WorstGradient {
    const Probe* error = nullptr;   ///< the largest relative error
    const Probe* cosine = nullptr;  ///< the smallest cosine
};

WorstGradient worst_gradient(const LaneSnapshot& lane) {
    WorstGradient worst;
    for (const Probe& probe : lane.probes) {
        if (!is_measured(probe)) continue;
        if (!worst.error || is_worse_error(probe.relative_error, worst.error->relative_error)) {
            worst.error = &probe;
        }
        if (!worst.cosine || is_worse_cosine(probe.cosine, worst.cosine->cosine)) worst.cosine = &probe;
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

NumberCell error_cell(const Theme& theme, const Probe* probe) {
    if (!probe) return {"-", theme.text_dim, "", -1};
    const double error = probe->relative_error;
    const bool is_bad = !(error < kBadError);
    const std::string number = error == 0 ? "0" : formatted("%.1e", error);
    return {is_bad ? "! " + number : number, is_bad ? theme.error : 0, "", -1};
}

NumberCell cosine_cell(const Theme& theme, const Probe* probe) {
    if (!probe) return {"-", theme.text_dim, "", -1};
    // Four digits would make 0.99996 a 1.
    const bool is_almost_one = probe->cosine < 1 && probe->cosine > 0.9999;
    return {is_almost_one ? ">0.9999" : formatted("%.4f", probe->cosine), 0, "", -1};
}

void report_lane(UiProbe& probe, const LaneSnapshot& lane, const WorstGradient& worst) {
    if (!probe.enabled()) return;
    const std::string id = "comparison/" + lane.name;
    if (lane.validation_step >= 0) probe.value(id + "/metric", lane.validation.metric);
    probe.value(id + "/step_ms", lane.step_ms);
    probe.value(id + "/bytes", static_cast<double>(lane.memory.total()));
    for (const MemoryCategoryLook& look : kMemoryLooks) {
        probe.value(id + "/bytes/" + memory_category_name(look.category),
                    static_cast<double>(lane.memory[look.category]));
    }
    if (!worst.error) return;
    probe.value(id + "/relative_error", worst.error->relative_error);
    probe.value(id + "/cosine", worst.cosine->cosine);
}

std::vector<NumberColumn> lane_columns(const Snapshot& snapshot) {
    return {
        {metric_title(snapshot), snapshot.scenario.validation, 0},
        {"loss", "training loss of the last step", 3},
        {"step ms", "mean time of a step of this lane alone, without what is measured", 0},
        {"speed", "step time of the FP32 lane divided by this lane's", 4},
        {"memory", "all buffers of a training step", 1},  // the bars below tell it too
        {"skipped", "steps whose gradients were not finite and which were left out", 5},
        {"max error",
         "relative error ||g - s|| / ||s|| against the shadow pass's gradient s, the largest of all weight "
         "gradients; ! from 0.1",
         0},
        {"min cos", "the smallest cosine between a weight gradient and the shadow pass's", 2}};
}

NumberRow lane_row(const PanelContext& context, const LaneSnapshot& lane) {
    const Theme& theme = context.theme;
    const LaneSnapshot* reference = reference_lane(context.snapshot);
    const WorstGradient worst = worst_gradient(lane);
    report_lane(context.ui.probe, lane, worst);
    const bool has_step = lane.last.step_ms > 0 || lane.step_ms > 0, has_time = lane.step_ms > 0;
    const bool has_ratio = reference && has_time && reference->step_ms > 0;
    NumberCell error = error_cell(theme, worst.error), cosine = cosine_cell(theme, worst.cosine);
    if (worst.error) {
        const std::string step = ", shadow pass of step " + count_text(lane.shadow_step);
        error.help = worst.error->tensor + step;
        cosine.help = worst.cosine->tensor + step;
    }
    const std::string metric_step =
        lane.validation_step < 0 ? "" : "validation of step " + count_text(lane.validation_step);
    return {lane.name,
            lane.id,
            0,
            "comparison/" + lane.name,
            {{metric_text(context.snapshot, lane), 0, metric_step, -1},
             {has_step ? number_text(lane.last.loss, 3) : "-",
              has_step && !std::isfinite(lane.last.loss) ? theme.error : 0, "", -1},
             {has_time ? formatted("%.2f", lane.step_ms) : "-", 0, "", -1},
             {has_ratio ? formatted("%.2fx", reference->step_ms / lane.step_ms) : "-", 0, "", -1},
             {bytes_text(lane.memory.total()), 0, "", -1},
             {count_text(lane.skipped), 0, "", -1},
             error,
             cosine}};
}

void draw_lanes(const PanelContext& context) {
    std::vector<NumberRow> rows;
    for (const LaneSnapshot& lane : context.snapshot.lanes) rows.push_back(lane_row(context, lane));
    draw_number_table(context.theme, context.ui.probe, "lanes", "lane", lane_columns(context.snapshot), rows);
}

std::string flops_text(double flops, const char* unit) {
    const double giga = flops * 1e-9;
    return giga < 1000 ? formatted("%.3g G", giga) + unit : formatted("%.3g T", giga * 1e-3) + unit;
}

/// What the products of a step are, how fast they go, and what Tensor Cores would like better.
void draw_matrix_work(const PanelContext& context) {
    const Snapshot& snapshot = context.snapshot;
    if (!snapshot.matrix_work || snapshot.matrix_work->flops <= 0) return;
    std::string text = "Matrix products: " + flops_text(snapshot.matrix_work->flops, "FLOP") + " a step";
    bool has_tensor_cores = false;
    const char* separator = "; ";
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.step_ms <= 0) continue;
        const double speed = snapshot.matrix_work->flops / (lane.step_ms * 1e-3);
        text += std::exchange(separator, ", ") + lane.name + " " + flops_text(speed, "FLOP/s");
        if (!lane.matrix_peak) continue;
        text += formatted(" (%.2g%% of the ", 100.0 * speed / *lane.matrix_peak) +
                flops_text(*lane.matrix_peak, "FLOP/s") + " of a large product here)";
        has_tensor_cores = has_tensor_cores || lane.techniques.storage != Format::fp32;
    }
    text += ".";
    wrapped_dim_text(context.theme, text.c_str());
    context.ui.probe.value("comparison/matrix_work", text);
    if (!has_tensor_cores || snapshot.matrix_work->odd_extents.empty()) return;
    std::string hint = "Tensor Cores are at their best where all extents are multiples of 8. Here are none:";
    separator = " ";
    for (const OddExtent& odd : snapshot.matrix_work->odd_extents)
        hint += std::exchange(separator, ", ") + odd.node + " " + odd.what + " " + count_text(odd.extent);
    hint += ".";
    wrapped_dim_text(context.theme, hint.c_str());
    context.ui.probe.value("comparison/odd_extents", hint);
}

/// Lanes run in turn, so that the device's power can be told apart by their time.
void draw_energy(const PanelContext& context) {
    std::string text;
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        if (!lane.joules_per_step) continue;
        text += (text.empty() ? "Energy a step: " : ", ") + lane.name +
                formatted(" %.3g J", *lane.joules_per_step);
    }
    text += text.empty() ? "Energy: not reported by this device." : " (the device's power while it takes).";
    wrapped_dim_text(context.theme, text.c_str());
    context.ui.probe.value("comparison/energy", text);
}

std::string percent_of(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "-"
                      : formatted("%.0f%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

/// Two columns a lane: bytes, and percent of the FP32 lane's.
std::vector<NumberColumn> memory_columns(const Snapshot& snapshot) {
    std::vector<NumberColumn> columns;
    for (const LaneSnapshot& lane : snapshot.lanes) {
        columns.push_back({lane.name, "bytes of lane " + lane.name, 0});
        columns.push_back({"of FP32", lane.name + ": percent of the same category of the FP32 lane", 1});
    }
    return columns;
}

/// The paper's sentence about memory beside what it is here: for small networks they differ, and say so.
void draw_memory_note(const PanelContext& context) {
    const LaneSnapshot* reference = reference_lane(context.snapshot);
    if (!reference) return;
    const std::uint64_t weights = reference->memory[MemoryCategory::weights];
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        if (!lane.techniques.has_master()) continue;
        const std::uint64_t own =
            lane.memory[MemoryCategory::weights] + lane.memory[MemoryCategory::master_weights];
        const std::string text =
            "Paper 3.1: a master copy raises weight memory by 50%, yet activations dominate and the total is "
            "about halved. Here " +
            lane.name + " keeps " + percent_of(own, weights) + " of FP32's weight bytes; all together " +
            percent_of(lane.memory.total(), reference->memory.total()) + ".";
        wrapped_dim_text(context.theme, text.c_str());
        return;
    }
}

/// Bytes by category: a stacked bar for each lane on one scale, and the figures.
void draw_memory(const PanelContext& context) {
    const Theme& theme = context.theme;
    const LaneSnapshot* reference = reference_lane(context.snapshot);
    section_heading(theme, "BYTES BY CATEGORY");
    draw_memory_bars(theme, context.snapshot.lanes);
    std::vector<NumberRow> rows;
    const auto add_row = [&](const std::string& name, ImU32 swatch, const std::string& help, auto bytes_of) {
        NumberRow row{name, -1, swatch, "", {}};
        for (const LaneSnapshot& lane : context.snapshot.lanes) {
            const std::uint64_t bytes = bytes_of(lane);
            row.cells.push_back(
                {bytes == 0 ? "-" : bytes_text(bytes), bytes == 0 ? theme.text_dim : 0, help, -1});
            const std::string percent =
                reference && bytes > 0 ? percent_of(bytes, bytes_of(*reference)) : "-";
            row.cells.push_back({percent, theme.text_dim, help, -1});
        }
        rows.push_back(std::move(row));
    };
    for (std::size_t index = 0; index < kMemoryLooks.size(); ++index) {
        const MemoryCategoryLook& look = kMemoryLooks[index];
        add_row(std::string(1, look.letter) + " " + look.name, memory_colour(theme, index), look.help,
                [&look](const LaneSnapshot& lane) { return lane.memory[look.category]; });
    }
    add_row("all", 0, "all buffers of a training step",
            [](const LaneSnapshot& lane) { return lane.memory.total(); });
    draw_number_table(theme, context.ui.probe, "memory", "", memory_columns(context.snapshot), rows);
    draw_memory_note(context);
}

const Probe* find_measured(const LaneSnapshot& lane, const std::string& tensor) {
    for (const Probe& probe : lane.probes) {
        if (probe.tensor == tensor && is_measured(probe)) return &probe;
    }
    return nullptr;
}

/// Weight gradients in graph order: the same in every lane, so those of the first that has any.
std::vector<std::string> gradient_tensors(const Snapshot& snapshot) {
    std::vector<std::string> tensors;
    for (const LaneSnapshot& lane : snapshot.lanes) {
        for (const Probe& probe : lane.probes) {
            if (probe.kind == ProbeKind::weight_gradient) tensors.push_back(probe.tensor);
        }
        if (!tensors.empty()) break;
    }
    return tensors;
}

/// Where an error stands between 1e-7 and 1 on a logarithmic scale, 0..1.
float error_bar(double error) {
    constexpr double kDecades = 7;
    if (std::isnan(error)) return 1;
    return error <= 0 ? 0.0f : static_cast<float>(std::clamp(1 + std::log10(error) / kDecades, 0.0, 1.0));
}

/// Relative error and cosine of every weight gradient of every lane.
void draw_layers(const PanelContext& context) {
    const Theme& theme = context.theme;
    const std::vector<LaneSnapshot>& lanes = context.snapshot.lanes;
    std::int64_t step = -1;
    for (const LaneSnapshot& lane : lanes) step = std::max(step, lane.shadow_step);
    section_heading(theme,
                    step < 0 ? "GRADIENT ERROR BY LAYER"
                             : ("GRADIENT ERROR BY LAYER, SHADOW PASS OF STEP " + count_text(step)).c_str());
    if (step < 0) {
        const std::string text = "No shadow pass yet: it runs at every " +
                                 count_text(context.snapshot.shadow_every) +
                                 "th step and gives each lane's true gradients in FP32.";
        wrapped_dim_text(theme, text.c_str());
        return;
    }
    std::vector<NumberColumn> columns;
    for (const LaneSnapshot& lane : lanes) {
        const std::string of = lane.name + (lane.shadow_step < 0 ? ", not measured yet"
                                                                 : ", step " + count_text(lane.shadow_step));
        columns.push_back({std::string(1, theme.lane(lane.id).letter) + " " + lane.name,
                           of +
                               ": relative error ||g - s|| / ||s|| against the shadow pass's gradient s; bar "
                               "from 1e-7 to 1, logarithmic; ! from 0.1",
                           0});
        columns.push_back({"cos", of + ": cosine between g and the shadow pass's gradient s", 1});
    }
    std::vector<NumberRow> rows;
    for (const std::string& tensor : gradient_tensors(context.snapshot)) {
        NumberRow row{tensor, -1, 0, "comparison/layer/" + tensor, {}};
        for (const LaneSnapshot& lane : lanes) {
            const Probe* probe = find_measured(lane, tensor);
            row.cells.push_back(error_cell(theme, probe));
            if (probe) row.cells.back().bar = error_bar(probe->relative_error);
            row.cells.push_back(cosine_cell(theme, probe));
        }
        rows.push_back(std::move(row));
    }
    draw_number_table(theme, context.ui.probe, "layers", "weight gradient", columns, rows);
}

std::string lanes_csv(const Snapshot& snapshot) {
    std::string csv =
        "lane,step," + csv_text(snapshot.scenario.metric_name) + ",validation_step,loss,step_ms,skipped";
    for (const MemoryCategoryLook& look : kMemoryLooks) {
        csv += "," + std::string(memory_category_name(look.category)) + "_bytes";
    }
    csv += ",shadow_step,worst_tensor,relative_error,cosine\n";
    for (const LaneSnapshot& lane : snapshot.lanes) {
        const WorstGradient worst = worst_gradient(lane);
        csv += csv_text(lane.name) + "," + std::to_string(lane.last.step);
        csv += lane.validation_step < 0
                   ? ",,"
                   : "," + csv_number(lane.validation.metric) + "," + std::to_string(lane.validation_step);
        csv += "," + csv_number(lane.last.loss) + "," + csv_number(lane.step_ms) + "," +
               std::to_string(lane.skipped);
        for (const MemoryCategoryLook& look : kMemoryLooks) {
            csv += "," + std::to_string(lane.memory[look.category]);
        }
        csv += worst.error ? "," + std::to_string(lane.shadow_step) + "," + csv_text(worst.error->tensor) +
                                 "," + csv_number(worst.error->relative_error) + "," +
                                 csv_number(worst.cosine->cosine) + "\n"
                           : ",,,,\n";
    }
    return csv;
}

std::string layers_csv(const Snapshot& snapshot) {
    std::string csv = "lane,shadow_step,tensor,relative_error,cosine\n";
    for (const LaneSnapshot& lane : snapshot.lanes) {
        for (const Probe& probe : lane.probes) {
            if (!is_measured(probe)) continue;
            csv += csv_text(lane.name) + "," + std::to_string(lane.shadow_step) + "," +
                   csv_text(probe.tensor) + "," + csv_number(probe.relative_error) + "," +
                   csv_number(probe.cosine) + "\n";
        }
    }
    return csv;
}

void draw_menu(const PanelContext& context, ImVec2 min, ImVec2 max) {
    UiState& ui = context.ui;
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right)) {
        ImGui::OpenPopup("comparison_menu");
    }
    if (!ImGui::BeginPopup("comparison_menu")) return;
    const std::int64_t step = context.snapshot.next_step;
    if (ImGui::MenuItem("Export lanes as CSV")) {
        export_text(ui, export_path("comparison", step, "csv"), lanes_csv(context.snapshot));
    }
    ui.probe.item("comparison/menu/csv");
    if (ImGui::MenuItem("Export errors by layer as CSV")) {
        export_text(ui, export_path("gradient-errors", step, "csv"), layers_csv(context.snapshot));
    }
    ui.probe.item("comparison/menu/layers_csv");
    if (ImGui::MenuItem("Export this panel as PNG")) request_image(ui, min, max, "comparison", step);
    ui.probe.item("comparison/menu/png");
    ImGui::EndPopup();
}

}  // namespace

void draw_comparison_panel(const PanelContext& context) {
    if (context.snapshot.lanes.empty()) {
        empty_state(context.theme, "No lanes yet: add one under LANES.");
        return;
    }
    const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    draw_lanes(context);
    draw_matrix_work(context);
    draw_energy(context);
    draw_memory(context);
    draw_layers(context);
    draw_menu(context, min, ImVec2(min.x + size.x, min.y + size.y));
}

}  // namespace halfscope
