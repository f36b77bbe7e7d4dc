#include "gui/panels/ablation_panel.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

#include "gui/imgui_compat.h"
#include "gui/widgets/ablation_form.h"
#include "gui/widgets/ablation_grid.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/export.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/plot_bands.h"
#include "gui/widgets/preset_match.h"
#include "program/ablation_table.h"
#include "train/input_error.h"

namespace halfscope {

/// A plan as the form has it, and what it comes to. All combinations are looked at for it: not in every
/// frame.
struct PlannedAblation {
    AblationPlan plan;
    std::string problem;           ///< why it cannot be started; empty: it can
    std::string summary, refused;  ///< one sentence each
    std::size_t rows = 0;
    std::int64_t steps_all = 0;
};

namespace {

constexpr std::size_t kCurvesAtFirst = 8;  // more of them cannot be told apart at a glance

bool is_going_on(const AblationResults* results) {
    return results && (results->state == AblationState::running || results->state == AblationState::ending);
}

/// "40 s", "3 min", "2.5 h".
std::string duration_text(double ms) {
    const double seconds = ms * 1e-3;
    if (seconds < 90) return number_text(std::max(1.0, std::round(seconds)), 3) + " s";
    if (seconds < 90 * 60) return number_text(std::round(seconds / 60), 3) + " min";
    return number_text(seconds / 3600, 2) + " h";
}

/// "mixed", or "mixed, loss_scale=8": the techniques that every combination shares.
std::string base_text(const AblationResults& results) {
    const PresetMatch match = nearest_preset(results.base);
    std::string text = match.preset->name;
    for (const std::string& key : match.different) {
        const bool is_varied = std::any_of(results.factors.begin(), results.factors.end(),
                                           [&](const AblationFactor& factor) { return factor.key == key; });
        if (!is_varied) text += ", " + key + "=" + technique_value(results.base, key);
    }
    return text;
}

void draw_export_menu(const PanelContext& context, const AblationResults& results, ImVec2 min, ImVec2 max) {
    if (!ImGui::BeginPopup("ablation_menu")) return;
    UiState& ui = context.ui;
    const std::string markdown = ablation_markdown(results, base_text(results));
    const auto item = [&](const char* title, const char* id) {
        const bool is_clicked = ImGui::MenuItem(title);
        ui.probe.item(std::string("ablation/export/") + id);
        return is_clicked;
    };
    const std::int64_t steps = results.steps;
    if (item("Copy the table as Markdown", "copy_markdown")) ImGui::SetClipboardText(markdown.c_str());
    if (item("Copy the table as CSV", "copy_csv")) ImGui::SetClipboardText(ablation_csv(results).c_str());
    ImGui::Separator();
    if (item("Save the table as Markdown", "markdown"))
        export_text(ui, export_path("ablation", steps, "md"), markdown);
    if (item("Save the table as CSV", "csv"))
        export_text(ui, export_path("ablation", steps, "csv"), ablation_csv(results));
    if (item("Save every run as CSV", "runs"))
        export_text(ui, export_path("ablation-runs", steps, "csv"), ablation_runs_csv(results));
    if (item("Save this panel as PNG", "png")) request_image(ui, min, max, "ablation", steps);
    ImGui::EndPopup();
}

/// Between the form and the results, once there are any; and what the table says.
void draw_toolbar(const PanelContext& context, const AblationResults& results) {
    UiState& ui = context.ui;
    const auto page = [&](const char* title, AblationView::Page which, const char* id, const char* help) {
        const bool is_shown = ui.ablation.page == which;
        if (toggle_button(context.theme, title, is_shown ? ToggleLook::on : ToggleLook::off))
            ui.ablation.page = which;
        ui.probe.item(id);
        item_tooltip(context.theme, help);
        ImGui::SameLine();
    };
    page("Choose", AblationView::Page::choose, "ablation/page/choose",
         "What to vary, how many seeds, how many steps.");
    page("Results", AblationView::Page::results, "ablation/page/results",
         "The table and the curves of the latest ablation.");
    const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    if (ImGui::SmallButton("Export")) ImGui::OpenPopup("ablation_menu");
    ui.probe.item("ablation/export");
    item_tooltip(context.theme, "The table as Markdown or CSV, every run as CSV, this panel as PNG.");
    if (ui.ablation.page == AblationView::Page::results) {
        constexpr const char* kMeaning = "mean ± standard deviation over seeds";
        flow_to(ImGui::CalcTextSize(kMeaning).x);
        dim_text(context.theme, kMeaning);
    }
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right))
        ImGui::OpenPopup("ablation_menu");
    draw_export_menu(context, results, min, ImVec2(min.x + size.x, min.y + size.y));
}

