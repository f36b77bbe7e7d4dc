// Whether a step's update is skipped and what clips its gradient, from the check of every gradient. One
// formula for all devices, which decide without asking the host. Must not touch the loss scale: train/ does.
#pragma once

#include <cmath>
#include <cstddef>

#include "numerics/portability.h"
#include "ops/update_call.h"

namespace halfscope {

/// What gradients are multiplied with so that a global norm `norm` does not exceed `clip_norm` (0: no
/// clipping): PyTorch's min(1, clip_norm / (norm + 1e-6)). A NaN norm gives NaN, as there.
HALFSCOPE_HD inline float clip_factor(double norm, float clip_norm) {
    constexpr double kGuard = 1e-6;
    if (clip_norm == 0.0f) return 1.0f;
    const double factor = static_cast<double>(clip_norm) / (norm + kGuard);
    return factor > 1.0 ? 1.0f : static_cast<float>(factor);
}

/// From one check for each gradient, in the order they are made: sums of squares are added in that order.
HALFSCOPE_HD inline UpdateDecision decide_update(const GradientCheck* checks, std::size_t count,
                                                 const UpdateValues& values) {
    UpdateDecision decision;
    double squares = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
        squares += checks[i].sum_of_squares;
        if (is_nonfinite(checks[i], values)) decision.is_nonfinite = true;
    }
    decision.norm = std::sqrt(squares);
    decision.is_skipped = decision.is_nonfinite && values.skips_nonfinite;
    decision.clip_factor = clip_factor(decision.norm * values.norm_factor, values.clip_norm);
    return decision;
}

}  // namespace halfscope
