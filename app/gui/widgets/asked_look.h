// When a panel that shows what the session looks at between two steps is to ask for another look. Used by the
// microscope and the accumulator lab; keeps its state in UiState.
#pragma once

#include <string>

#include "gui/ui_state.h"
#include "session/snapshot.h"

namespace halfscope {

/// True where the look asked for last is of something else than `what` of this lane: at once while paused,
/// now and then while training runs, never while nothing can be looked at. Counts as asked for, then.
bool is_look_due(AskedLook& asked, const Snapshot& snapshot, const LaneSnapshot& lane,
                 const std::string& what);

}  // namespace halfscope
