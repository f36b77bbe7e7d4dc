#include "gui/widgets/ablation_form.h"

#include <algorithm>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/preset_match.h"
#include "gui/widgets/row_label.h"

namespace halfscope {
namespace {

constexpr int kMostSeeds = 10, kMostFactors = 4;

/// A question that is often asked, in one click.
struct Suggestion {
    const char* title;
    const char* help;
    std::vector<AblationChoice> choices;
};

const std::vector<Suggestion>& suggestions() {
    static const std::vector<Suggestion> list{
        {"the paper's two",
         "Master weights on and off, with and without loss scaling: which of the paper's techniques is it?",
         {{"master_weights", {"on", "off"}, {}}, {"loss_scaling", {"off", "dynamic"}, {}}}},
        {"loss scales",
         "Static loss scales from 1 to 2^24: which are large enough, and which too large?",
         {{"loss_scaling", {"static"}, {}}, {"loss_scale", {}, "1, 8, 2^8, 2^15, 2^24"}}},
        {"formats",
         "The same network stored in FP32, FP16 and BF16.",
         {{"storage", {"fp32", "fp16", "bf16"}, {}}}},
        {"rounding updates",
         "Ways of rounding an update into weights that have no master copy.",
         {{"master_weights", {"off"}, {}}, {"update_rounding", {"nearest", "stochastic", "kahan"}, {}}}},
        {"sums",
         "Running sums of products and of reductions in FP32 or in FP16.",
         {{"accumulate", {"fp32", "fp16"}, {}}, {"reductions", {"fp32", "storage"}, {}}}},
    };
    return list;
}

const TechniqueKey& key_of(const std::string& name) {
    const std::vector<TechniqueKey>& keys = technique_keys();
    return *std::find_if(keys.begin(), keys.end(), [&](const TechniqueKey& key) { return key.name == name; });
}

bool is_varied(const AblationView& view, const std::string& key) {
    return std::any_of(view.choices.begin(), view.choices.end(),
                       [&](const AblationChoice& choice) { return choice.key == key; });
}

/// A key with something to try: all values of a choice, the lane's own number.
AblationChoice fresh_choice(const TechniqueKey& key, const LaneSnapshot& lane) {
    if (key.kind == TechniqueKey::Kind::choice) return {key.name, key.choices, {}};
    return {key.name, {}, technique_value(lane.techniques, key.name)};
}

/// "8, 2^10" as values: commas or blanks stand between them.
std::vector<std::string> typed_values(const std::string& text) {
    std::vector<std::string> values;
    std::string value;
    for (const char character : text + ",") {
        if (character != ',' && character != ' ') {
            value += character;
        } else if (!value.empty()) {
            values.push_back(value);
            value.clear();
        }
    }
    return values;
}

AblationFactor factor_of(const AblationChoice& choice) {
    const bool is_choice = key_of(choice.key).kind == TechniqueKey::Kind::choice;
    return {choice.key, is_choice ? choice.values : typed_values(choice.text)};
}

int schedule_of(const Snapshot& snapshot) {
    return static_cast<int>(schedule_steps(snapshot.scenario, snapshot.settings));
}

int chosen_steps(const UiState& ui, const Snapshot& snapshot) {
    return ui.ablation.steps > 0 ? ui.ablation.steps : schedule_of(snapshot);
}

/// A box for each value of a choice; those that are ticked are tried.
void draw_values(const Theme& theme, UiState& ui, AblationChoice& choice, const TechniqueKey& key) {
    const float right = ImGui::GetCursorScreenPos().x + ImGui::GetContentRegionAvail().x;  // of the cell
    bool is_first = true;
    for (const std::string& value : key.choices) {
        const auto found = std::find(choice.values.begin(), choice.values.end(), value);
        bool is_tried = found != choice.values.end();
        const float width = ImGui::CalcTextSize(value.c_str()).x + ImGui::GetFrameHeight() +
                            ImGui::GetStyle().ItemInnerSpacing.x + ImGui::GetStyle().ItemSpacing.x;
        if (!is_first && ImGui::GetItemRectMax().x + width < right) ImGui::SameLine();
        is_first = false;
        if (ImGui::Checkbox(value.c_str(), &is_tried)) {
            if (is_tried) {
                choice.values.push_back(value);
            } else {
                choice.values.erase(found);
            }
        }
        ui.probe.item("ablation/value/" + key.name + "/" + value);
        item_tooltip(theme, is_tried ? "Is tried; click to leave it out." : "Is not tried; click to try it.");
    }
}

/// Values that are no choice are typed, commas between them.
void draw_typed(const Theme& theme, UiState& ui, AblationChoice& choice, const TechniqueKey& key) {
    ImGui::SetNextItemWidth(-1);
    ImGui::InputText("##typed", &choice.text);
    ui.probe.item("ablation/value/" + key.name);
    std::string help = "The values to try, commas between them.";
    if (key.kind == TechniqueKey::Kind::number) {
        help += " Numbers from " + number_text(key.minimum) + " to " + number_text(key.maximum) +
                "; 2^15 can be typed.";
    }
    item_tooltip(theme, help);
}

/// Which key a line varies; the others that are not varied yet can take its place.
void draw_key(const Theme& theme, UiState& ui, AblationChoice& choice, const LaneSnapshot& lane) {
    const std::string id = "ablation/key/" + choice.key;
    ImGui::SetNextItemWidth(-1);
    const bool is_open = ImGui::BeginCombo("##key", spaced(choice.key).c_str(), ImGuiComboFlags_HeightLarge);
    ui.probe.item(id);
    item_tooltip(theme, key_of(choice.key).meaning + " (" + key_of(choice.key).source + ")");
    if (!is_open) return;
    for (const TechniqueKey& key : technique_keys()) {
        const bool is_now = key.name == choice.key;
        if (!is_now && is_varied(ui.ablation, key.name)) continue;
        if (combo_entry(spaced(key.name).c_str(), is_now) && !is_now) choice = fresh_choice(key, lane);
        ui.probe.item("ablation/key/" + key.name + "/choose");
        item_tooltip(theme, key.meaning);
    }
    ImGui::EndCombo();
}

void draw_factors(const Theme& theme, UiState& ui, const LaneSnapshot& lane) {
    std::vector<AblationChoice>& choices = ui.ablation.choices;
    std::size_t removed = choices.size();
    float keys = theme.px(120);
    for (const AblationChoice& choice : choices) {
        keys = std::max(keys, ImGui::CalcTextSize(spaced(choice.key).c_str()).x + ImGui::GetFrameHeight() +
                                  ImGui::GetStyle().FramePadding.x * 2);
    }
    constexpr ImGuiTableFlags kFlags = ImGuiTableFlags_NoSavedSettings | ImGuiTableFlags_BordersInnerH;
    if (ImGui::BeginTable("factors", 3, kFlags)) {
        ImGui::TableSetupColumn("key", ImGuiTableColumnFlags_WidthFixed, keys);
        ImGui::TableSetupColumn("values", ImGuiTableColumnFlags_WidthStretch);
        ImGui::TableSetupColumn("remove", ImGuiTableColumnFlags_WidthFixed, ImGui::GetFrameHeight());
        for (std::size_t index = 0; index < choices.size(); ++index) {
            ImGui::PushID(static_cast<int>(index));
            ImGui::TableNextRow();
            ImGui::TableNextColumn();
            draw_key(theme, ui, choices[index], lane);
            const TechniqueKey& key = key_of(choices[index].key);
            ImGui::TableNextColumn();
            ImGui::PushID(key.name.c_str());
            if (key.kind == TechniqueKey::Kind::choice) {
                draw_values(theme, ui, choices[index], key);
            } else {
                draw_typed(theme, ui, choices[index], key);
            }
            ImGui::PopID();
            ImGui::TableNextColumn();
            if (ImGui::SmallButton("x")) removed = index;
            ui.probe.item("ablation/remove/" + key.name);
            item_tooltip(theme, "Vary " + spaced(key.name) + " no more; the lane's own value is kept.");
            ImGui::PopID();
        }
        ImGui::EndTable();
    }
    if (removed < choices.size()) choices.erase(choices.begin() + static_cast<std::ptrdiff_t>(removed));
    ImGui::BeginDisabled(choices.size() >= kMostFactors);
    if (ImGui::Button("+ Vary another technique")) {
        for (const TechniqueKey& key : technique_keys()) {
            if (is_varied(ui.ablation, key.name)) continue;
            choices.push_back(fresh_choice(key, lane));
            break;
        }
    }
    ImGui::EndDisabled();
    ui.probe.item("ablation/add");
    item_tooltip(theme, "One more line; choose its technique at the left. Up to four.");
}

void draw_suggestions(const Theme& theme, UiState& ui) {
    dim_text(theme, "or ask:");
    for (const Suggestion& suggestion : suggestions()) {
        flow_to_button(suggestion.title);
        if (ImGui::SmallButton(suggestion.title)) ui.ablation.choices = suggestion.choices;
        ui.probe.item(std::string("ablation/suggest/") + suggestion.title);
        item_tooltip(theme, suggestion.help);
    }
}

void draw_extent(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane) {
    AblationView& view = ui.ablation;
    float label = 0;
    for (const char* title : {"start", "seeds", "steps"})
        label = std::max(label, row_label_need(theme, title));
    const float width = std::min(theme.px(340), ImGui::GetContentRegionAvail().x - label);
    row_label(theme, "start", theme.text,
              "From scratch: initial weights of each seed. From the present state: the lane's weights, "
              "optimizer and loss scale as they are when you press Start; only under the run's own seed, "
              "because a state belongs to its data.",
              label);
    const auto radio = [&](const char* title, AblationFrom from, const char* id) {
        if (ImGui::RadioButton(title, view.from == from)) view.from = from;
        ui.probe.item(id);
    };
    radio("from scratch", AblationFrom::scratch, "ablation/from/scratch");
    const std::string present = "from " + lane.name + "'s present state";
    flow_to(ImGui::CalcTextSize(present.c_str()).x + ImGui::GetFrameHeight() * 1.5f);
    radio(present.c_str(), AblationFrom::present_state, "ablation/from/present");
    const bool is_present = view.from == AblationFrom::present_state;
    row_label(theme, "seeds", theme.text,
              "Each combination is trained once a seed: other initial weights and batches, the same for all "
              "combinations. The spread over seeds tells chance from effect.",
              label);
    ImGui::SetNextItemWidth(width);
    int one = 1;
    ImGui::BeginDisabled(is_present);
    const std::string from = std::to_string(snapshot.settings.seed);
    const std::string format = is_present ? "the run's own: " + from : "%d, from " + from + " on";
    ImGui::SliderInt("##seeds", is_present ? &one : &view.seeds, 1, kMostSeeds, format.c_str(),
                     ImGuiSliderFlags_AlwaysClamp);
    ImGui::EndDisabled();
    ui.probe.item("ablation/seeds");
    item_tooltip(theme, is_present ? "A state goes on under the run's own seed alone."
                                   : "How many seeds: the run's own and those after it.");
    row_label(theme, "steps", theme.text,
              "Of each run. The schedule of this scenario has " + count_text(schedule_of(snapshot)) + ".",
              label);
    ImGui::SetNextItemWidth(width);
    int steps = chosen_steps(ui, snapshot);
    if (ImGui::InputInt("##steps", &steps, 50, 500))
        view.steps = std::clamp(steps, 1, static_cast<int>(kMostAblationSteps));
    ui.probe.item("ablation/steps");
    item_tooltip(theme, "Steps of each run, 1 to 1,000,000.");
}

}  // namespace

StartAblationCommand chosen_ablation(const UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane) {
    StartAblationCommand command;
    command.lane = lane.name;
    for (const AblationChoice& choice : ui.ablation.choices) command.factors.push_back(factor_of(choice));
    command.from = ui.ablation.from;
    const bool is_present = command.from == AblationFrom::present_state;
    for (int index = 0; index < (is_present ? 1 : ui.ablation.seeds); ++index)
        command.seeds.push_back(snapshot.settings.seed + static_cast<std::uint64_t>(index));
    command.steps = chosen_steps(ui, snapshot);
    return command;
}

AblationPlan chosen_plan(const UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane) {
    const StartAblationCommand command = chosen_ablation(ui, snapshot, lane);
    AblationPlan plan;
    plan.scenario = snapshot.scenario.name;
    plan.settings = snapshot.settings;
    plan.base = lane.techniques;
    plan.factors = command.factors;
    plan.seeds = command.seeds;
    plan.steps = command.steps;
    if (command.from == AblationFrom::present_state) plan.start = std::make_shared<const AblationStart>();
    return plan;
}

void draw_ablation_form(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane) {
    section_heading(theme, "VARY");
    draw_factors(theme, ui, lane);
    draw_suggestions(theme, ui);
    section_heading(theme, "TRAIN");
    draw_extent(theme, ui, snapshot, lane);
}

}  // namespace halfscope
