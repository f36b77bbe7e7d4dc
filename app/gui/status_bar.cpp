#include "gui/status_bar.h"

#include <cstdio>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

const char* state_name(RunState state) {
    switch (state) {
        case RunState::loading:
            return "loading";
        case RunState::running:
            return "running";
        case RunState::paused:
            return "paused";
        case RunState::failed:
            break;
    }
    return "stopped: see the message";
}

/// Texts one after the other with thin lines between, as many as fit.
class Line {
  public:
    Line(const PanelContext& context, float right) : context_(context), right_(right) {}

    /// Whether there is room for `width` more pixels; then moves there.
    bool next(float width) {
        const float gap = context_.theme.px(12);
        if (!is_first_) {
            const ImVec2 end = ImGui::GetItemRectMax();
            if (end.x + 2 * gap + width > right_) return false;
            ImGui::SameLine(0, 2 * gap);
            const ImVec2 at = ImGui::GetCursorScreenPos();
            ImGui::GetWindowDrawList()->AddLine(ImVec2(at.x - gap, at.y + context_.theme.px(2)),
                                                ImVec2(at.x - gap, at.y + ImGui::GetTextLineHeight()),
                                                context_.theme.panel_border);
        }
        is_first_ = false;
        return true;
    }
    /// Whether there was room for it.
    bool text(const char* id, const std::string& words, const std::string& help, ImU32 colour = 0) {
        if (!next(ImGui::CalcTextSize(words.c_str()).x)) return false;
        coloured_text(colour ? colour : context_.theme.text, words.c_str());
        item_tooltip(context_.theme, help);
        context_.ui.probe.value(std::string("status/") + id, words);
        return true;
    }

  private:
    const PanelContext& context_;
    float right_;
    bool is_first_ = true;
};

std::string formatted(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

void draw_lane(Line& line, const PanelContext& context, const LaneSnapshot& lane) {
    std::string words =
        formatted("%.0f steps/s", lane.steps_per_second) + "  " + formatted("%.2f ms", lane.step_ms);
    if (lane.skipped > 0) words += "  " + count_text(lane.skipped) + " skipped";
    const float chip = ImGui::GetTextLineHeight() * 1.15f + context.theme.px(27);
    if (!line.next(chip + ImGui::CalcTextSize(words.c_str()).x)) return;
    ImGui::BeginGroup();
    lane_chip(context.theme, lane.id);
    ImGui::SameLine(0, context.theme.px(4));
    ImGui::TextUnformatted(words.c_str());
    ImGui::EndGroup();
    std::string help = lane.name + ": its own speed and time per step, without what is measured";
    if (lane.joules_per_step)
        help += formatted("; about %.3g J a step, the device's power for that time", *lane.joules_per_step);
    item_tooltip(context.theme, help);
    context.ui.probe.value("status/lane/" + lane.name, words);
}

}  // namespace

float status_bar_height() { return ImGui::GetTextLineHeight() + ImGui::GetStyle().FramePadding.y * 2; }

void draw_status_bar(const PanelContext& context, ImVec2 min, ImVec2 max) {
    const Snapshot& snapshot = context.snapshot;
    const Theme& theme = context.theme;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(min, max, theme.panel_background);
    draw->AddLine(min, ImVec2(max.x, min.y), theme.panel_border);
    ImGui::SetCursorScreenPos(ImVec2(min.x + theme.px(10), min.y + ImGui::GetStyle().FramePadding.y));
    Line line(context, max.x - theme.px(10));
    const ImU32 state_colour = snapshot.state == RunState::running  ? theme.good
                               : snapshot.state == RunState::failed ? theme.error
                                                                    : theme.warning;
    std::string state = state_name(snapshot.state);
    if (!snapshot.loading.text.empty()) state += formatted(" %.0f%%", 100.0 * snapshot.loading.fraction);
    line.text("state", state, "Space runs and pauses", state_colour);
    line.text("step", "step " + count_text(snapshot.next_step), "steps done so far");
    line.text("rate", formatted("%.0f steps/s", snapshot.steps_per_second),
              "steps of all lanes together, with everything that is measured and drawn");
    if (snapshot.energy.watts) {
        std::string words = formatted("%.0f W", *snapshot.energy.watts);
        if (snapshot.energy.joules_per_step)
            words += formatted("  %.3g J/step", *snapshot.energy.joules_per_step);
        line.text(
            "energy", words,
            "what the device's driver says it used in the last seconds: power, and energy for a step of "
            "all lanes together");
    }
    for (const LaneSnapshot& lane : snapshot.lanes) draw_lane(line, context, lane);
    if (snapshot.alerts && !snapshot.alerts->empty()) {
        const Alert& last = snapshot.alerts->back();
        line.text("alerts",
                  "! " + count_text(static_cast<std::int64_t>(snapshot.alerts->size())) +
                      (snapshot.alerts->size() == 1 ? " alert" : " alerts"),
                  "alert rules that fired in this run; the last at step " + count_text(last.step) + ", " +
                      last.lane + ": " + last.sentence,
                  theme.warning);
    }
    const ObservationCost& share = snapshot.observation_percent;
    line.text("telemetry", "telemetry " + formatted("%.1f%%", share.probes),
              "share of the training thread's time that counting values took in the last seconds");
    line.text(
        "shadow", "shadow " + formatted("%.1f%%", share.shadow),
        "share of the training thread's time that FP32 shadow passes took in the last seconds: the true "
        "gradients that a lane's are compared with");
    line.text("validation", "validation " + formatted("%.0f%%", share.validation + share.views),
              "share of the training thread's time that the validation metric and the pictures of what the "
              "models do took in the last seconds");
    const std::string device = snapshot.device.empty() ? "no device yet" : snapshot.device;
    const std::string help = "where training runs: " + device;
    if (!line.text("device", device, help, theme.text_dim)) {
        // Its remark goes first ("cpu: ... (no NVIDIA driver is installed)"): the tooltip still has it.
        line.text("device", device.substr(0, device.find(" (")), help, theme.text_dim);
    }
}

}  // namespace halfscope
