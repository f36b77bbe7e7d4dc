#include "gui/panels/techniques_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <span>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/kept_nodes.h"
#include "gui/widgets/preset_match.h"
#include "gui/widgets/row_label.h"

namespace halfscope {
namespace {

constexpr double kLeastGlowSeconds = 0.5;  // a fast run is done with the first step at once

struct KeyGroup {
    const char* title;
    std::span<const char* const> keys;
};
constexpr std::array<const char*, 4> kWeightKeys{"storage", "master_weights", "update_rounding",
                                                 "accumulate"};
constexpr std::array<const char*, 4> kScaleKeys{"loss_scaling", "loss_scale", "on_nonfinite", "scaler"};
constexpr std::array<const char*, 7> kDynamicKeys{
    "growth_factor", "backoff_factor", "growth_interval", "min_scale", "max_scale", "hysteresis", "at_floor"};
constexpr std::array<const char*, 7> kArithmeticKeys{
    "op_policy",    "keep_fp32",  "reductions",    "gradient_accumulation",
    "matmul_input", "subnormals", "loss_reduction"};
// What is switched most stands first; keys of no group come last, so that none is ever missing.
constexpr std::array<KeyGroup, 4> kGroups{{{"FORMATS AND WEIGHTS", kWeightKeys},
                                           {"LOSS SCALING", kScaleKeys},
                                           {"DYNAMIC SCALING", kDynamicKeys},
                                           {"ARITHMETIC", kArithmeticKeys}}};
constexpr const char* kPresetKey = "preset";  // stands for all keys where a change was sent
constexpr const char* kRestTitle = "OPTIMIZER, CLIPPING, NORMS";

bool has_group(const std::string& key) {
    return std::any_of(kGroups.begin(), kGroups.end(), [&key](const KeyGroup& group) {
        return std::find(group.keys.begin(), group.keys.end(), key) != group.keys.end();
    });
}

/// Null where this version has no such key.
const TechniqueKey* find_key(std::string_view name) {
    for (const TechniqueKey& key : technique_keys()) {
        if (key.name == name) return &key;
    }
    return nullptr;
}

/// Everything a row needs.
struct Row {
    const PanelContext& context;
    const LaneSnapshot& lane;
    const TechniqueKey& key;
    std::string value;
    const Preset& preset;  ///< the lane's nearest
    bool is_changed;       ///< against it
};

/// Why this value would be refused for the lane as it is; empty where it would not.
std::string why_refused(const Techniques& now, const std::string& key, const std::string& value) {
    Techniques changed = now;
    const std::string sentence = set_technique(changed, key, value);
    return sentence.empty() ? refusal(changed) : sentence;
}

/// What makes a key change nothing for now; empty where it has an effect.
std::string idle_because(const Techniques& techniques, const std::string& key) {
    const bool is_fp32 = techniques.storage == Format::fp32;
    const bool is_dynamic = techniques.scaler.scaling == LossScaling::dynamic;
    if (std::find(kDynamicKeys.begin(), kDynamicKeys.end(), key) != kDynamicKeys.end()) {
        return is_dynamic ? "" : "loss scaling is not dynamic";
    }
    if (key == "loss_scale" && techniques.scaler.scaling == LossScaling::off) return "loss scaling is off";
    if (key == "master_weights" && is_fp32) return "FP32 weights need no master copy";
    if (key == "update_rounding" && is_fp32) return "weights are FP32";
    if (key == "update_rounding" && techniques.has_master()) return "the master copy takes the updates";
    if (key == "clip_order" && techniques.clip_norm == 0.0f) return "clip norm is none";
    if (key == "matmul_input" && !is_fp32) return "storage is not fp32";
    if (key == "keep_fp32" && is_fp32) return "storage is fp32";
    return {};
}

/// The control of `key` glows from now until the first step under it is done.
void mark_sent(const PanelContext& context, const LaneSnapshot& lane, const std::string& key) {
    context.ui.edits.sent_technique = {lane.id, key, context.snapshot.next_step, ImGui::GetTime()};
}

void send(const Row& row, const std::string& value) {
    row.context.commands.send(SetTechniqueCommand{row.lane.name, row.key.name, value});
    mark_sent(row.context, row.lane, row.key.name);
}

bool waits_for_step(const PanelContext& context, const LaneSnapshot& lane) {
    const SentTechnique& sent = context.ui.edits.sent_technique;
    const std::int64_t done = context.snapshot.next_step;
    // Fewer steps done than when it was sent: the run began anew, and began with the change.
    return sent.lane_id == lane.id && done >= sent.step && done <= std::max(sent.step, lane.techniques_step);
}

bool glows(const PanelContext& context, const LaneSnapshot& lane, const std::string& key) {
    const SentTechnique& sent = context.ui.edits.sent_technique;
    if (sent.lane_id != lane.id || sent.key != key) return false;
    return waits_for_step(context, lane) || ImGui::GetTime() - sent.at_s < kLeastGlowSeconds;
}

void draw_checkbox(const Row& row) {
    bool is_on = row.value == "on";
    const std::string refused = why_refused(row.lane.techniques, row.key.name, is_on ? "off" : "on");
    ImGui::BeginDisabled(!refused.empty());
    const bool clicked = ImGui::Checkbox("##value", &is_on);
    ImGui::EndDisabled();
    row.context.ui.probe.item("techniques/" + row.key.name);
    item_tooltip(row.context.theme, refused);
    if (clicked) send(row, is_on ? "on" : "off");
    ImGui::SameLine();
    dim_text(row.context.theme, row.value.c_str());
}

void draw_choice(const Row& row) {
    ImGui::SetNextItemWidth(-1);
    const bool is_open = ImGui::BeginCombo("##value", row.value.c_str());
    row.context.ui.probe.item("techniques/" + row.key.name);
    if (!is_open) return;
    for (const std::string& choice : row.key.choices) {
        const bool is_now = choice == row.value;
        const std::string refused = is_now ? "" : why_refused(row.lane.techniques, row.key.name, choice);
        if (combo_entry(choice.c_str(), is_now, refused.empty() ? 0 : ImGuiSelectableFlags_Disabled) &&
            !is_now) {
            send(row, choice);
        }
        row.context.ui.probe.item("techniques/" + row.key.name + "/" + choice);
        item_tooltip(row.context.theme, refused);
    }
    ImGui::EndCombo();
}

/// Nodes and whole operations as check boxes.
void draw_nodes(const Row& row) {
    const auto& shared = row.context.snapshot.outline;
    if (!shared) return;
    const std::vector<OutlineNode>& outline = *shared;
    const Techniques& techniques = row.lane.techniques;
    const std::size_t count = kept_count(techniques, outline);
    const std::string label =
        count == 0 ? "none" : std::to_string(count) + " of " + std::to_string(outline.size()) + " nodes";
    const std::string refused =
        techniques.storage == Format::fp32 ? why_refused(techniques, row.key.name, outline[0].name) : "";
    ImGui::SetNextItemWidth(-1);
    const bool is_open = ImGui::BeginCombo("##value", label.c_str(), ImGuiComboFlags_HeightLarge);
    row.context.ui.probe.item("techniques/" + row.key.name);
    item_tooltip(row.context.theme, refused);
    if (!is_open) return;
    const std::string prefix = "techniques/" + row.key.name + "/";
    if (combo_entry("none", count == 0) && count > 0) send(row, "none");
    row.context.ui.probe.item(prefix + "none");
    ImGui::BeginDisabled(!refused.empty());
    ImGui::PushStyleColor(ImGuiCol_FrameBg,
                          row.context.theme.plot_background);  // the key may glow, these not
    for (const std::string& op : ops_of(outline)) {
        bool is_kept = is_op_kept(techniques, outline, op);
        if (ImGui::Checkbox(("every " + op).c_str(), &is_kept))
            send(row, value_with_op(techniques, outline, op, is_kept ? Keep::yes : Keep::no));
        row.context.ui.probe.item(std::string(prefix).append(kOpPrefix).append(op));
    }
    ImGui::Separator();
    for (const OutlineNode& node : outline) {
        bool is_kept = is_node_kept(techniques, node);
        if (ImGui::Checkbox(node.name.c_str(), &is_kept))
            send(row, value_with_node(techniques, outline, node, is_kept ? Keep::yes : Keep::no));
        row.context.ui.probe.item(prefix + node.name);
    }
    ImGui::PopStyleColor();
    ImGui::EndDisabled();
    ImGui::EndCombo();
}

/// "32768" as "2^15" where it is a power of two beyond the small ones that read well.
std::string number_shown(const std::string& value) {
    constexpr double kReadsWell = 1024;
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    int exponent = 0;
    if (end == value.c_str() || *end != '\0' || std::frexp(number, &exponent) != 0.5) return value;
    if (number >= 0.125 && number <= kReadsWell) return value;
    return "2^" + std::to_string(exponent - 1);
}

void draw_scale_buttons(const Row& row) {
    const bool is_off = row.lane.techniques.scaler.scaling == LossScaling::off;
    ImGui::BeginDisabled(is_off);
    const auto multiply = [&row](double factor) {
        row.context.commands.send(MultiplyLossScaleCommand{row.lane.name, factor});
        mark_sent(row.context, row.lane, row.key.name);
    };
    if (ImGui::SmallButton("/2")) multiply(0.5);
    row.context.ui.probe.item("techniques/loss_scale/halve");
    item_tooltip(row.context.theme, "halve the present scale ( [ )");
    ImGui::SameLine(0, row.context.theme.px(3));
    if (ImGui::SmallButton("x2")) multiply(2.0);
    row.context.ui.probe.item("techniques/loss_scale/double");
    item_tooltip(row.context.theme, "double the present scale ( ] )");
    ImGui::EndDisabled();
}

/// A number as text, applied with Enter or when it is left; what is wrong with it stands below it.
void draw_number(const Row& row) {
    TechniqueEdit& edit = row.context.ui.edits.technique;
    const bool is_edited = edit.lane_id == row.lane.id && edit.key == row.key.name;
    std::string text = is_edited ? edit.text : number_shown(row.value);
    const bool has_buttons = row.key.name == "loss_scale";
    const float buttons = has_buttons ? ImGui::CalcTextSize("/2x2").x + row.context.theme.px(34) : 0.0f;
    ImGui::SetNextItemWidth(has_buttons ? -buttons : -1.0f);
    const bool entered = ImGui::InputText(
        "##value", &text, ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
    row.context.ui.probe.item("techniques/" + row.key.name);
    const bool is_left = ImGui::IsItemDeactivated();
    const bool is_left_unchanged = is_left && !entered && !ImGui::IsItemDeactivatedAfterEdit();
    if (ImGui::IsItemActive() && (is_edited || text != number_shown(row.value)))
        edit = {row.lane.id, row.key.name, text, {}};
    const bool is_done = entered || (is_left && is_edited);
    if (is_done && !is_left_unchanged && text != number_shown(row.value)) {
        const std::string refused = why_refused(row.lane.techniques, row.key.name, text);
        if (refused.empty()) send(row, text);
        edit = refused.empty() ? TechniqueEdit{} : TechniqueEdit{row.lane.id, row.key.name, text, refused};
    } else if (is_left && is_edited) {
        edit = {};  // also the way out of a refused value: click it and leave it
    }
    if (has_buttons) {
        ImGui::SameLine(0, row.context.theme.px(4));
        draw_scale_buttons(row);
    }
    // The key is what scaling starts with; the present S moves on its own.
    if (has_buttons && row.lane.techniques.scaler.scaling == LossScaling::dynamic) {
        dim_text(row.context.theme, ("now " + scale_label(row.context.theme, row.lane.loss_scale)).c_str());
    }
    if (edit.lane_id == row.lane.id && edit.key == row.key.name && !edit.refusal.empty()) {
        ImGui::PushTextWrapPos(0.0f);
        coloured_text(row.context.theme.error, edit.refusal.c_str());
        ImGui::PopTextWrapPos();
        row.context.ui.probe.value("techniques/refusal", edit.refusal);
    }
}

std::string help_of(const Row& row, const std::string& idle) {
    const TechniqueKey& key = row.key;
    std::string text = key.meaning + "\n" + key.name + ": ";
    if (key.kind == TechniqueKey::Kind::nodes) {
        text += row.value;
    } else if (key.kind == TechniqueKey::Kind::choice) {
        for (std::size_t index = 0; index < key.choices.size(); ++index) {
            text += (index == 0 ? "" : ", ") + key.choices[index];
        }
    } else {
        text += number_text(key.minimum) + " to " + number_text(key.maximum);
        if (!key.choices.empty()) text += ", or none";
        text += "; 2^15 can be typed";
    }
    text += "\nSource: " + key.source;
    if (key.name == "master_weights") text += "\nSwitched on, it starts from the present rounded weights.";
    if (!idle.empty()) text += "\nWithout effect now: " + idle + ".";
    if (row.is_changed) {
        text +=
            "\nPreset " + row.preset.name + " has " + technique_value(row.preset.techniques, key.name) + ".";
    }
    return text;
}

/// The dot before a value that is not the nearest preset's, and what that one has.
void draw_changed_dot(const Row& row) {
    const Theme& theme = row.context.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ImGui::GetFrameHeight();
    const ImVec2 min(at.x - theme.px(8), at.y);
    ImGui::GetWindowDrawList()->AddCircleFilled(ImVec2(at.x - theme.px(4), at.y + height * 0.5f),
                                                theme.px(2.2f), theme.accent);
    if (!ImGui::IsWindowHovered() || !ImGui::IsMouseHoveringRect(min, ImVec2(at.x, at.y + height))) return;
    begin_tooltip(theme);
    const std::string has = technique_value(row.preset.techniques, row.key.name);
    ImGui::TextUnformatted(("preset " + row.preset.name + " has " + has).c_str());
    end_tooltip();
}

void draw_row(const Row& row, float label_width) {
    const Theme& theme = row.context.theme;
    const std::string idle_reason = idle_because(row.lane.techniques, row.key.name);
    const bool idle = !idle_reason.empty();
    const bool glow = glows(row.context, row.lane, row.key.name);
    ImGui::PushID(row.key.name.c_str());
    if (row.is_changed) draw_changed_dot(row);
    row_label(theme, spaced(row.key.name),
              glow   ? theme.glow
              : idle ? theme.text_dim
                     : theme.text,
              help_of(row, idle_reason), label_width);
    ImGui::BeginGroup();
    if (glow) ImGui::PushStyleColor(ImGuiCol_FrameBg, with_opacity(theme.glow, 0.35f));
    if (idle) ImGui::PushStyleVar(ImGuiStyleVar_Alpha, ImGui::GetStyle().Alpha * 0.6f);
    const bool is_switch = row.key.choices == std::vector<std::string>{"on", "off"};
    if (row.key.kind == TechniqueKey::Kind::number) {
        draw_number(row);
    } else if (row.key.kind == TechniqueKey::Kind::nodes) {
        draw_nodes(row);
    } else if (is_switch) {
        draw_checkbox(row);
    } else {
        draw_choice(row);
    }
    if (idle) ImGui::PopStyleVar();
    if (glow) ImGui::PopStyleColor();
    ImGui::EndGroup();
    row.context.ui.probe.value("techniques/" + row.key.name, row.value);
    ImGui::PopID();
}

void draw_presets(const PanelContext& context, const LaneSnapshot& lane, const PresetMatch& match,
                  float label_width) {
    const bool glow = glows(context, lane, kPresetKey);
    row_label(context.theme, "preset", glow ? context.theme.glow : context.theme.text,
              "One setting of all techniques. A dot marks what differs from the nearest preset. A change "
              "takes effect at the next step.",
              label_width);
    // Its key is short and its values are long: "fp16-scaled, 12 changed" in full.
    const float needed = ImGui::CalcTextSize("fp16-scaled, 12 changed").x + 2 * ImGui::GetFrameHeight();
    const float missing = std::max(0.0f, needed - ImGui::GetContentRegionAvail().x);
    ImGui::SetCursorPosX(ImGui::GetCursorPosX() - std::min(missing, 0.4f * label_width));
    ImGui::SetNextItemWidth(-1);
    if (glow) ImGui::PushStyleColor(ImGuiCol_FrameBg, with_opacity(context.theme.glow, 0.35f));
    const bool is_open = ImGui::BeginCombo("##preset", match.label().c_str(), ImGuiComboFlags_HeightLarge);
    if (glow) ImGui::PopStyleColor();
    context.ui.probe.item("techniques/preset");
    context.ui.probe.value("techniques/preset", match.label());
    if (!is_open) return;
    for (const Preset& preset : presets()) {
        const bool is_now = match.is_exact() && match.preset == &preset;
        if (combo_entry(preset.name.c_str(), is_now) && !is_now) {
            context.commands.send(SetPresetCommand{lane.name, preset.name});
            mark_sent(context, lane, kPresetKey);
        }
        context.ui.probe.item("techniques/preset/" + preset.name);
        item_tooltip(context.theme, preset.description);
    }
    ImGui::EndCombo();
}

/// Says in words what the glow says in colour.
void draw_when(const PanelContext& context, const LaneSnapshot& lane) {
    const bool waits = waits_for_step(context, lane);
    const char* text =
        waits ? "changed: effective at the next step" : "a change is effective at the next step";
    ImGui::PushTextWrapPos(0.0f);
    coloured_text(waits ? context.theme.glow : context.theme.text_dim, text);
    ImGui::PopTextWrapPos();
    context.ui.probe.value("techniques/when", waits ? "waiting" : "done");
}

/// Wide enough for the longest key; less where the controls would have too little room.
float common_label_width(const Theme& theme) {
    constexpr float kMostShare = 0.58f;
    float need = 0;
    for (const TechniqueKey& key : technique_keys()) {
        need = std::max(need, row_label_need(theme, spaced(key.name)));
    }
    return std::min(need, ImGui::GetContentRegionAvail().x * kMostShare);
}

}  // namespace

void draw_techniques_panel(const PanelContext& context) {
    const LaneSnapshot* lane = selected_lane(context.snapshot, context.ui);
    if (!lane) {
        empty_state(context.theme, "No lane yet.");
        return;
    }
    dim_text(context.theme, "of lane");
    ImGui::SameLine();
    lane_chip(context.theme, lane->id);
    ImGui::SameLine();
    ImGui::TextUnformatted(lane->name.c_str());
    context.ui.probe.value("techniques/lane", lane->name);
    ImGui::PushID(lane->id);  // a field that is being typed into belongs to this lane
    ImGui::Indent(context.theme.px(6));
    const float label_width = common_label_width(context.theme);
    const PresetMatch match = nearest_preset(lane->techniques);
    draw_when(context, *lane);
    draw_presets(context, *lane, match, label_width);
    const auto draw_key = [&](const TechniqueKey& key) {
        const bool is_changed =
            std::find(match.different.begin(), match.different.end(), key.name) != match.different.end();
        draw_row(
            {context, *lane, key, technique_value(lane->techniques, key.name), *match.preset, is_changed},
            label_width);
    };
    for (const KeyGroup& group : kGroups) {
        section_heading(context.theme, group.title);
        for (const char* name : group.keys) {
            if (const TechniqueKey* key = find_key(name)) draw_key(*key);
        }
    }
    section_heading(context.theme, kRestTitle);
    for (const TechniqueKey& key : technique_keys()) {
        if (!has_group(key.name)) draw_key(key);
    }
    ImGui::Unindent(context.theme.px(6));
    ImGui::PopID();
}

}  // namespace halfscope
