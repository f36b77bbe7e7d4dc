#include "gui/panels/alerts_panel.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

struct KindWords {
    const char *name, *help;
};

KindWords words_of(AlertKind kind) {
    switch (kind) {
        case AlertKind::nan:
            return {"NaN", "The loss or the norm of all gradients is NaN. Looked at after every step."};
        case AlertKind::inf:
            return {"infinity",
                    "The loss or the norm of all gradients is infinite: what a loss scale that is too large "
                    "does. Looked at after every step."};
        case AlertKind::flushed:
            return {"flushed",
                    "The share of a gradient's non-zero elements that the lane's own format flushed to zero, "
                    "of the tensor where it is largest. Looked at where a probe was taken: by the cadence of "
                    "the probes, and about 4 times a second."};
        case AlertKind::swallowed:
            return {"swallowed",
                    "The share of a parameter's updates that were too small to move their weights, of the "
                    "parameter where it is largest. Looked at where a probe was taken."};
        case AlertKind::scale_floor:
            return {"scale at floor",
                    "A dynamic loss scale that has come down to this power of two, or to its scaler's own "
                    "floor (min scale). Looked at after every step."};
        case AlertKind::lanes_apart:
            break;
    }
    return {
        "lanes apart",
        "By how much the training losses of two lanes differ at a step, of the larger of the two; with a "
        "lane chosen, that one against the others. Losses that are not finite are not compared. Looked at "
        "after every step."};
}

KindWords words_of(AlertAction action) {
    switch (action) {
        case AlertAction::mark:
            return {"mark", "a mark in every time plot, and a line below"};
        case AlertAction::notify:
            return {"notify", "a mark, and a message"};
        case AlertAction::pause:
            break;
    }
    return {"pause", "a mark, a message, and a pause before the next step"};
}

/// Widths of a row's controls, so that all rows align.
struct Columns {
    float kind, threshold, lane, action;
    bool is_folded;  ///< two lines a rule: in a narrow window with large text
};

Columns choose_columns(const Theme& theme) {
    const float arrow = ImGui::GetFrameHeight() + 2 * ImGui::GetStyle().FramePadding.x;
    const auto combo = [&](const char* longest) { return ImGui::CalcTextSize(longest).x + arrow; };
    const float gap = ImGui::GetStyle().ItemSpacing.x, square = ImGui::GetFrameHeight();
    const float first = square + combo("scale at floor") + 2 * gap;
    const float second = combo("all lanes") + combo("notify") + square + 3 * gap;
    const float room = ImGui::GetContentRegionAvail().x, least = theme.px(84), most = theme.px(170);
    const bool is_folded = room < first + least + second;
    const float rest = room - first - (is_folded ? 0.0f : second);
    return {combo("scale at floor"), std::clamp(rest, least, most), combo("all lanes"), combo("notify"),
            is_folded};
}

std::string rule_id(std::size_t index, const char* part) {
    return "alerts/rule/" + std::to_string(index) + "/" + part;
}

/// A rule under change: each control says whether the session is to know.
struct RuleRow {
    const PanelContext& context;
    std::size_t index;
    AlertRule& rule;
};

bool draw_kind(const RuleRow& row, float width) {
    bool changed = false;
    ImGui::SetNextItemWidth(width);
    const bool is_open = ImGui::BeginCombo("##kind", words_of(row.rule.kind).name);
    row.context.ui.probe.item(rule_id(row.index, "kind"));
    if (!is_open) item_tooltip(row.context.theme, words_of(row.rule.kind).help);
    if (!is_open) return false;
    for (int index = 0; index < kAlertKindCount; ++index) {
        const auto kind = static_cast<AlertKind>(index);
        if (combo_entry(words_of(kind).name, kind == row.rule.kind) && kind != row.rule.kind) {
            row.rule.kind = kind;
            const std::optional<AlertThreshold> threshold = alert_threshold(kind);
            row.rule.threshold = threshold ? threshold->initial : 0;
            changed = true;
        }
        row.context.ui.probe.item(rule_id(row.index, "kind/") + alert_kind_key(kind));
        item_tooltip(row.context.theme, words_of(kind).help);
    }
    ImGui::EndCombo();
    return changed;
}

