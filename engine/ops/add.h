// Sum of two tensors: a residual connection, and the sum of gradients that reach one tensor from several
// readers. Run by backends through op_list.h.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs a, b of equal extents; output y = a + b. Saves nothing.
struct Add {
    struct Forward {
        HALFSCOPE_HD float operator()(std::int64_t, float a, float b) const { return a + b; }
    };
    struct Twice {
        HALFSCOPE_HD Values<2> operator()(std::int64_t, float dy) const { return {{dy, dy}}; }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.map(call.output, Forward{}, call.inputs[0], call.inputs[1]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView &a = call.input_gradients[0], &b = call.input_gradients[1];
        const TensorView& dy = call.output_gradient;
        // Where a's gradient is to lie in the place of the output's, it lies there.
        const bool is_there = a && a.data == dy.data && a.format == dy.format && !a.counts;
        if (is_there) {
            if (b) executor.copy(b, dy);
            return;
        }
        if (a && b) return executor.map(Outputs<2>{{a, b}}, Twice{}, dy);
        for (const TensorView& gradient : call.input_gradients) {
            if (gradient) executor.copy(gradient, dy);
        }
    }
};

}  // namespace halfscope
