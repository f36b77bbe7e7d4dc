// Mean over windows of channels-last pictures. Run by backends through op_list.h.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Input x [N, H, W, C]; output y [N, OH, OW, C]; node.window is the geometry, without padding. Saves
/// nothing.
struct AveragePool {
    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.pool(call.output, call.inputs[0], call.node->window, Pooling::average);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (!call.input_gradients[0]) return;
        executor.pool_gradient(call.input_gradients[0], call.output_gradient, call.inputs[0],
                               call.node->window, Pooling::average);
    }
};

}  // namespace halfscope
