// Convolution over channels-last pictures: three products over windows. Run by backends through op_list.h.
// Does not round by itself: every result is rounded once, on store (paper 3.3).
#pragma once

#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [N, H, W, C] as (N H W) x C, weight [O, C, kh, kw]; output y [N, OH, OW, O] as (N OH OW) x O;
/// node.window is the geometry. Saves nothing.
struct Conv2dOp {
    /// The weight as O x (C kh kw): a row is what one output channel weighs the window with.
    static TensorView by_channel(const TensorView& weight, std::int64_t out_channels) {
        return weight.reshaped(out_channels, weight.elements() / out_channels);
    }

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.convolve(call.output, call.inputs[0], by_channel(call.inputs[1], call.output.cols),
                          call.node->window, gemm_options(call));
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView& dy = call.output_gradient;
        const GemmOptions options = gemm_options(call);
        if (call.input_gradients[0]) {
            executor.convolve_input_gradient(call.input_gradients[0], dy, by_channel(call.inputs[1], dy.cols),
                                             call.node->window, options);
        }
        if (call.input_gradients[1]) {
            executor.convolve_weight_gradient(by_channel(call.input_gradients[1], dy.cols), dy,
                                              call.inputs[0], call.node->window, options);
        }
    }
};

}  // namespace halfscope
