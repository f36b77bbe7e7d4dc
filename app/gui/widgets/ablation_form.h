// What the next ablation varies: techniques with their values, seeds, steps, and where it starts. Used by the
// ablation panel; changes UiState::ablation alone, and sends nothing.
#pragma once

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "session/command.h"
#include "session/snapshot.h"

namespace halfscope {

/// The command for what is chosen.
StartAblationCommand chosen_ablation(const UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane);

/// The same as a plan, to be looked at before it starts: from a state, an empty one stands for the lane's.
AblationPlan chosen_plan(const UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane);

void draw_ablation_form(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane);

}  // namespace halfscope
