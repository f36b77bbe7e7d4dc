#include "gui/panels/scenario_panel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <utility>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/preset_match.h"
#include "gui/widgets/row_label.h"

namespace halfscope {
namespace {

// Seconds for which a released slider shows its own value, until the restarted run has it.
constexpr double kSettleSeconds = 1.5;

std::vector<LaneSpec> present_lanes(const Snapshot& snapshot) {
    std::vector<LaneSpec> lanes;
    for (const LaneSnapshot& lane : snapshot.lanes) lanes.push_back({lane.name, lane.techniques});
    return lanes;
}

/// The same scenario with other settings and the present lanes.
void reopen(const PanelContext& context, ScenarioSettings settings) {
    context.commands.send(OpenScenarioCommand{context.snapshot.scenario.name, std::move(settings),
                                              present_lanes(context.snapshot)});
}

double value_of(const Snapshot& snapshot, const ScenarioParameter& parameter) {
    const auto found = snapshot.settings.parameters.find(parameter.name);
    return found == snapshot.settings.parameters.end() ? parameter.default_value : found->second;
}

std::string parameter_help(const ScenarioParameter& parameter) {
    std::string text = parameter.help + "\n" + parameter.name + ": ";
    if (parameter.kind == ScenarioParameter::Kind::choice) {
        const auto first = static_cast<std::size_t>(parameter.default_value);
        for (const std::string& choice : parameter.choices) text += choice + " ";
        return first < parameter.choices.size() ? text + "(default " + parameter.choices[first] + ")" : text;
    }
    return text + number_text(parameter.minimum) + " to " + number_text(parameter.maximum) + ", default " +
           number_text(parameter.default_value, 6) + ". Ctrl+click to type.";
}

void send_parameter(const PanelContext& context, const ScenarioParameter& parameter, double value) {
    ScenarioSettings settings = context.snapshot.settings;
    settings.parameters[parameter.name] = value;
    reopen(context, std::move(settings));
}

/// Digits for a slider whose smallest value is `minimum`. ImGui takes them for the size of a logarithmic
/// slider's zero zone too: with "%.3g" everything below 1e-3 is out of reach.
int slider_digits(double minimum) {
    constexpr int kLeast = 3, kMost = 12;
    if (!(minimum > 0)) return kLeast;
    return std::clamp(static_cast<int>(std::ceil(-std::log10(minimum))) + kLeast, kLeast, kMost);
}

/// A slider of real numbers. Dragged values are rounded to three digits, so that they read well; typed ones
/// stay as they are.
bool real_slider(const char* id, const ScenarioParameter& parameter, double& value, ImGuiSliderFlags flags) {
    const std::string format = "%." + std::to_string(slider_digits(parameter.minimum)) + "g";
    if (!ImGui::SliderScalar(id, ImGuiDataType_Double, &value, &parameter.minimum, &parameter.maximum,
                             format.c_str(), flags)) {
        return false;
    }
    if (ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
        char text[40];
        std::snprintf(text, sizeof text, "%.3g", value);
        value = std::clamp(std::strtod(text, nullptr), parameter.minimum, parameter.maximum);
    }
    return true;
}

/// One slider or list. The value under the mouse is the user's, the one that runs follows when it is
/// released.
void draw_parameter(const PanelContext& context, const ScenarioParameter& parameter, float label_width) {
    ScenarioEdit& edit = context.ui.edits.scenario;
    const bool is_edited = edit.parameter == parameter.name;
    double value = is_edited ? edit.value : value_of(context.snapshot, parameter);
    row_label(context.theme, spaced(parameter.name), context.theme.text, parameter_help(parameter),
              label_width);
    ImGui::SetNextItemWidth(-1);
    const std::string id = "##" + parameter.name;
    const ImGuiSliderFlags flags =
        ImGuiSliderFlags_AlwaysClamp | (parameter.logarithmic ? ImGuiSliderFlags_Logarithmic : 0);
    bool changed = false;
    if (parameter.kind == ScenarioParameter::Kind::choice) {
        int index = static_cast<int>(value);
        std::string names;
        for (const std::string& choice : parameter.choices) names += choice + '\0';
        if (ImGui::Combo(id.c_str(), &index, names.c_str())) {
            send_parameter(context, parameter, index);
            edit = {parameter.name, static_cast<double>(index), ImGui::GetTime()};
        }
    } else if (parameter.kind == ScenarioParameter::Kind::integer) {
        int number = static_cast<int>(value);
        changed = ImGui::SliderInt(id.c_str(), &number, static_cast<int>(parameter.minimum),
                                   static_cast<int>(parameter.maximum), "%d", flags);
        value = number;
    } else {
        changed = real_slider(id.c_str(), parameter, value, flags);
    }
    if (changed) edit = {parameter.name, value, -1};
    if (ImGui::IsItemDeactivatedAfterEdit() && edit.parameter == parameter.name &&
        parameter.kind != ScenarioParameter::Kind::choice) {
        send_parameter(context, parameter, edit.value);
        edit.released_at_s = ImGui::GetTime();
    }
    context.ui.probe.item("scenario/" + parameter.name);
    context.ui.probe.value("scenario/" + parameter.name, value);
}

/// Forgets an edit that the run has taken over, or that was refused.
void settle_edit(const PanelContext& context) {
    ScenarioEdit& edit = context.ui.edits.scenario;
    if (edit.parameter.empty()) return;
    if (edit.released_at_s < 0) {
        // A slider that went away while it was held (folded column, another scenario) is never released.
        if (!ImGui::IsAnyItemActive()) edit = {};
        return;
    }
    const auto found = context.snapshot.settings.parameters.find(edit.parameter);
    const bool taken = found != context.snapshot.settings.parameters.end() && found->second == edit.value;
    if (taken || ImGui::GetTime() - edit.released_at_s > kSettleSeconds) edit = {};
}

void draw_choice(const PanelContext& context) {
    const Snapshot& snapshot = context.snapshot;
    ImGui::SetNextItemWidth(-(ImGui::CalcTextSize("(?)").x + context.theme.px(5)));
    if (ImGui::BeginCombo("##scenario", snapshot.scenario.name.c_str(), ImGuiComboFlags_HeightLarge)) {
        for (const auto& scenario : scenarios()) {
            const ScenarioInfo& info = scenario->info();
            const bool is_open = info.name == snapshot.scenario.name;
            if (combo_entry((info.name + "   " + info.title).c_str(), is_open) && !is_open) {
                ScenarioSettings settings;
                settings.seed = snapshot.settings.seed;
                context.ui.edits.scenario = {};
                context.commands.send(OpenScenarioCommand{info.name, settings, {}});
            }
            context.ui.probe.item("scenario/choice/" + info.name);
            item_tooltip(context.theme, info.description);
        }
        ImGui::EndCombo();
    }
    context.ui.probe.item("scenario/choice");
    context.ui.probe.value("scenario/choice", snapshot.scenario.name);
    const std::string help = snapshot.scenario.title + ". " + snapshot.scenario.description +
                             "\n\nValidation: " + snapshot.scenario.validation;
    help_marker(context.theme, help.c_str());
}

/// What a scenario that reads files trains on, and how to give it another.
void draw_data_source(const PanelContext& context) {
    const ScenarioInfo& scenario = context.snapshot.scenario;
    const ScenarioSettings& settings = context.snapshot.settings;
    const std::string& path = scenario.reads_text ? settings.text_path : settings.images_path;
    const std::string what = scenario.reads_text ? "text" : "pictures";
    const std::string built_in = scenario.reads_text ? "built-in grammar text" : "built-in digits";
    const std::string shown = what + ": " + (path.empty() ? built_in : path.substr(path.rfind('/') + 1));
    wrapped_dim_text(context.theme, shown.c_str());
    const std::string help =
        scenario.reads_text
            ? "Any text file, byte by byte; or drop one on the window (Ctrl O)"
            : "An IDX file, gzipped or not, or a folder with one sub-folder of PNG or JPEG files "
              "for each class; or drop it on the window (Ctrl O)";
    item_tooltip(context.theme, path.empty() ? help : path);
    context.ui.probe.value("scenario/" + what, shown);
    if (ImGui::SmallButton(("Open " + what + "...").c_str())) context.ui.dialogs.open_data = true;
    context.ui.probe.item("scenario/open_data");
    item_tooltip(context.theme, help);
    if (path.empty()) {
        wrapped_dim_text(context.theme, scenario.reads_text
                                            ? "or drop a text file on the window"
                                            : "or drop a folder or an IDX file on the window");
        return;
    }
    ImGui::SameLine();
    if (ImGui::SmallButton("Built-in")) {
        ScenarioSettings changed = settings;
        changed.text_path.clear();
        changed.images_path.clear();
        changed.labels_path.clear();
        reopen(context, std::move(changed));
    }
    context.ui.probe.item("scenario/built_in_data");
}

void draw_seed(const PanelContext& context, float label_width) {
    row_label(context.theme, "seed", context.theme.text,
              "Fixes initial weights, data and batches, so that a run can be repeated bit for bit. A whole "
              "number from 0 on; Enter restarts.",
              label_width);
    ImGui::SetNextItemWidth(-1);
    std::uint64_t seed = context.snapshot.settings.seed;
    const std::uint64_t one = 1;
    ImGui::InputScalar("##seed", ImGuiDataType_U64, &seed, &one, nullptr, "%llu");
    if (seed != context.snapshot.settings.seed &&
        (ImGui::IsItemDeactivatedAfterEdit() || !ImGui::GetIO().WantTextInput)) {
        context.commands.send(SeedCommand{seed});
    }
    context.ui.probe.item("scenario/seed");
    context.ui.probe.value("scenario/seed", std::to_string(context.snapshot.settings.seed));
}

/// A whole number of steps, applied at once: a cadence restarts nothing.
void draw_cadence(const PanelContext& context, const char* label, const char* help, int now,
                  float label_width, const std::function<void(int)>& apply) {
    row_label(context.theme, label, context.theme.text, help, label_width);
    ImGui::SetNextItemWidth(-1);
    int value = now;
    const std::string id = std::string("##") + label;
    if (ImGui::SliderInt(id.c_str(), &value, 0, 200, value == 0 ? "%d (never)" : "%d steps",
                         ImGuiSliderFlags_AlwaysClamp) &&
        value != now) {
        apply(value);
    }
    context.ui.probe.item(std::string("measuring/") + label);
    context.ui.probe.value(std::string("measuring/") + label, static_cast<double>(now));
}

/// Buttons for the pause after each step.
void draw_slow_motion(const PanelContext& context, float label_width) {
    row_label(context.theme, "slow motion", context.theme.text,
              "Waits so long after each step, to watch them one by one: off, 0.1 or 0.5 seconds.",
              label_width);
    const float start = ImGui::GetCursorPosX(), spacing = context.theme.px(3);
    const double chosen_ms = context.snapshot.step_delay_ms;
    constexpr std::pair<const char*, double> kDelays[] = {{"off", 0}, {"0.1 s", 100}, {"0.5 s", 500}};
    const float right = start + ImGui::GetContentRegionAvail().x;
    for (const auto& [label, delay_ms] : kDelays) {
        const float width = ImGui::CalcTextSize(label).x + 2 * ImGui::GetStyle().FramePadding.x;
        if (delay_ms > 0) {
            // Wraps under the first button where the panel is too narrow for all three.
            ImGui::SameLine(0, spacing);
            if (ImGui::GetCursorPosX() + width > right) {
                ImGui::NewLine();
                ImGui::SetCursorPosX(start);
            }
        }
        const ToggleLook look = chosen_ms == delay_ms ? ToggleLook::on : ToggleLook::off;
        if (toggle_button(context.theme, label, look)) context.commands.send(SetStepDelayCommand{delay_ms});
        context.ui.probe.item(std::string("measuring/delay/") + label);
    }
    context.ui.probe.value("measuring/delay", chosen_ms);
}

void draw_measuring(const PanelContext& context, float label_width) {
    if (!ImGui::TreeNodeEx("Measuring", ImGuiTreeNodeFlags_NoTreePushOnOpen)) {
        context.ui.probe.item("measuring");
        return;
    }
    context.ui.probe.item("measuring");
    const Snapshot& snapshot = context.snapshot;
    draw_cadence(
        context, "probe each",
        "Counts every tensor at each so many steps, and at least 4 times a second. Measuring never changes "
        "training; the status bar says what it costs.",
        snapshot.probe_every, label_width, [&](int every) {
            context.commands.send(SetCadenceCommand{every, snapshot.shadow_every});
        });
    draw_cadence(
        context, "shadow each",
        "FP32 gradients at the lane's own weights on the same batch: the true ones that the stored ones are "
        "compared with. Costs about one FP32 step.",
        snapshot.shadow_every, label_width, [&](int every) {
            context.commands.send(SetCadenceCommand{snapshot.probe_every, every});
        });
    draw_slow_motion(context, label_width);
}

}  // namespace

void draw_scenario_panel(const PanelContext& context) {
    const Snapshot& snapshot = context.snapshot;
    if (snapshot.scenario.name.empty()) {
        empty_state(context.theme, "Loading the scenario...");
        return;
    }
    draw_choice(context);
    wrapped_dim_text(context.theme, snapshot.scenario.title.c_str());
    float need = 0;
    for (const char* label : {"slow motion", "shadow each"}) {
        need = std::max(need, row_label_need(context.theme, label));
    }
    for (const ScenarioParameter& parameter : snapshot.scenario.parameters) {
        need = std::max(need, row_label_need(context.theme, spaced(parameter.name)));
    }
    const float label_width = std::min(need, ImGui::GetContentRegionAvail().x * 0.5f);
    if (snapshot.scenario.reads_text || snapshot.scenario.reads_images) draw_data_source(context);
    for (const ScenarioParameter& parameter : snapshot.scenario.parameters) {
        draw_parameter(context, parameter, label_width);
    }
    draw_seed(context, label_width);
    if (ImGui::SmallButton("Defaults")) {
        ScenarioSettings settings;
        settings.seed = snapshot.settings.seed;
        settings.text_path = snapshot.settings.text_path;
        settings.images_path = snapshot.settings.images_path;
        settings.labels_path = snapshot.settings.labels_path;
        reopen(context, std::move(settings));
    }
    context.ui.probe.item("scenario/defaults");
    item_tooltip(context.theme, "every slider back to this scenario's own value; the seed stays");
    wrapped_dim_text(context.theme, "a change restarts from step 0, with the same lanes");
    draw_measuring(context, label_width);
    // Last, because a typed value that is left by a click elsewhere is sent while its slider is drawn, when
    // no item is active any more.
    settle_edit(context);
}

}  // namespace halfscope