bool draw_threshold(const RuleRow& row, float width) {
    const Theme& theme = row.context.theme;
    const std::optional<AlertThreshold> range = alert_threshold(row.rule.kind);
    if (!range) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        ImGui::Dummy(ImVec2(width, ImGui::GetFrameHeight()));
        ImGui::GetWindowDrawList()->AddText(ImVec2(at.x, at.y + ImGui::GetStyle().FramePadding.y),
                                            theme.text_dim, "any value");
        return false;
    }
    const bool is_power = row.rule.kind == AlertKind::scale_floor;
    auto value = static_cast<float>(row.rule.threshold);
    const std::string format =
        is_power ? "at most " + scale_label(theme, std::exp2(std::round(value))) : "above %.0f%%";
    ImGui::SetNextItemWidth(width);
    if (ImGui::SliderFloat("##threshold", &value, static_cast<float>(range->lowest),
                           static_cast<float>(range->highest), format.c_str(), ImGuiSliderFlags_AlwaysClamp))
        row.rule.threshold = std::round(static_cast<double>(value));
    const bool is_done = ImGui::IsItemDeactivatedAfterEdit();
    row.context.ui.probe.item(rule_id(row.index, "threshold"));
    row.context.ui.probe.value(rule_id(row.index, "threshold"), row.rule.threshold);
    item_tooltip(theme, is_power
                            ? "the loss scale S at which it fires; drag, or Ctrl and a click to type its "
                              "log2"
                            : "it fires above this percentage, and is armed again at nine tenths of it; "
                              "drag, or Ctrl and a click to type");
    return is_done;
}

bool draw_lane_combo(const RuleRow& row, float width) {
    const auto label_of = [&](std::optional<int> id) -> std::string {
        if (!id) return "all lanes";
        for (const LaneSnapshot& lane : row.context.snapshot.lanes)
            if (lane.id == *id) return std::string(1, row.context.theme.lane(*id).letter) + " " + lane.name;
        return std::string(1, row.context.theme.lane(*id).letter) + " (none)";
    };
    bool changed = false;
    ImGui::SetNextItemWidth(width);
    const bool is_open = ImGui::BeginCombo("##lane", label_of(row.rule.lane_id).c_str());
    row.context.ui.probe.item(rule_id(row.index, "lane"));
    if (!is_open) {
        item_tooltip(row.context.theme, ("which lane it watches: " + label_of(row.rule.lane_id)).c_str());
        return false;
    }
    const auto choice = [&](std::optional<int> id) {
        if (combo_entry(label_of(id).c_str(), id == row.rule.lane_id) && id != row.rule.lane_id) {
            row.rule.lane_id = id;
            changed = true;
        }
        row.context.ui.probe.item(rule_id(row.index, "lane/") + (id ? std::to_string(*id) : "all"));
    };
    choice(std::nullopt);
    for (const LaneSnapshot& lane : row.context.snapshot.lanes) choice(lane.id);
    ImGui::EndCombo();
    return changed;
}

bool draw_action(const RuleRow& row, float width) {
    bool changed = false;
    ImGui::SetNextItemWidth(width);
    const bool is_open = ImGui::BeginCombo("##action", words_of(row.rule.action).name);
    row.context.ui.probe.item(rule_id(row.index, "action"));
    if (!is_open) {
        item_tooltip(row.context.theme, std::string("what happens: ") + words_of(row.rule.action).help);
        return false;
    }
    for (int index = 0; index < kAlertActionCount; ++index) {
        const auto action = static_cast<AlertAction>(index);
        if (combo_entry(words_of(action).name, action == row.rule.action)) {
            changed = changed || action != row.rule.action;
            row.rule.action = action;
        }
        row.context.ui.probe.item(rule_id(row.index, "action/") + alert_action_key(action));
        item_tooltip(row.context.theme, words_of(action).help);
    }
    ImGui::EndCombo();
    return changed;
}

enum class RowAnswer : std::uint8_t { nothing, changed, removed };

RowAnswer draw_rule(const RuleRow& row, const Columns& columns) {
    const Theme& theme = row.context.theme;
    ImGui::PushID(static_cast<int>(row.index));
    bool changed = ImGui::Checkbox("##on", &row.rule.is_on);
    row.context.ui.probe.item(rule_id(row.index, "on"));
    item_tooltip(theme, row.rule.is_on ? "this rule watches; click to switch it off"
                                       : "this rule is off; click to let it watch");
    ImGui::SameLine();
    changed |= draw_kind(row, columns.kind);
    ImGui::SameLine();
    changed |= draw_threshold(row, columns.threshold);
    if (!columns.is_folded) ImGui::SameLine();
    if (columns.is_folded) ImGui::Indent(ImGui::GetFrameHeight() + ImGui::GetStyle().ItemSpacing.x);
    changed |= draw_lane_combo(row, columns.lane);
    ImGui::SameLine();
    changed |= draw_action(row, columns.action);
    ImGui::SameLine();
    const bool removed = ImGui::Button("x", ImVec2(ImGui::GetFrameHeight(), 0));
    row.context.ui.probe.item(rule_id(row.index, "remove"));
    item_tooltip(theme, "remove this rule");
    if (columns.is_folded) ImGui::Unindent(ImGui::GetFrameHeight() + ImGui::GetStyle().ItemSpacing.x);
    ImGui::PopID();
    return removed ? RowAnswer::removed : changed ? RowAnswer::changed : RowAnswer::nothing;
}

