// Two tensors side by side along the innermost axis. Run by backends through op_list.h.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs a [rows, A], b [rows, B]; output y [rows, A + B]. Saves nothing.
struct Concat {
    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const std::int64_t first = call.inputs[0].cols;
        executor.copy(call.output.columns(0, first), call.inputs[0]);
        executor.copy(call.output.columns(first, call.inputs[1].cols), call.inputs[1]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView& dy = call.output_gradient;
        const std::int64_t first = call.inputs[0].cols;
        if (call.input_gradients[0]) executor.copy(call.input_gradients[0], dy.columns(0, first));
        if (call.input_gradients[1])
            executor.copy(call.input_gradients[1], dy.columns(first, dy.cols - first));
    }
};

}  // namespace halfscope
