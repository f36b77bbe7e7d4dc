// Logistic function 1 / (1 + exp(-x)). Run by backends through op_list.h. Backward reads the stored, rounded
// output, as frameworks do; it must not recompute it from x.
#pragma once

#include "numerics/math.h"
#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Input x [rows, cols]; output y of the same extents.
struct Sigmoid {
    struct Forward {
        static constexpr bool kTabulable = true;
        HALFSCOPE_HD float operator()(std::int64_t, float x) const { return math::sigmoid(x); }
    };
    struct Backward {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float y) const { return dy * (y * (1.0f - y)); }
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
