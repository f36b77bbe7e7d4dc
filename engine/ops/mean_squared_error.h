// Mean squared error over all elements. Run by backends through op_list.h. Works in FP32 inside; targets are
// FP32. Must not scale by itself: S arrives folded into loss_gradient (paper 3.2).
#pragma once

#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs prediction [rows, cols] and target [rows, cols] (FP32); output loss [1], FP32. Saved: row_loss
/// [rows, 1], FP32: each row's sum of squares, rounded in blocks under reductions=storage.
struct MeanSquaredError {
    struct Square {
        HALFSCOPE_HD float operator()(std::int64_t, float prediction, float target) const {
            const float difference = prediction - target;
            return difference * difference;
        }
    };
    struct Backward {
        const PassValues* values;
        float count;  ///< what the loss was divided by
        float factor = 0.0f;
        HALFSCOPE_HD Backward bind() const { return {values, count, 2.0f * values->loss_gradient / count}; }
        HALFSCOPE_HD float operator()(std::int64_t, float prediction, float target) const {
            return (prediction - target) * factor;
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const TensorView& row_loss = call.saved[0];
        const Reduction sum{Fold::sum, call.arithmetic.reduction_format};
        executor.row_reduce(row_loss, sum, Square{}, call.inputs[0], call.inputs[1]);
        executor.row_reduce(call.output, sum, Identity{}, row_loss.reshaped(1, row_loss.rows));
        if (call.arithmetic.loss_reduction == LossReduction::mean) {
            executor.map(call.output, DivideBy{static_cast<float>(call.inputs[0].elements())}, call.output);
        }
    }

    /// dprediction = 2 (prediction - target) S / elements, or without the division for a summed loss.
    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (!call.input_gradients[0]) return;
        const bool mean = call.arithmetic.loss_reduction == LossReduction::mean;
        const float count = mean ? static_cast<float>(call.inputs[0].elements()) : 1.0f;
        executor.map(call.input_gradients[0], Backward{call.values, count}, call.inputs[0], call.inputs[1]);
    }
};

}  // namespace halfscope
