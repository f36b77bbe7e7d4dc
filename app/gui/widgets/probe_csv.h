// Probes as CSV: one line for each tensor and exponent, and one without an exponent where a tensor has none
// (all zero, or NaN). Called by the gradients panel, and by the view of tensor files for
// what its lines share with that; pure, no ImGui.
#pragma once

#include <string>
#include <vector>

#include "session/snapshot.h"

namespace halfscope {

/// ",count,true_zero,flushed,subnormal,normal,inf,inf_incoming,nan" of a probe, against FP16.
std::string class_cells(const Probe& probe);
/// A line for each exponent that has values: `start`, the exponent, how many. One without an exponent where
/// none has.
void append_exponents(std::string& csv, const std::string& start, const Probe& probe);

/// Exponents are of the values as stored, that is times `scale`. Counts are against FP16.
std::string probes_csv(const LaneSnapshot& lane, const std::vector<const Probe*>& probes);

}  // namespace halfscope
