// Dropout (Srivastava et al. 2014), inverted: kept values are divided by 1 - p while training, evaluation
// changes nothing. Run by backends through op_list.h. Must not store a mask: it is a function of (seed, node,
// step, element), so backward, and the shadow pass, make the same one again.
#pragma once

#include "numerics/random.h"
#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Input x [rows, cols]; output y of the same extents; node.amount is p in [0, 1). A product with 0, so that
/// NaN and inf stay visible in dropped places, as in PyTorch.
struct Dropout {
    struct Masked {
        RandomKey key;
        float probability;
        const PassValues* values;
        HALFSCOPE_HD Masked bind() const { return {at_step(key, values->step), probability, values}; }
        HALFSCOPE_HD float operator()(std::int64_t i, float x) const {
            const bool dropped = uniform(key, static_cast<std::uint64_t>(i)) < probability;
            return x * (dropped ? 0.0f : 1.0f / (1.0f - probability));
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        apply(executor, call, call.output, call.inputs[0]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (call.input_gradients[0]) apply(executor, call, call.input_gradients[0], call.output_gradient);
    }

    /// out = in times the mask of this call, or a copy in evaluation.
    template <class Executor>
    static void apply(Executor& executor, const OpCall& call, const TensorView& out, const TensorView& in) {
        if (call.mode == RunMode::evaluation || call.node->amount == 0.0f) {
            executor.copy(out, in);
        } else {
            executor.map(out, Masked{call.random, call.node->amount, call.values}, in);
        }
    }
};

}  // namespace halfscope
