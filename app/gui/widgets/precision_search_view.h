// The search for layers to keep in FP32 (train/precision_search.h) as the window shows it: what to search,
// how far it has come, and every move with the error that was measured after it. Used by the network panel;
// keeps the chosen threshold in UiState.
#pragma once

#include <optional>
#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "session/snapshot.h"

namespace halfscope {

/// What was clicked.
struct SearchAsk {
    std::optional<double> search_below;  ///< a search with this threshold
    bool cancel = false;
    std::optional<std::string> keep;  ///< the value of keep_fp32 to take over
};

/// In the current layout, over its whole width.
SearchAsk draw_precision_search(const Theme& theme, UiState& ui, const Snapshot& snapshot,
                                const LaneSnapshot& lane);

}  // namespace halfscope