/// While it goes on: how far it is, how long it takes yet, and a way to end it.
void draw_progress(const PanelContext& context, const AblationResults& results) {
    const bool is_ending = results.state == AblationState::ending;
    ImGui::BeginDisabled(is_ending);
    if (ImGui::Button("Cancel")) context.commands.send(CancelAblationCommand{});
    ImGui::EndDisabled();
    context.ui.probe.item("ablation/cancel");
    item_tooltip(context.theme, "Ends after the step in progress; what is done stays in the table.");
    ImGui::SameLine();
    std::string text = "run " + std::to_string(std::min(results.runs_done() + 1, results.runs_all())) +
                       " of " + std::to_string(results.runs_all());
    if (is_ending) text += ", ending";
    if (!results.doing.empty()) text += ", " + results.doing;
    if (const double left = results.left_ms(); left >= 0 && !is_ending)
        text += ", " + duration_text(left) + " left";
    const auto all = static_cast<float>(std::max<std::int64_t>(1, results.steps_all));
    ImGui::AlignTextToFramePadding();
    ImGui::TextUnformatted(text.c_str());
    ImGui::ProgressBar(static_cast<float>(results.steps_done) / all, ImVec2(-1, context.theme.px(6)), "");
    context.ui.probe.value("ablation/progress", text);
    context.ui.probe.item("ablation/progress");
}

void start(const PanelContext& context, const LaneSnapshot& lane, std::size_t rows) {
    AblationView& view = context.ui.ablation;
    context.commands.send(chosen_ablation(context.ui, context.snapshot, lane));
    view.page = AblationView::Page::results;
    view.hidden_rows.clear();
    for (std::size_t row = kCurvesAtFirst; row < rows; ++row) view.hidden_rows.insert(row);
}

bool is_same(const AblationPlan& a, const AblationPlan& b) {
    const auto fields = [](const AblationPlan& plan) {
        const ScenarioSettings& settings = plan.settings;
        return std::tie(plan.scenario, settings.parameters, settings.seed, settings.text_path,
                        settings.images_path, settings.labels_path, plan.factors, plan.seeds, plan.steps);
    };
    return fields(a) == fields(b) && a.base == b.base && !a.start == !b.start;
}

/// What the combinations of a plan are: how many, which make no sense, or why there is none.
PlannedAblation planned_now(AblationPlan plan) {
    PlannedAblation planned;
    try {
        const AblationResults results = planned_ablation(plan);
        planned.rows = results.rows.size();
        std::string refused;
        std::size_t nonsense = 0;
        for (const AblationRow& row : results.rows) {
            if (row.refusal.empty()) continue;
            if (nonsense++ == 0) refused = row.refusal;
        }
        if (results.runs_all() == 0) planned.problem = "every combination is refused: " + refused;
        if (nonsense > 0) {
            planned.refused = std::to_string(nonsense) + " of " + std::to_string(planned.rows) +
                              " combinations make no sense and are not trained: " + refused;
        }
        planned.summary =
            std::to_string(planned.rows - nonsense) + " combinations x " +
            std::to_string(results.seeds.size()) + (results.seeds.size() == 1 ? " seed = " : " seeds = ") +
            std::to_string(results.runs_all()) + " runs of " + count_text(results.steps) + " steps";
        planned.steps_all = results.steps_all;
    } catch (const InputError& error) {
        planned.problem = error.what();
    }
    planned.plan = std::move(plan);
    return planned;
}

