// The loss scalers of the frameworks as settings of one state machine (ops/loss_scale.h), and what happens to
// a running scaler when its rules change. Used by techniques and lanes; knows no gradients.
#pragma once

#include <string>

#include "ops/loss_scale.h"

namespace halfscope {

/// The class defaults of a framework's scaler (numerics.md, "Dynamic loss scaling in the frameworks");
/// custom: Halfscope's own, for short demonstrations.
ScalerRules scaler_preset(ScalerKind kind);

/// The state a running scaler continues in when its rules change: the current scale is kept where scaling
/// stays of the same kind and loss_scale did not change, else the new loss_scale is taken; a dynamic scale is
/// brought within floor and cap. Counters start anew where framework, interval or hysteresis changed.
ScalerState carry_scaler(const ScalerRules& before, const ScalerState& state, const ScalerRules& after);

/// 1/S as the update unscales by it: one factor in FP32.
inline float inverse_of_scale(float scale) { return static_cast<float>(1.0 / static_cast<double>(scale)); }

/// "2^15" for powers of two, else the shortest decimal number.
std::string scale_text(double scale);

}  // namespace halfscope
