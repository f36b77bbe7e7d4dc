// Which lane a panel shows, as a row of chips, and in which view: the same in every panel that shows one
// lane. Used by panels; changes UiState::selected_lane and gradient_view alone.
#pragma once

#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "session/snapshot.h"

namespace halfscope {

/// Stays on the last item's line where `width` more pixels fit, else goes to the next line.
void flow_to(float width);
/// The same for a button with this label.
void flow_to_button(const std::string& label);

/// The lane that is selected. Without one, says how to get one, and returns null.
const LaneSnapshot* lane_to_show(const Theme& theme, const UiState& ui, const Snapshot& snapshot);

/// One button for each lane: its chip and name, as wide as both. `panel`: "gradients", for UiProbe.
void draw_lane_choice(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& chosen,
                      const std::string& panel);

/// The button between scaled and unscaled gradients.
void draw_view_choice(const Theme& theme, UiState& ui, const std::string& panel);

}  // namespace halfscope
