// What changes from step to step, in the backend's memory: calls that point to it can be recorded by a device
// once and played back at every later step (Backend::repeat). Written by train/, read by formulas when they
// are bound (ops/executor.h).
#pragma once

#include <cstdint>

namespace halfscope {

/// Of one forward and backward pass.
struct PassValues {
    float loss_gradient = 1.0f;  ///< S: what a loss op's backward starts from, the loss scale folded in
    std::uint32_t step = 0;      ///< keys dropout masks
};

/// What the check of a step's gradients decided about its update.
struct UpdateDecision {
    bool is_skipped = false;    ///< nothing is updated
    bool is_nonfinite = false;  ///< a gradient that the check looks at is NaN or infinite
    float clip_factor = 1.0f;   ///< multiplies the gradient
    double norm = 0.0;          ///< of all unscaled gradients
};

/// Of one check of gradients and one update of all weights.
struct UpdateValues {
    float inverse_scale = 1.0f;
    float learning_rate = 0.0f;
    float bias_correction1 = 1.0f, bias_correction2 = 1.0f;
    std::uint32_t step = 0;  ///< keys stochastic rounding

    // How the check decides.
    bool skips_nonfinite = true;  ///< on_nonfinite=skip
    bool sees_unscaled = true;    ///< also what 1/S makes infinite
    float clip_norm = 0.0f;       ///< 0: no clipping
    double norm_factor = 1.0;     ///< what clipping sees of the unscaled norm: 1, or S
    UpdateDecision decision;      ///< written by Backend::begin_check
};

}  // namespace halfscope
