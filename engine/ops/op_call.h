// Everything one op needs for one forward or backward pass. Filled by a lane, passed through Backend, read by
// ops/*.h.
#pragma once

#include <cstdint>
#include <span>

#include "graph/arithmetic.h"
#include "graph/node.h"
#include "numerics/random.h"
#include "ops/step_values.h"
#include "ops/tensor_view.h"

namespace halfscope {

enum class RunMode : std::uint8_t { training, evaluation };

struct OpCall {
    const Node* node = nullptr;
    Arithmetic arithmetic;
    RunMode mode = RunMode::training;
    RandomKey random;  ///< keyed by (seed, node name): dropout masks
    /// In the backend's memory: S, what a loss op's backward starts from, with the loss scale folded in
    /// (paper 3.2), and the step of `random`. Read by losses' backward and by dropout.
    const PassValues* values = nullptr;

    // As listed at OpKind. Token inputs have their 32-bit integers in `tokens` of the same index and a view
    // without data.
    std::span<const TensorView> inputs;
    std::span<const std::int32_t* const> tokens;
    TensorView output;
    std::span<const TensorView> saved;

    // Backward only. A gradient view without data is not wanted. Gradients are stored, not added.
    std::span<const TensorView> input_gradients;
    TensorView output_gradient;  ///< no data for losses
    std::span<const TensorView> workspace;
};

}  // namespace halfscope
