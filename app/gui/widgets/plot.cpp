#include "gui/widgets/plot.h"

#include <algorithm>
#include <filesystem>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"
#include "gui/widgets/plot_cursor.h"
#include "gui/widgets/plot_curves.h"
#include "gui/widgets/plot_frame.h"
#include "gui/widgets/plot_input.h"

namespace halfscope {
namespace {

constexpr std::size_t kLongestName = 24;  // of a saved run

AxisScale scale_of(const PlotSpec& spec) { return spec.y_axis ? *spec.y_axis : spec.fixed_axis; }

/// What the legend lists: each lane, and each run that is laid over as a whole.
std::vector<const PlotSeries*> legend_of(const PlotSpec& spec) {
    std::vector<const PlotSeries*> entries;
    for (const PlotSeries& series : spec.series) {
        const bool is_listed = series.other && !entries.empty() && entries.back()->other == series.other;
        if (!is_listed) entries.push_back(&series);
    }
    return entries;
}

const std::string& legend_name(const PlotSeries& entry) {
    return entry.other ? entry.other_name : entry.label;
}

void toggle_entry(const PlotSpec& spec, const PlotSeries& entry, UiState& ui) {
    const bool was_visible = ui.is_visible(entry.lane_id);
    for (const PlotSeries& series : spec.series) {
        const bool is_meant = &series == &entry || (entry.other && series.other == entry.other);
        if (is_meant && ui.is_visible(series.lane_id) == was_visible) ui.toggle_visible(series.lane_id);
    }
}

/// A lane's name with its colour and letter, or a run's that is laid over, which has those of its lanes; a
/// click hides or shows it in all plots.
void legend_entry(const PlotSpec& spec, const PlotSeries& entry, UiState& ui, const Theme& theme) {
    const bool visible = ui.is_visible(entry.lane_id);
    const LaneLook look = theme.lane(entry.lane_id);
    const std::string& name = legend_name(entry);
    const float line = ImGui::GetTextLineHeight(), bar = theme.px(18);
    const ImVec2 min = ImGui::GetCursorScreenPos();
    const float name_width = ImGui::CalcTextSize(name.c_str()).x;
    const std::string id = "##legend" + std::to_string(entry.lane_id);
    if (ImGui::InvisibleButton(id.c_str(), ImVec2(bar + theme.px(4) + name_width, line)))
        toggle_entry(spec, entry, ui);
    ui.probe.item(spec.id + "/legend/" + name);
    const bool hovered = ImGui::IsItemHovered();
    const std::string what = entry.other ? "this saved run, faint," : "this lane";
    item_tooltip(theme, "click: " + std::string(visible ? "hide " : "show ") + what + " in all plots");
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float y = min.y + line * 0.5f;
    const ImU32 base = entry.other ? theme.text_dim : look.colour;
    const ImU32 colour = with_opacity(base, visible ? 1.0f : 0.35f);
    const ImVec2 ends[2] = {ImVec2(min.x, y), ImVec2(min.x + bar, y)};
    draw_styled_line(draw, ends, 2, colour, theme.stroke(entry.other ? 1.0f : 2.0f), look.style,
                     theme.scale * 0.8f);
    const ImU32 ink = visible ? (hovered ? theme.accent : theme.text) : theme.text_dim;
    const ImVec2 text(min.x + bar + theme.px(4), min.y);
    draw->AddText(text, ink, name.c_str());
    if (!visible) draw->AddLine(ImVec2(text.x, y), ImVec2(text.x + name_width, y), theme.text_dim);
}

float legend_width(const PlotSeries& entry, const Theme& theme) {
    return ImGui::CalcTextSize(legend_name(entry).c_str()).x + theme.px(22);
}

/// Above the area: the value axis' name and the legend, on a line of its own where one is too short for both.
void draw_heading(const PlotSpec& spec, UiState& ui, const Theme& theme) {
    const bool is_logarithmic = scale_of(spec) == AxisScale::logarithmic;
    const float gap = theme.px(14), room = ImGui::GetContentRegionAvail().x;
    dim_text(theme, (spec.y_label + (is_logarithmic ? ", log" : "")).c_str());
    const float right = ImGui::GetItemRectMin().x + room;
    float needed = ImGui::GetItemRectSize().x;
    const std::vector<const PlotSeries*> entries = legend_of(spec);
    for (const PlotSeries* entry : entries) needed += gap + legend_width(*entry, theme);
    bool same_line = needed <= room;
    for (const PlotSeries* entry : entries) {
        const bool fits = ImGui::GetItemRectMax().x + gap + legend_width(*entry, theme) <= right;
        if (same_line || (entry != entries.front() && fits)) ImGui::SameLine(0, gap);
        legend_entry(spec, *entry, ui, theme);
    }
}

/// What lies under the mouse: the step, every lane's value at it, and the mark there.
void draw_tooltip(const PlotSpec& spec, std::int64_t step, const std::vector<PlotCurve>& curves,
                  const PlotMark* mark, const Theme& theme) {
    begin_tooltip(theme);
    ImGui::Text("step %s", count_text(step).c_str());
    for (const PlotCurve& curve : curves) {
        const SeriesPoint* point = curve.at_or_before(step);
        if (!point) continue;
        lane_chip(theme, curve.series->lane_id);
        ImGui::SameLine();
        std::string text = curve.series->label + "  " + point_text(spec, *point, theme);
        // Validation is sparse: say which step the value is of.
        if (point->last_step < step) text += "  (step " + count_text(point->last_step) + ")";
        ImGui::TextUnformatted(text.c_str());
    }
    if (mark) coloured_text(theme.glow, mark->label.c_str());
    end_tooltip();
}

void draw_menu(const PlotSpec& spec, const Timeline& timeline, UiState& ui, PlotState& state, ImVec2 min,
               ImVec2 max) {
    if (!ImGui::BeginPopup("plot_menu")) return;
    if (spec.y_axis) {
        const bool is_logarithmic = *spec.y_axis == AxisScale::logarithmic;
        if (ImGui::MenuItem("Logarithmic values", "L", is_logarithmic)) {
            *spec.y_axis = is_logarithmic ? AxisScale::linear : AxisScale::logarithmic;
            state.fit();
        }
    }
    if (spec.difference) {
        if (ImGui::MenuItem("Differences to the first lane", "D", *spec.difference)) {
            *spec.difference = !*spec.difference;
            state.fit();
        }
        ui.probe.item(spec.id + "/menu/difference");
    }
    const auto range_item = [&ui](const char* label, TimeRange range) {
        if (ImGui::MenuItem(label, nullptr, ui.time.follows && ui.time.range == range)) {
            ui.time.range = range;
            ui.time.fit();
        }
    };
    range_item("Show the recent steps", TimeRange::recent);
    range_item("Show all steps", TimeRange::all);
    if (ImGui::MenuItem("Fit", "F, double click")) {
        ui.time.fit();
        state.fit();
    }
    ImGui::Separator();
    const std::string here = std::to_string(ui.menu_step);
    if (ImGui::MenuItem(("Go to step " + here).c_str())) ui.requests.go_to_step = ui.menu_step;
    ui.probe.item(spec.id + "/menu/go_to_step");
    if (ImGui::MenuItem(("Branch the selected lane at step " + here).c_str(), "B"))
        ui.requests.branch_at_step = ui.menu_step;
    ui.probe.item(spec.id + "/menu/branch");
    ImGui::Separator();
    const std::int64_t step = timeline.last_step() + 1;
    if (ImGui::MenuItem("Export what is shown as CSV")) {
        export_text(ui, export_path(spec.id, step, "csv"), plot_csv(spec, timeline, ui));
    }
    ui.probe.item(spec.id + "/menu/csv");
    if (ImGui::MenuItem("Export this plot as PNG")) request_image(ui, min, max, spec.id, step);
    ui.probe.item(spec.id + "/menu/png");
    ImGui::EndPopup();
}

/// Registers the areas that take the mouse: the plot itself and the labels of its value axis.
PlotItem place_items(const PlotFrame& frame, ImVec2 origin, const PlotSpec& spec, UiState& ui) {
    PlotItem item;
    ImGui::SetCursorScreenPos(origin);
    ImGui::InvisibleButton("##values", ImVec2(std::max(1.0f, frame.min.x - origin.x), frame.height()),
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
    const bool on_axis = ImGui::IsItemHovered() || ImGui::IsItemActive();
    ImGui::SetCursorScreenPos(frame.min);
    const bool pressed =
        ImGui::InvisibleButton("##area", ImVec2(frame.width(), frame.height()),
                               ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
    // By the mouse it is a pan or a zoom; by the keyboard it asks for the menu.
    item.is_chosen = pressed && ui.keyboard.is_on;
    ui.probe.item(spec.id + "/area");
    item.is_held = ImGui::IsItemActive() || on_axis;
    item.is_hovered = ImGui::IsItemHovered() || on_axis;
    item.over_value_axis = on_axis;
    return item;
}

/// Where the plot's area lies in the region: labels take the left and the bottom.
PlotFrame place_area(const PlotSpec& spec, ImVec2 origin, ImVec2 size, StepRange steps, const Theme& theme) {
    PlotFrame frame;
    frame.min = ImVec2(origin.x + theme.px(52), origin.y + theme.px(3));
    frame.max = ImVec2(origin.x + std::max(size.x, theme.px(80)) - theme.px(4),
                       origin.y + std::max(size.y, theme.px(40)) - ImGui::GetTextLineHeight() - theme.px(4));
    frame.max.y = std::max(frame.max.y, frame.min.y + theme.px(12));
    frame.steps = steps;
    frame.scale = scale_of(spec);
    return frame;
}

void report_values(const PlotSpec& spec, const PlotFrame& frame, const std::vector<PlotCurve>& curves,
                   UiState& ui) {
    if (!ui.probe.enabled()) return;
    ui.probe.value(spec.id + "/first_step", frame.steps.first);
    ui.probe.value(spec.id + "/last_step", frame.steps.last);
    ui.probe.value(spec.id + "/scale", frame.scale == AxisScale::logarithmic ? "log" : "linear");
    for (const PlotCurve& curve : curves) {
        if (curve.points.empty()) continue;
        ui.probe.value(spec.id + "/last/" + curve.series->label,
                       static_cast<double>(curve.points.back().last));
        ui.probe.value(spec.id + "/last_step/" + curve.series->label,
                       static_cast<double>(curve.points.back().last_step));
    }
    int toggles = 0, alerts = 0;
    for (const PlotMark& mark : spec.marks) {
        toggles += mark.kind == PlotMark::Kind::toggle;
        alerts += mark.kind == PlotMark::Kind::alert;
    }
    ui.probe.value(spec.id + "/toggles", toggles);
    ui.probe.value(spec.id + "/alerts", alerts);
}

}  // namespace

void time_plot(const PlotSpec& spec, const Timeline& timeline, UiState& ui, const Theme& theme, ImVec2 size) {
    ImGui::PushID(spec.id.c_str());
    const ImVec2 top = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    const ImVec2 whole(size.x > 0 ? size.x : room.x, size.y > 0 ? size.y : room.y);
    PlotState& state = ui.plots[spec.id];
    draw_heading(spec, ui, theme);
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const StepRange steps = visible_steps(ui.time, timeline);
    PlotFrame frame = place_area(spec, origin, ImVec2(whole.x, top.y + whole.y - origin.y), steps, theme);
    const std::vector<PlotCurve> curves =
        fetch_curves(spec, timeline, ui, steps, static_cast<int>(frame.width()));
    choose_value_range(frame, curves, spec, state);
    const PlotItem item = place_items(frame, origin, spec, ui);

    draw_axes(frame, spec.labels, theme);
    ImGui::GetWindowDrawList()->PushClipRect(frame.min, frame.max, true);
    for (const PlotCurve& curve : curves) draw_curve(frame, curve, spec.shape, theme);
    const PlotMark* mark = draw_marks(frame, spec, curves, theme);
    const bool is_pointed_at = item.is_hovered && !item.over_value_axis;
    draw_plot_cursor(frame, spec, curves, is_pointed_at ? CursorPlace::under_mouse : CursorPlace::elsewhere,
                     ui, theme);
    draw_box_zoom(frame, state, theme);
    ImGui::GetWindowDrawList()->PopClipRect();
    const bool is_empty = std::all_of(curves.begin(), curves.end(),
                                      [](const PlotCurve& curve) { return curve.points.empty(); });
    if (is_empty) {
        const ImVec2 at(frame.min.x + theme.px(10), frame.min.y + theme.px(8));
        const float wrapped = std::max(frame.max.x - theme.px(6) - at.x, theme.px(40));
        ImGui::GetWindowDrawList()->AddText(ImGui::GetFont(), ImGui::GetFontSize(), at, theme.text_dim,
                                            spec.empty_text, nullptr, wrapped);
        const ImVec2 extent = ImGui::CalcTextSize(spec.empty_text, nullptr, false, wrapped);
        ui.probe.rectangle(spec.id + "/empty", at, ImVec2(at.x + extent.x, at.y + extent.y));
    }
    if (is_pointed_at && state.drag == PlotState::Drag::none && !is_empty) {
        const double step = std::round(frame.step_at(ImGui::GetIO().MousePos.x));
        ui.next_hovered_step = static_cast<std::int64_t>(std::max(0.0, step));
        draw_tooltip(spec, *ui.next_hovered_step, curves, mark, theme);
    }
    const bool is_asked = handle_plot_input(frame, item, ui, state, theme);
    if (is_asked || item.is_chosen) {
        ui.menu_step = is_asked
                           ? std::max<std::int64_t>(0, std::llround(frame.step_at(ImGui::GetIO().MousePos.x)))
                           : std::max<std::int64_t>(0, timeline.last_step());
        ImGui::OpenPopup("plot_menu");
    }
    draw_menu(spec, timeline, ui, state, top, ImVec2(top.x + whole.x, top.y + whole.y));
    report_values(spec, frame, curves, ui);
    ImGui::PopID();
}

void add_overlays(PlotSpec& spec, const Snapshot& snapshot, SeriesKind kind) {
    for (std::size_t index = 0; index < snapshot.overlays.size(); ++index) {
        const SavedRun& run = *snapshot.overlays[index];
        std::string file = std::filesystem::path(run.path).stem().string();
        // What tells files apart stands at the end of their names.
        if (file.size() > kLongestName) file = "..." + file.substr(file.size() - kLongestName + 3);
        for (const SavedRun::SavedLane& lane : run.lanes) {
            const bool is_idle =
                kind == SeriesKind::loss_scale && lane.techniques.scaler.scaling == LossScaling::off;
            if (is_idle || !run.history->has(lane.id, kind)) continue;
            spec.series.push_back({overlay_id(index, lane.id), lane.name + " of " + file, kind,
                                   run.history.get(), lane.id, file});
        }
    }
}

StepRange visible_steps(const TimeView& time, const Timeline& timeline) {
    if (!time.follows) return {time.first, time.last};
    constexpr double kLeastShown = 20;
    const auto last = static_cast<double>(std::max<std::int64_t>(0, timeline.last_step()));
    const double first = time.range == TimeRange::recent ? std::max(0.0, last - TimeView::kRecentSteps) : 0.0;
    return {first, std::max(last, first + kLeastShown)};
}

}  // namespace halfscope
