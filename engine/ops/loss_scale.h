// The loss scale's state machine: plain data and one transition that runs on either device, so that a skipped
// step never needs the host. Presets by framework live in train/loss_scaler.h. numerics.md lists where each
// rule comes from. Called by train/Lane after each step; must not be stored or computed in FP16: 2^16 is
// infinite there.
#pragma once

#include <cstdint>

#include "numerics/math.h"
#include "numerics/portability.h"

namespace halfscope {

/// Which framework's transition rules apply.
enum class ScalerKind : std::uint8_t {
    custom,
    pytorch,
    apex,
    keras,
    openseq2seq_backoff,
    logmax,
    fairseq,
    megatron,
    deepspeed
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
    float min_scale = 0.0f;         ///< 0: none
    float max_scale = 16777216.0f;  ///< 0: none (stays finite in FP32)
    std::int32_t hysteresis = 1;    ///< overflows needed before a backoff, counted anew after each growth
    AtFloor at_floor = AtFloor::stay;
    bool operator==(const ScalerRules&) const = default;
};

struct ScalerState {
    float scale = 1.0f;
    std::int32_t growth_tracker = 0;  ///< good steps since the last growth or overflow
    std::int32_t hysteresis_left = 1;
    std::int64_t iteration = 0;
    std::int64_t last_overflow = -1;
    double log_mean =
        0.0;  ///< logmax: EMA (0.99) of x = log2 max |unscaled gradient|, not yet bias-corrected
    double log_slow_mean = 0.0;      ///< EMA (0.999) of x
    double log_square = 0.0;         ///< EMA (0.999) of x^2
    double log_mean_weight = 0.0;    ///< 1 - 0.99^t: the bias correction of the first
    double log_square_weight = 0.0;  ///< 1 - 0.999^t: of the other two
    bool operator==(const ScalerState&) const = default;
};

enum class ScaleChange : std::uint8_t { none, growth, backoff, floor_error };

/// The state a run starts with: initial scale, fresh counters. Without loss scaling the scale is 1.
HALFSCOPE_HD inline ScalerState initial_scaler_state(const ScalerRules& rules) {
    ScalerState state;
    state.scale = rules.scaling == LossScaling::off ? 1.0f : rules.initial_scale;
    state.hysteresis_left = rules.hysteresis;
    return state;
}

namespace scaler_detail {

/// PyTorch, Apex, Keras and Megatron count good steps; OpenSeq2Seq, fairseq and DeepSpeed ask whether the
/// steps since the last overflow are a multiple of the interval.
HALFSCOPE_HD inline bool grows_by_iteration(ScalerKind kind) {
    return kind == ScalerKind::openseq2seq_backoff || kind == ScalerKind::fairseq ||
           kind == ScalerKind::deepspeed;
}

/// The scale after a growth: capped, and left where it is when it would not stay finite in FP32.
HALFSCOPE_HD inline float grown(const ScalerRules& rules, float scale) {
    constexpr float kLargestFinite = 3.402823466e38f;
    const float next = scale * rules.growth_factor;
    if (rules.max_scale > 0.0f && next > rules.max_scale)
        return rules.max_scale > scale ? rules.max_scale : scale;
    return next <= kLargestFinite ? next : scale;
}

HALFSCOPE_HD inline ScaleChange grow(const ScalerRules& rules, ScalerState& state) {
    const float before = state.scale;
    state.scale = grown(rules, before);
    state.hysteresis_left = rules.hysteresis;
    return state.scale > before ? ScaleChange::growth : ScaleChange::none;
}

HALFSCOPE_HD inline ScaleChange back_off(const ScalerRules& rules, ScalerState& state) {
    state.growth_tracker = 0;
    state.last_overflow = state.iteration;
    // Megatron and DeepSpeed: once used up, every further overflow backs off until a growth restores the
    // patience.
    if (state.hysteresis_left > 0) --state.hysteresis_left;
    if (state.hysteresis_left > 0) return ScaleChange::none;
    const float before = state.scale;
    const float next = before * rules.backoff_factor;
    if (rules.min_scale > 0.0f && next <= rules.min_scale) {
        // fairseq gives up when the new scale would reach the floor and keeps the old one; DeepSpeed (and,
        // with at_floor=error, the others) step onto the floor and give up at the next overflow.
        const bool gives_up = rules.kind == ScalerKind::fairseq || before <= rules.min_scale;
        if (rules.at_floor == AtFloor::error && gives_up) return ScaleChange::floor_error;
        state.scale = before < rules.min_scale ? before : rules.min_scale;
    } else {
        // Only the custom scaler has a floor of its own, FP32's smallest normal number: the frameworks can
        // reach 0.
        constexpr float kSmallestNormal = 1.17549435e-38f;
        const bool keep = rules.kind == ScalerKind::custom && next < kSmallestNormal;
        state.scale = keep ? before : next;
    }
    return state.scale < before ? ScaleChange::backoff : ScaleChange::none;
}

/// OpenSeq2Seq's LogMax: scale = 2^(16 - (mu + 3.09 sigma)), so that the largest gradient stays below 2^16
/// with the probability of 3.09 standard deviations. A step of zeros says nothing about the range and is left
/// out.
HALFSCOPE_HD inline ScaleChange follow_log_maximum(const ScalerRules& rules, ScalerState& state,
                                                   bool overflowed, float max_abs_unscaled) {
    constexpr double kBeta = 0.99, kSlowBeta = 0.999, kDeviations = 3.09, kLogMaximum = 16.0;
    if (overflowed) state.last_overflow = state.iteration;
    if (!overflowed && !(max_abs_unscaled > 0.0f)) return ScaleChange::none;
    // The original feeds 2^16 itself, not its logarithm, after an overflow: the scale falls to the floor for
    // a long while.
    const double x = overflowed ? 65536.0 : static_cast<double>(math::log2(max_abs_unscaled));
    state.log_mean = kBeta * state.log_mean + (1.0 - kBeta) * x;
    state.log_slow_mean = kSlowBeta * state.log_slow_mean + (1.0 - kSlowBeta) * x;
    state.log_square = kSlowBeta * state.log_square + (1.0 - kSlowBeta) * x * x;
    state.log_mean_weight = 1.0 - (1.0 - state.log_mean_weight) * kBeta;
    state.log_square_weight = 1.0 - (1.0 - state.log_square_weight) * kSlowBeta;
    const double slow_mean = state.log_slow_mean / state.log_square_weight;
    const double variance = state.log_square / state.log_square_weight - slow_mean * slow_mean;
    const float deviation = math::sqrt(static_cast<float>(variance > 0.0 ? variance : 0.0));
    const double log_scale = kLogMaximum - (state.log_mean / state.log_mean_weight + kDeviations * deviation);
    // Within FP32's normal numbers before the power is taken, so that a scaler without floor and cap stays
    // finite too.
    const float exponent = static_cast<float>(log_scale < -126.0  ? -126.0
                                              : log_scale > 127.0 ? 127.0
                                                                  : log_scale);
    const float before = state.scale;
    float next = math::pow(2.0f, exponent);
    if (rules.min_scale > 0.0f && next < rules.min_scale) next = rules.min_scale;
    if (rules.max_scale > 0.0f && next > rules.max_scale) next = rules.max_scale;
    state.scale = next;
    return next > before ? ScaleChange::growth : next < before ? ScaleChange::backoff : ScaleChange::none;
}

}  // namespace scaler_detail

/// One transition after a step. `overflowed`: a non-finite gradient was found; `max_abs_unscaled`: largest
/// finite |gradient| after unscaling (logmax reads it). Static and off never change the scale. floor_error:
/// the framework would end the run here ("minimum loss scale reached"); the scale is kept.
HALFSCOPE_HD inline ScaleChange advance(const ScalerRules& rules, ScalerState& state, bool overflowed,
                                        float max_abs_unscaled) {
    ScaleChange change = ScaleChange::none;
    if (rules.scaling != LossScaling::dynamic) {
        // Nothing to follow: only the counters below move on.
    } else if (rules.kind == ScalerKind::logmax) {
        change = scaler_detail::follow_log_maximum(rules, state, overflowed, max_abs_unscaled);
    } else if (overflowed) {
        change = scaler_detail::back_off(rules, state);
    } else if (scaler_detail::grows_by_iteration(rules.kind)) {
        if ((state.iteration - state.last_overflow) % rules.growth_interval == 0)
            change = scaler_detail::grow(rules, state);
    } else if (++state.growth_tracker == rules.growth_interval) {
        state.growth_tracker = 0;
        change = scaler_detail::grow(rules, state);
    }
    ++state.iteration;
    return change;
}

/// Good steps left until the next growth; -1 where none is coming: static, off, logmax, or at the cap.
HALFSCOPE_HD inline std::int32_t steps_until_growth(const ScalerRules& rules, const ScalerState& state) {
    if (rules.scaling != LossScaling::dynamic || rules.kind == ScalerKind::logmax) return -1;
    if (!(scaler_detail::grown(rules, state.scale) > state.scale)) return -1;
    if (!scaler_detail::grows_by_iteration(rules.kind)) return rules.growth_interval - state.growth_tracker;
    const std::int64_t passed = (state.iteration - state.last_overflow) % rules.growth_interval;
    return static_cast<std::int32_t>((rules.growth_interval - passed) % rules.growth_interval + 1);
}

}  // namespace halfscope
