// The loss scale's state machine: plain data and one transition that runs on either device, so that a skipped step never
// needs the host. Presets by framework live in train/loss_scaler.h. numerics.md lists where each rule comes from.
#pragma once

#include <cstdint>

#include "numerics/portability.h"

namespace halfscope {

/// Which framework's transition rules apply.
enum class ScalerKind : std::uint8_t {
    custom, pytorch, apex, keras, openseq2seq_backoff, logmax, fairseq, megatron, deepspeed
};
enum class LossScaling : std::uint8_t { dynamic, fixed, off };
/// What happens when a backoff would go below min_scale.
enum class AtFloor : std::uint8_t { stay, error };

struct ScalerRules {
    ScalerKind kind = ScalerKind::custom;
    LossScaling scaling = LossScaling::dynamic;
    float initial_scale = 32768.0f;
    float growth_factor = 2.0f;
    float backoff_factor = 0.5f;
    std::int32_t growth_interval = 100;
    float min_scale = 0.0f;  ///< 0: none
    float max_scale = 16777216.0f;  ///< 0: none (stays finite in FP32)
    std::int32_t hysteresis = 1;    ///< overflows needed before a backoff
    AtFloor at_floor = AtFloor::stay;
    bool operator==(const ScalerRules&) const = default;
};

struct ScalerState {
    float scale = 1.0f;
    std::int32_t growth_tracker = 0;   ///< good steps since the last growth or overflow
    std::int32_t hysteresis_left = 1;
    std::int64_t iteration = 0;
    std::int64_t last_overflow = -1;
    double log_mean = 0.0;             ///< logmax: bias-corrected EMAs of log2 max |unscaled gradient|
    double log_square = 0.0;
    double log_mean_weight = 0.0;
    double log_square_weight = 0.0;
    bool operator==(const ScalerState&) const = default;
};

enum class ScaleChange : std::uint8_t { none, growth, backoff, floor_error };

/// The state a run starts with: initial scale, fresh counters.
HALFSCOPE_HD ScalerState initial_scaler_state(const ScalerRules& rules);

/// One transition after a step. `overflowed`: a non-finite gradient was found; `max_abs_unscaled`: largest finite |gradient|
/// after unscaling (logmax reads it). Static and off never change the scale.
HALFSCOPE_HD ScaleChange advance(const ScalerRules& rules, ScalerState& state, bool overflowed, float max_abs_unscaled);

/// Good steps left until the next growth; -1 where none is coming.
HALFSCOPE_HD std::int32_t steps_until_growth(const ScalerRules& rules, const ScalerState& state);

}  // namespace halfscope
