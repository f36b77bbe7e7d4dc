// What the window itself remembers: selections, options of views, the shared time cursor. Written by panels and keys; never
// part of an experiment, never read by the engine.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "session/snapshot.h"

namespace halfscope {

enum class TimeRange : std::uint8_t { recent, all, manual };

/// The time axis that all time plots share.
struct TimeAxis {
    TimeRange range = TimeRange::all;
    double first = 0, last = 100;       ///< steps shown, when manual; otherwise what was shown last
    std::int64_t recent_steps = 2000;
    double cursor = -1;                 ///< hovered step, shown in every time plot; -1: none
};

struct UiState {
    int selected_lane = -1;                                 ///< lane id; panels fall back to the first lane
    ProbeKind gradient_kind = ProbeKind::activation_gradient;  ///< quantity of the gradients panel
    bool scaled = true;                                     ///< gradients as stored (times S) or unscaled
    bool percent_of_nonzero = true;                         ///< denominator of the percentages
    std::string selected_tensor;                            ///< row of the gradients panel; empty: none
    std::array<bool, 4> lane_visible{true, true, true, true};  ///< by lane id
    bool log_loss = true;
    TimeAxis time;
    bool fit_requested = false;
    bool left_folded = false;
    bool presenter = false;
    ThemeKind theme = ThemeKind::dark;
    float user_scale = 1.0f;
    bool show_keys = false, show_about = false, show_paper = false, show_log = false, open_text_dialog = false;
    std::string notice;        ///< set by panels: a sentence the application shows as a note and clears
    std::string error;         ///< likewise, as an error
};

/// The selected lane, or the first; nullptr where there is none.
const LaneSnapshot* selected_lane(const Snapshot& snapshot, const UiState& ui);

}  // namespace halfscope