/// What Start would do, or why it cannot; and the button.
void draw_start(const PanelContext& context, const LaneSnapshot& lane) {
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    AblationPlan plan = chosen_plan(ui, context.snapshot, lane);
    std::shared_ptr<const PlannedAblation>& kept = ui.ablation.planned;
    if (!kept || !is_same(kept->plan, plan))
        kept = std::make_shared<const PlannedAblation>(planned_now(std::move(plan)));
    const std::string& problem = kept->problem;
    std::string summary = kept->summary;
    if (lane.step_ms > 0) {
        summary += ", about " + duration_text(lane.step_ms * static_cast<double>(kept->steps_all)) +
                   " at the speed of lane " + lane.name;
    }
    ImGui::BeginDisabled(!problem.empty());
    if (ImGui::Button("Start")) start(context, lane, kept->rows);
    ImGui::EndDisabled();
    ui.probe.item("ablation/start");
    item_tooltip(theme, problem.empty()
                            ? "Trains in the background on one thread of the CPU; the run beside it goes on, "
                              "and is what it would have been without."
                            : problem);
    ui.probe.value("ablation/summary", problem.empty() ? summary : problem);
    ImGui::PushTextWrapPos(0.0f);
    coloured_text(problem.empty() ? theme.text : theme.error, (problem.empty() ? summary : problem).c_str());
    if (problem.empty() && !kept->refused.empty()) coloured_text(theme.text_dim, kept->refused.c_str());
    ImGui::PopTextWrapPos();
}

void draw_curves(const PanelContext& context, const AblationResults& results, ImVec2 size) {
    BandPlot plot;
    plot.id = "ablation/curves";
    plot.y_label = "mean training loss ± standard deviation";
    plot.scale = context.ui.loss_axis;
    plot.first_step = results.first_step;
    plot.steps = results.steps;
    plot.bucket_steps = results.bucket_steps;
    for (std::size_t index = 0; index < results.rows.size(); ++index) {
        const AblationRow& row = results.rows[index];
        if (row.runs.empty() || context.ui.ablation.hidden_rows.count(index) > 0) continue;
        plot.curves.push_back(
            {row_label_of(context.theme, results, row), row_look(context.theme, index), curve_of(row)});
    }
    context.ui.probe.value("ablation/curves", static_cast<double>(plot.curves.size()));
    draw_band_plot(plot, context.ui, context.theme, size);
}

void draw_results(const PanelContext& context) {
    const AblationResults& results = *context.snapshot.ablation;
    const Theme& theme = context.theme;
    UiState& ui = context.ui;
    if (!results.problem.empty()) {
        ImGui::PushTextWrapPos(0.0f);
        coloured_text(theme.error, (results.problem + "; start it again").c_str());
        ImGui::PopTextWrapPos();
    }
    const std::string state = results.state == AblationState::cancelled ? "cancelled; " : "";
    wrapped_dim_text(theme, (state + ablation_heading(results, base_text(results))).c_str());
    ui.probe.value("ablation/heading", ablation_heading(results, base_text(results)));
    const float room = ImGui::GetContentRegionAvail().y;
    draw_ablation_grid(theme, ui, context.snapshot.ablation, std::max(room * 0.5f, theme.px(90)));
    const ImVec2 left = ImGui::GetContentRegionAvail();
    draw_curves(context, results, ImVec2(left.x, std::max(left.y, theme.px(90))));
}

}  // namespace

void draw_ablation_panel(const PanelContext& context) {
    UiState& ui = context.ui;
    const LaneSnapshot* lane = lane_to_show(context.theme, ui, context.snapshot);
    if (!lane) return;
    const AblationResults* results = context.snapshot.ablation.get();
    ui.probe.value("ablation/state", !results ? "none" : is_going_on(results) ? "running" : "over");
    if (results) draw_toolbar(context, *results);
    if (is_going_on(results)) draw_progress(context, *results);
    if (results && ui.ablation.page == AblationView::Page::results) return draw_results(context);
    draw_lane_choice(context.theme, ui, context.snapshot, *lane, "ablation");
    wrapped_dim_text(context.theme,
                     "Which technique matters? Tick values below: every combination is trained alone under "
                     "several seeds, in the background. Everything else is as in the lane chosen above.");
    draw_ablation_form(context.theme, ui, context.snapshot, *lane);
    if (!is_going_on(results)) draw_start(context, *lane);
}

}  // namespace halfscope
