// What any other power-of-two loss scale would do to these very gradients: shares flushed and overflowing,
// exact from the histogram's counters (numerics.md). It says nothing of losses further up the network, and
// says so. Used by the gradients panel.
#pragma once

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "session/snapshot.h"

namespace halfscope {

/// One hypothetical scale 2^exponent.
struct WhatIfPoint {
    int exponent = 0;
    double flushed = 0, overflow = 0;  ///< percent of all non-zero finite elements
};
inline constexpr int kWhatIfLowest = -8, kWhatIfHighest = 32;

std::vector<WhatIfPoint> what_if(const Probe& probe);
/// The largest exponent without overflow; kWhatIfLowest - 1 where every one overflows.
int largest_without_overflow(const std::vector<WhatIfPoint>& points);

void draw_what_if(ImDrawList* draw, const Theme& theme, const Probe& probe, const Techniques& techniques,
                  ImVec2 min, ImVec2 max);

}  // namespace halfscope
