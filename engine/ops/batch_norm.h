// Batch normalisation over all but the innermost axis (Ioffe & Szegedy 2015) with gain and bias, in PyTorch's
// form. Run by backends through op_list.h. Statistics are FP32 (paper 3.3) unless reductions=storage; must
// not use the one-pass variance, which cancels.
#pragma once

#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/layer_norm.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [rows, C], weight [C], bias [C], running_mean [C], running_var [C] (FP32, updated in place while
/// training); output y [rows, C]; node.amount is eps, node.momentum the batch's share in the running
/// statistics. Saved, all [1, C] FP32: mean, inverse_deviation, and two sums that backward fills.
struct BatchNorm {
    using Normalise = LayerNorm::Forward;

    /// What running statistics become: the variance in them is unbiased, rows / (rows - 1), as PyTorch's.
    struct RunningMean {
        float momentum;
        HALFSCOPE_HD float operator()(std::int64_t, float running, float mean) const {
            return (1.0f - momentum) * running + momentum * mean;
        }
    };
    struct RunningVariance {
        float momentum, count;
        HALFSCOPE_HD float operator()(std::int64_t, float running, float squares) const {
            return (1.0f - momentum) * running + momentum * (squares / (count > 1.0f ? count - 1.0f : 1.0f));
        }
    };
    /// The inverse of a running deviation.
    struct InverseOfVariance {
        float eps;
        Format eps_format;
        HALFSCOPE_HD float operator()(std::int64_t i, float variance) const {
            return LayerNorm::InverseDeviation{1.0f, eps, eps_format}(i, variance);
        }
    };
    /// dy and dy h.
    struct GradientAndProduct {
        HALFSCOPE_HD Values<2> operator()(std::int64_t, float dy, float x, float mean, float inverse) const {
            return {{dy, dy * ((x - mean) * inverse)}};
        }
    };
    struct Backward {
        float count;
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float x, float weight, float mean,
                                      float inverse, float gradient_sum, float product_sum) const {
            const float normalised = (x - mean) * inverse;
            return inverse * weight * (dy - (gradient_sum + normalised * product_sum) / count);
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const TensorView& x = call.inputs[0];
        const TensorView &running_mean = call.inputs[3], &running_variance = call.inputs[4];
        const TensorView &mean = call.saved[0], &inverse = call.saved[1];
        const float eps = call.node->amount, momentum = call.node->momentum;
        if (call.mode == RunMode::evaluation) {
            executor.copy(mean, running_mean);
            executor.map(inverse, InverseOfVariance{eps, call.arithmetic.eps_format}, running_variance);
        } else {
            const Reduction sum{Fold::sum, call.arithmetic.reduction_format};
            const float count = static_cast<float>(x.rows);
            executor.column_reduce(mean, sum, Identity{}, x);
            executor.map(mean, DivideBy{count}, mean);
            executor.column_reduce(inverse, sum, LayerNorm::SquaredDeviation{}, x, PerColumn{mean});
            executor.map(running_mean, RunningMean{momentum}, running_mean, mean);
            executor.map(running_variance, RunningVariance{momentum, count}, running_variance, inverse);
            executor.map(inverse, LayerNorm::InverseDeviation{count, eps, call.arithmetic.eps_format},
                         inverse);
        }
        executor.map(call.output, Normalise{}, x, PerColumn{mean}, PerColumn{inverse},
                     PerColumn{call.inputs[1]}, PerColumn{call.inputs[2]});
    }

    /// With h = (x - mean) * inverse: db = sum(dy), dw = sum(dy h), dx = inverse w (dy - (db + h dw) / rows),
    /// the sums over rows in FP32 always and not yet rounded for dx.
    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView& dy = call.output_gradient;
        const TensorView& x = call.inputs[0];
        const PerColumn mean{call.saved[0]}, inverse{call.saved[1]};
        const TensorView &gradient_sum = call.saved[2], &product_sum = call.saved[3];
        executor.column_reduce(Outputs<2>{{gradient_sum, product_sum}}, GradientAndProduct{}, dy, x, mean,
                               inverse);
        if (call.input_gradients[0]) {
            executor.map(call.input_gradients[0], Backward{static_cast<float>(x.rows)}, dy, x,
                         PerColumn{call.inputs[1]}, mean, inverse, PerColumn{gradient_sum},
                         PerColumn{product_sum});
        }
        if (call.input_gradients[1]) executor.copy(call.input_gradients[1], product_sum);
        if (call.input_gradients[2]) executor.copy(call.input_gradients[2], gradient_sum);
    }
};

}  // namespace halfscope
