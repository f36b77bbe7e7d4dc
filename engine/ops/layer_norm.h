// Layer normalisation over the innermost axis (Ba, Kiros & Hinton 2016) with gain and bias. Run by backends
// through op_list.h. Statistics are FP32 (paper 3.3) unless reductions=storage; must not use the one-pass
// variance, which cancels.
#pragma once

#include "numerics/math.h"
#include "numerics/rounding.h"
#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [rows, cols], weight [cols], bias [cols]; output y [rows, cols]; node.amount is eps.
/// Saved, all [rows, 1] FP32: mean, inverse_deviation, and two sums that backward fills.
struct LayerNorm {
    struct SquaredDeviation {
        HALFSCOPE_HD float operator()(std::int64_t, float x, float mean) const {
            return (x - mean) * (x - mean);
        }
    };
    /// 1 / sqrt(variance + eps), variance biased; eps and the sum are rounded to eps_format, where 1e-8 may
    /// become 0.
    struct InverseDeviation {
        float count;
        float eps;
        Format eps_format;
        HALFSCOPE_HD float operator()(std::int64_t, float sum) const {
            const float variance = round_to(eps_format, sum / count);
            return 1.0f / math::sqrt(round_to(eps_format, variance + round_to(eps_format, eps)));
        }
    };
    struct Forward {
        HALFSCOPE_HD float operator()(std::int64_t, float x, float mean, float inverse, float weight,
                                      float bias) const {
            return (x - mean) * inverse * weight + bias;
        }
    };
    struct Gradient {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float weight) const { return dy * weight; }
    };
    struct GradientProduct {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float weight, float x, float mean,
                                      float inverse) const {
            return dy * weight * ((x - mean) * inverse);
        }
    };
    struct Backward {
        float count;
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float weight, float x, float mean,
                                      float inverse, float gradient_sum, float product_sum) const {
            const float normalised = (x - mean) * inverse;
            return inverse * (dy * weight - (gradient_sum + normalised * product_sum) / count);
        }
    };
    struct WeightGradient {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float x, float mean, float inverse) const {
            return dy * ((x - mean) * inverse);
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const TensorView& x = call.inputs[0];
        const TensorView& mean = call.saved[0];
        const TensorView& inverse = call.saved[1];
        const Reduction sum{Fold::sum, call.arithmetic.reduction_format};
        const float count = static_cast<float>(x.cols);
        executor.row_reduce(mean, sum, Identity{}, x);
        executor.map(mean, DivideBy{count}, mean);
        executor.row_reduce(inverse, sum, SquaredDeviation{}, x, PerRow{mean});
        executor.map(inverse, InverseDeviation{count, call.node->amount, call.arithmetic.eps_format},
                     inverse);
        executor.map(call.output, Forward{}, x, PerRow{mean}, PerRow{inverse}, PerColumn{call.inputs[1]},
                     PerColumn{call.inputs[2]});
    }

    /// With h = (x - mean) * inverse: dx = inverse (dy w - (sum(dy w) + h sum(dy w h)) / cols), dw = column
    /// sums of dy h, db = column sums of dy. The sums over gradients are FP32 always: they are no norm
    /// statistics.
    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        const TensorView& dy = call.output_gradient;
        const TensorView& x = call.inputs[0];
        const PerColumn weight{call.inputs[1]};
        const PerRow mean{call.saved[0]};
        const PerRow inverse{call.saved[1]};
        if (call.input_gradients[0]) {
            const PerRow gradient_sum{call.saved[2]};
            const PerRow product_sum{call.saved[3]};
            executor.row_reduce(gradient_sum.view, Reduction{}, Gradient{}, dy, weight);
            executor.row_reduce(product_sum.view, Reduction{}, GradientProduct{}, dy, weight, x, mean,
                                inverse);
            executor.map(call.input_gradients[0], Backward{static_cast<float>(x.cols)}, dy, weight, x, mean,
                         inverse, gradient_sum, product_sum);
        }
        if (call.input_gradients[1]) {
            executor.column_reduce(call.input_gradients[1], WeightGradient{}, dy, x, mean, inverse);
        }
        if (call.input_gradients[2]) executor.column_reduce(call.input_gradients[2], Identity{}, dy);
    }
};

}  // namespace halfscope
