// Gaussian error linear unit in its exact form, x Phi(x) with erf (Hendrycks & Gimpel 2016). Run by backends
// through op_list.h. Must not use the tanh approximation, whose gradients differ in the third digit.
#pragma once

#include "numerics/math.h"
#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Input x [rows, cols]; output y of the same extents. Backward recomputes from x. -inf gives NaN, as in
/// PyTorch.
struct Gelu {
    static constexpr float kInverseRootTwo = 0.70710678118654752f;
    static constexpr float kInverseRootTwoPi = 0.39894228040143268f;

    struct Forward {
        static constexpr bool kTabulable = true;
        HALFSCOPE_HD float operator()(std::int64_t, float x) const {
            return x * (0.5f * (1.0f + math::erf(x * kInverseRootTwo)));
        }
    };
    /// d/dx x Phi(x) = Phi(x) + x phi(x).
    struct Backward {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float x) const {
            const float distribution = 0.5f * (1.0f + math::erf(x * kInverseRootTwo));
            const float density = kInverseRootTwoPi * math::exp_of_nonpositive(-0.5f * x * x);
            return dy * (distribution + x * density);
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        executor.map(call.output, Forward{}, call.inputs[0]);
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        if (call.input_gradients[0]) {
            executor.map(call.input_gradients[0], Backward{}, call.output_gradient, call.inputs[0]);
        }
    }
};

}  // namespace halfscope
