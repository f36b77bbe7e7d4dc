// Softmax and cross-entropy in one loss. Run by backends through op_list.h. Works in FP32 inside and rounds
// at its edges (paper 3.3); reductions=storage rounds the denominator and the loss sum every 16 addends, to
// show what that breaks. Must not scale by itself: S arrives folded into loss_gradient (paper 3.2).
#pragma once

#include "numerics/math.h"
#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs logits [rows, classes] and labels [rows] (tokens, each in [0, classes)); output loss [1], FP32.
/// Saved: log_sum_exp [rows, 1], row_loss [rows, 1], both FP32. A row with +inf, or of -inf alone, gives NaN
/// as in PyTorch.
struct SoftmaxCrossEntropy {
    struct ExpMinusMaximum {
        HALFSCOPE_HD float operator()(std::int64_t, float x, float row_maximum) const {
            return math::exp_of_nonpositive(x - row_maximum);
        }
    };
    struct LogSumExp {
        HALFSCOPE_HD float operator()(std::int64_t, float row_maximum, float sum) const {
            return row_maximum + math::log(sum);
        }
    };
    /// A select, not a product: 0 * inf would be NaN.
    struct PickLabel {
        HALFSCOPE_HD float operator()(std::int64_t, float x, float hot) const {
            return hot != 0.0f ? x : 0.0f;
        }
    };
    struct RowLoss {
        HALFSCOPE_HD float operator()(std::int64_t, float log_sum, float picked) const {
            return log_sum - picked;
        }
    };
    struct Backward {
        const PassValues* values;
        float count;  ///< what the loss was divided by
        float factor = 0.0f;
        HALFSCOPE_HD Backward bind() const { return {values, count, values->loss_gradient / count}; }
        HALFSCOPE_HD float operator()(std::int64_t, float x, float log_sum, float hot) const {
            return (math::exp(x - log_sum) - hot) * factor;
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const TensorView& logits = call.inputs[0];
        const TensorView& log_sum_exp = call.saved[0];
        const TensorView& row_loss = call.saved[1];
        const Reduction sum{Fold::sum, call.arithmetic.reduction_format};
        // log_sum_exp holds the row's maximum, and row_loss the denominator, until both are known.
        executor.row_reduce(log_sum_exp, Reduction{Fold::maximum, Format::fp32}, Identity{}, logits);
        executor.row_reduce(row_loss, sum, ExpMinusMaximum{}, logits, PerRow{log_sum_exp});
        executor.map(log_sum_exp, LogSumExp{}, log_sum_exp, row_loss);
        executor.row_reduce(row_loss, Reduction{}, PickLabel{}, logits, OneHot{call.tokens[1]});
        executor.map(row_loss, RowLoss{}, log_sum_exp, row_loss);
        executor.row_reduce(call.output, sum, Identity{}, row_loss.reshaped(1, row_loss.rows));
        if (call.arithmetic.loss_reduction == LossReduction::mean) {
            executor.map(call.output, DivideBy{static_cast<float>(logits.rows)}, call.output);
        }
    }

    /// dlogits = (softmax - onehot) S / rows, or without the division for a summed loss; one rounding, on
    /// store.
    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (!call.input_gradients[0]) return;
        const TensorView& logits = call.inputs[0];
        const bool mean = call.arithmetic.loss_reduction == LossReduction::mean;
        const float count = mean ? static_cast<float>(logits.rows) : 1.0f;
        executor.map(call.input_gradients[0], Backward{call.values, count}, logits, PerRow{call.saved[0]},
                     OneHot{call.tokens[1]});
    }
};

}  // namespace halfscope
