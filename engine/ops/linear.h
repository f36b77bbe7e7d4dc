// Linear layer y = x W^T + b: one GEMM forward, two GEMMs and a column sum backward. Run by backends through
// op_list.h. Does not round by itself: every result is rounded once, on store (paper 3.3: FP16 products, FP32
// sums, FP16 store).
#pragma once

#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [rows, in], weight [out, in], optionally bias [out]; output y [rows, out]. Saves nothing.
struct Linear {
    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        GemmOptions options = gemm_options(call);
        if (call.inputs.size() > 2) options.bias = call.inputs[2];
        executor.gemm(call.output, {call.inputs[0]}, {call.inputs[1], Transpose::yes}, options);
    }

    /// dx = dy W, dW = dy^T x (k over rows, ascending), db = column sums of dy.
    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView& dy = call.output_gradient;
        const GemmOptions options = gemm_options(call);
        const MatrixProduct dx{call.input_gradients[0], {dy}, {call.inputs[1]}, options};
        const MatrixProduct dw{call.input_gradients[1], {dy, Transpose::yes}, {call.inputs[0]}, options};
        if (dx.out && dw.out) {
            executor.gemm_pair(dx, dw);
        } else if (dx.out || dw.out) {
            const MatrixProduct& only = dx.out ? dx : dw;
            executor.gemm(only.out, only.a, only.b, only.options);
        }
        if (call.inputs.size() > 2 && call.input_gradients[2]) {
            executor.column_reduce(call.input_gradients[2], Identity{}, dy);
        }
    }
};

}  // namespace halfscope
