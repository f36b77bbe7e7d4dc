// Probes as CSV: one line for each tensor and exponent, and one without an exponent where a tensor has none
// (all zero, or NaN). Called by the gradients panel; pure, no ImGui.
#pragma once

#include <string>
#include <vector>

#include "session/snapshot.h"

namespace halfscope {

/// Exponents are of the values as stored, that is times `scale`. Counts are against FP16.
std::string probes_csv(const LaneSnapshot& lane, const std::vector<const Probe*>& probes);

}  // namespace halfscope
