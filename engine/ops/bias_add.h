// Adds one value to each column. Run by backends through op_list.h. Must not be merged into Linear: networks
// that share one bias over several products need it apart.
#pragma once

#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [rows, cols], bias [cols]; output y [rows, cols]. Saves nothing.
struct BiasAdd {
    struct Sum {
        HALFSCOPE_HD float operator()(std::int64_t, float x, float bias) const { return x + bias; }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.map(call.output, Sum{}, call.inputs[0], PerColumn{call.inputs[1]});
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (call.input_gradients[0]) executor.copy(call.input_gradients[0], call.output_gradient);
        if (call.input_gradients[1])
            executor.column_reduce(call.input_gradients[1], Identity{}, call.output_gradient);
    }
};

}  // namespace halfscope
