// Rectifier. Run by backends through op_list.h. Must not swallow NaN: `x > 0 ? x : 0` would, and hide what
// the tool shows.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Input x [rows, cols]; output y of the same extents. Backward reads the stored y.
struct Relu {
    struct Forward {
        HALFSCOPE_HD float operator()(std::int64_t, float x) const { return x < 0.0f ? 0.0f : x; }
    };
    /// 0 at y = 0, as PyTorch; a NaN in y stays NaN, one in dy passes where the unit is active.
    struct Backward {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float y) const {
            const float inactive = y == y ? 0.0f : y;
            return y > 0.0f ? dy : inactive;
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.map(call.output, Forward{}, call.inputs[0]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (call.input_gradients[0]) {
            executor.map(call.input_gradients[0], Backward{}, call.output_gradient, call.output);
        }
    }
};

}  // namespace halfscope
