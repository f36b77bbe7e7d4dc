// What keys, menu and buttons do to a run, once each: the actions send Commands or change UiState. Used by
// keys, menu and panels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gui/panels/panel.h"

namespace halfscope {

void toggle_run(const PanelContext& context);
void one_step(const PanelContext& context);
/// Back to the step before, and pauses.
void step_back(const PanelContext& context);
void undo(const PanelContext& context);
void redo(const PanelContext& context);
void restart(const PanelContext& context);
/// Another lane with the techniques of `lane`, from its present state; a note where there are four already.
void branch_lane(const PanelContext& context, const LaneSnapshot& lane);
/// The same from what it was before a step; none: the present one.
void branch_lane_at(const PanelContext& context, const LaneSnapshot& lane, std::optional<std::int64_t> step);
/// `stem`, or "stem-2", "stem-3", ...: a name that no lane has.
std::string free_lane_name(const Snapshot& snapshot, const std::string& stem);
/// Halves or doubles the selected lane's loss scale; a lane that does not scale says so.
void multiply_loss_scale(const PanelContext& context, double factor);
void toggle_loss_axis(UiState& ui);
void toggle_loss_difference(UiState& ui);
/// All plots follow their data again.
void fit_plots(UiState& ui);
void toggle_presenter(UiState& ui);
/// One notch larger (+1) or smaller (-1), or back to normal (0).
void change_ui_scale(UiState& ui, int notches);

}  // namespace halfscope