void draw_rules(const PanelContext& context) {
    std::vector<AlertRule>& rules = context.ui.alert_rules;
    const Columns columns = choose_columns(context.theme);
    bool changed = false;
    std::optional<std::size_t> removed;
    for (std::size_t index = 0; index < rules.size(); ++index) {
        const RowAnswer answer = draw_rule({context, index, rules[index]}, columns);
        changed = changed || answer != RowAnswer::nothing;
        if (answer == RowAnswer::removed) removed = index;
    }
    if (removed) rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(*removed));
    ImGui::BeginDisabled(rules.size() >= kMaximumAlertRules);
    if (ImGui::Button("+ Add rule")) {
        rules.push_back({AlertKind::flushed, alert_threshold(AlertKind::flushed)->initial});
        changed = true;
    }
    ImGui::EndDisabled();
    context.ui.probe.item("alerts/add");
    item_tooltip(context.theme,
                 rules.size() < kMaximumAlertRules
                     ? "another rule: of the same kind with another threshold, say, that pauses"
                     : "there are as many rules as there can be; remove one first");
    if (changed) context.commands.send(SetAlertRulesCommand{rules});
}

/// Where what it is about is shown: its tensor among the gradients, its step among the overflows.
void show_subject(const PanelContext& context, const Alert& alert) {
    UiState& ui = context.ui;
    ui.selected_lane = alert.lane_id;
    if (!alert.tensor.empty()) {
        ui.selected_tensor = alert.tensor;
        ui.probe_kind = alert.probe_kind;
        show_tab(ui.layout, Slot::gradients);
    } else if (alert.kind == AlertKind::nan || alert.kind == AlertKind::inf) {
        show_tab(ui.layout, Slot::overflow);
    }
}

const char* subject_help(const Alert& alert) {
    if (!alert.tensor.empty()) return "Click: select its lane and tensor, and show it among the gradients.";
    if (alert.kind == AlertKind::nan || alert.kind == AlertKind::inf)
        return "Click: select its lane, and show where its steps can be examined.";
    return "Click: select its lane.";
}

void draw_fired(const PanelContext& context, const Alert& alert, int index, float step_width) {
    const Theme& theme = context.theme;
    const std::string id = "alerts/fired/" + std::to_string(index);
    ImGui::PushID(index);
    if (ImGui::Button(("step " + count_text(alert.step)).c_str(), ImVec2(step_width, 0)))
        context.commands.send(GoToStepCommand{alert.step + 1});
    context.ui.probe.item(id + "/go");
    item_tooltip(theme, "go to the end of this step, and pause there");
    ImGui::SameLine();
    const float height = ImGui::GetFrameHeight();
    if (ImGui::Selectable("##subject", false, 0, ImVec2(0, height))) show_subject(context, alert);
    ImGui::PopID();
    context.ui.probe.item(id);
    const std::string text = alert.lane + ": " + alert.sentence;
    context.ui.probe.value(id, text);
    context.ui.probe.value(id + "/step", static_cast<double>(alert.step));
    if (ImGui::IsItemHovered()) item_tooltip(theme, text + "\n" + subject_help(alert));
    const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float middle = (min.y + max.y) * 0.5f, line = ImGui::GetTextLineHeight();
    draw_alert_sign(draw, theme, ImVec2(min.x + theme.px(9), middle), theme.px(7));
    draw_clipped_text(draw, ImVec2(min.x + theme.px(22), middle - line * 0.5f), max.x - min.x - theme.px(26),
                      theme.text, text);
}

}  // namespace

void draw_alerts_panel(const PanelContext& context) {
    const Theme& theme = context.theme;
    wrapped_dim_text(theme,
                     "A rule fires once, when it comes true. Training is the same with rules and without.");
    draw_rules(context);
    ImGui::Dummy(ImVec2(1, theme.px(3)));
    section_heading(theme, "WHAT FIRED, NEWEST FIRST");
    const std::vector<Alert>* alerts = context.snapshot.alerts.get();
    context.ui.probe.value("alerts/fired", alerts ? static_cast<double>(alerts->size()) : 0.0);
    if (!alerts || alerts->empty()) {
        const bool watches = std::any_of(context.ui.alert_rules.begin(), context.ui.alert_rules.end(),
                                         [](const AlertRule& rule) { return rule.is_on; });
        empty_state(theme, watches
                               ? "No rule has fired in this run yet. When one does, its step and lane are "
                                 "listed here; let it run (Space)."
                               : "No rule watches. Tick one above, and what it notices is listed here.");
        return;
    }
    // Below many rules, the panel scrolls rather than the list to nothing.
    const float least = 5 * ImGui::GetFrameHeightWithSpacing();
    compat::begin_child("fired", ImVec2(0, std::max(least, ImGui::GetContentRegionAvail().y)),
                        compat::ChildBorder::none);
    const float step_width = ImGui::CalcTextSize(("step " + count_text(alerts->back().step)).c_str()).x +
                             2 * ImGui::GetStyle().FramePadding.x;
    for (std::size_t back = 0; back < alerts->size(); ++back)
        draw_fired(context, (*alerts)[alerts->size() - 1 - back], static_cast<int>(back), step_width);
    ImGui::EndChild();
}

}  // namespace halfscope
