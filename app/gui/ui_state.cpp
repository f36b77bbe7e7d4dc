#include "gui/ui_state.h"

namespace halfscope {

const LaneSnapshot* selected_lane(const Snapshot& snapshot, const UiState& ui) {
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.id == ui.selected_lane) return &lane;
    }
    return snapshot.lanes.empty() ? nullptr : &snapshot.lanes.front();
}

}  // namespace halfscope
