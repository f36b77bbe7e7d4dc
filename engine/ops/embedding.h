// Looks up one row of a table for each token. Run by backends through op_list.h. Must not clamp tokens: data
// sources guarantee 0 <= token < vocabulary.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs tokens [rows] and weight [vocabulary, dimension]; output y [rows, dimension]. A token's gradients
/// are summed in FP32 in ascending row order and rounded once; rows of tokens that do not occur get 0.
struct Embedding {
    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.gather_rows(call.output, call.inputs[1], call.tokens[0]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (call.input_gradients[1]) {
            executor.scatter_add_rows(call.input_gradients[1], call.tokens[0], call.output_gradient);
        }
    }
};

}  // namespace halfscope
