#include "gui/run_actions.h"

#include <algorithm>
#include <cmath>

namespace halfscope {
void toggle_run(const PanelContext& context) {
    if (context.snapshot.state == RunState::running) {
        context.commands.send(PauseCommand{});
    } else {
        context.commands.send(RunCommand{});
    }
}

void one_step(const PanelContext& context) { context.commands.send(StepCommand{1}); }

void step_back(const PanelContext& context) {
    const std::int64_t step = context.snapshot.going_to.value_or(context.snapshot.next_step);
    if (step > 0) context.commands.send(GoToStepCommand{step - 1});
}

void undo(const PanelContext& context) {
    if (context.snapshot.can_undo) context.commands.send(UndoCommand{});
}
void redo(const PanelContext& context) {
    if (context.snapshot.can_redo) context.commands.send(RedoCommand{});
}

void restart(const PanelContext& context) { context.commands.send(RestartCommand{}); }

void branch_lane(const PanelContext& context, const LaneSnapshot& lane) {
    branch_lane_at(context, lane, std::nullopt);
}

void branch_lane_at(const PanelContext& context, const LaneSnapshot& lane, std::optional<std::int64_t> step) {
    if (context.snapshot.lanes.size() >= kMaximumLanes) {
        context.ui.messages.note("four lanes are the most: remove one to branch another");
        return;
    }
    context.commands.send(
        AddLaneCommand{{free_lane_name(context.snapshot, lane.name), lane.techniques}, lane.name, step});
}

std::string free_lane_name(const Snapshot& snapshot, const std::string& stem) {
    const auto is_taken = [&snapshot](const std::string& name) {
        return std::any_of(snapshot.lanes.begin(), snapshot.lanes.end(),
                           [&name](const LaneSnapshot& lane) { return lane.name == name; });
    };
    std::string name = stem;
    for (int number = 2; is_taken(name); ++number) name = stem + "-" + std::to_string(number);
    return name;
}

void multiply_loss_scale(const PanelContext& context, double factor) {
    const LaneSnapshot* lane = selected_lane(context.snapshot, context.ui);
    if (!lane) return;
    if (lane->techniques.scaler.scaling == LossScaling::off) {
        context.ui.messages.note("the lane '" + lane->name +
                                 "' does not scale its loss: set loss_scaling to static or dynamic first");
        return;
    }
    context.commands.send(MultiplyLossScaleCommand{lane->name, factor});
}

void toggle_loss_axis(UiState& ui) {
    ui.loss_axis = ui.loss_axis == AxisScale::linear ? AxisScale::logarithmic : AxisScale::linear;
    ui.plots["loss"].fit();
}

void toggle_loss_difference(UiState& ui) {
    ui.loss_difference = !ui.loss_difference;
    ui.plots["loss"].fit();
}

void fit_plots(UiState& ui) {
    ui.time.fit();
    for (auto& [id, plot] : ui.plots) plot.fit();
}

void toggle_presenter(UiState& ui) {
    ui.text_size = ui.text_size == TextSize::presenter ? TextSize::ordinary : TextSize::presenter;
}

void change_ui_scale(UiState& ui, int notches) {
    ui.ui_scale = notches == 0
                      ? 1.0f
                      : std::clamp(ui.ui_scale * std::pow(1.1f, static_cast<float>(notches)), 0.5f, 4.0f);
}

}  // namespace halfscope
