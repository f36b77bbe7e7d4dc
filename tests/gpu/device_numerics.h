// The functions of engine/numerics and the loss scale's transitions, run on a CUDA device over whole arrays.
// Called by numerics_test.cpp, which holds the results against the same functions on the host.
#pragma once

#include <cstdint>
#include <vector>

#include "numerics/format.h"
#include "numerics/random.h"
#include "ops/loss_scale.h"

namespace halfscope::device {

std::vector<std::uint32_t> encode(Format format, Subnormals subnormals, const std::vector<float>& values);
std::vector<float> decode(Format format, const std::vector<std::uint32_t>& codes);
std::vector<float> round(Format format, Subnormals subnormals, const std::vector<float>& values);
/// Stochastic rounding of values[i] with word i of the key's stream.
std::vector<float> round_stochastic(Format format, RandomKey key, const std::vector<float>& values);
/// CUDA's own conversion to FP16, __float2half_rn.
std::vector<std::uint32_t> cuda_half(const std::vector<float>& values);

enum class Function : std::uint8_t { exp, log, log2, tanh, sigmoid, erf, sin, cos, sqrt };
inline constexpr Function kFunctions[] = {Function::exp,     Function::log, Function::log2,
                                          Function::tanh,    Function::erf, Function::sin,
                                          Function::sigmoid, Function::cos, Function::sqrt};
HALFSCOPE_HD inline float apply(Function function, float x) {
    switch (function) {
        case Function::exp:
            return math::exp(x);
        case Function::log:
            return math::log(x);
        case Function::log2:
            return math::log2(x);
        case Function::tanh:
            return math::tanh(x);
        case Function::sigmoid:
            return math::sigmoid(x);
        case Function::erf:
            return math::erf(x);
        case Function::sin:
            return math::sin(x);
        case Function::cos:
            return math::cos(x);
        case Function::sqrt:
            break;
    }
    return math::sqrt(x);
}
std::vector<float> apply_all(Function function, const std::vector<float>& values);
/// values[i] to the power of the value half the array further on.
std::vector<float> powers(const std::vector<float>& values);

/// One draw of each kind.
struct Draw {
    std::uint32_t word;
    float uniform, normal;
    std::uint64_t below;
};
inline constexpr std::uint64_t kDrawBelow = 1000003;
HALFSCOPE_HD inline Draw draw(RandomKey key, std::uint64_t index) {
    return {random_word(key, index), uniform(key, index, -1.0f, 1.0f), normal(key, index),
            random_below(key, index, kDrawBelow)};
}
std::vector<Draw> draws(RandomKey key, const std::vector<std::uint64_t>& indices);

/// What the loss scaler is told after one step.
struct StepResult {
    bool overflowed;
    float max_abs;
};
/// The state after each of the steps, one device thread going through them all.
std::vector<ScalerState> scaler_states(const ScalerRules& rules, const std::vector<StepResult>& steps);

}  // namespace halfscope::device
