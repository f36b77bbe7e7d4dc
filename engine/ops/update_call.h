// What the optimizer's update of one parameter needs. Filled by train/Lane, passed through Backend::update,
// read by ops/optimizer_update.h.
#pragma once

#include <cstdint>

#include "graph/arithmetic.h"
#include "numerics/random.h"
#include "ops/step_values.h"
#include "ops/tensor_view.h"

namespace halfscope {

enum class OptimizerKind : std::uint8_t { sgd, adam, adamw };
/// Rounding of w - u where there is no master copy.
enum class UpdateRounding : std::uint8_t { nearest, stochastic, kahan };
/// Whether clipping / weight decay see the unscaled gradient (right) or the scaled one (a classic mistake).
enum class UnscaleOrder : std::uint8_t { after_unscale, before_unscale };

/// Hyper-parameters of one step, already scheduled. SGD: v = momentum v + g, u = lr v (PyTorch's form).
/// Adam: Kingma & Ba 2015 with bias correction, eps outside the root; AdamW: Loshchilov & Hutter 2019,
/// decoupled decay.
struct OptimizerStep {
    OptimizerKind kind = OptimizerKind::adam;
    float learning_rate = 1e-3f;
    float momentum = 0.9f;
    float beta1 = 0.9f;
    float beta2 = 0.999f;
    float eps = 1e-8f;
    float weight_decay = 0.0f;
    float bias_correction1 = 1.0f;  ///< 1 - beta1^t, t = updates done including this one
    float bias_correction2 = 1.0f;
    Format state_format =
        Format::fp32;  ///< not fp32: moments and every constant of the update are rounded to it
};

/// Counted inside the update where asked for; see numerics.md "swallowed update".
struct UpdateCounts {
    std::uint64_t updates = 0;    ///< elements with a non-zero update and a non-zero weight
    std::uint64_t swallowed = 0;  ///< of these, round(w + d) == w in the weight's storage format
    TensorCounts values;          ///< the updates d themselves, against the storage format

    void clear() {
        updates = swallowed = 0;
        values.clear();
    }
};

struct UpdateCall {
    OptimizerStep optimizer;
    TensorView gradient;  ///< as stored, times the loss scale; 1 x n like all others
    TensorView weight;    ///< compute copy in storage format
    TensorView master;    ///< FP32 master copy, or no data
    TensorView moment1;   ///< momentum or first moment, in state_format; or no data
    TensorView moment2;
    TensorView compensation;  ///< Kahan compensation in storage format, or no data
    UpdateRounding rounding = UpdateRounding::nearest;
    Subnormals subnormals = Subnormals::keep;
    RandomKey random;  ///< stochastic rounding: keyed by (seed, tensor, step)
    float inverse_scale = 1.0f;
    float clip_factor = 1.0f;  ///< multiplies the gradient; 1 where nothing is clipped
    UnscaleOrder decay_order = UnscaleOrder::after_unscale;
    UpdateCounts* counts = nullptr;
    /// In the backend's memory, where the call is to be played back: counts instead of what of these values
    /// the call itself has. Where its decision is to skip, nothing is updated and nothing counted.
    const UpdateValues* values = nullptr;
};

/// What the check of one scaled gradient finds. Counts are exact; sums are in double in row_reduce's fixed
/// order (ops/executor.h) over chunks of kDoubleChunk elements, chunk sums added ascending.
inline constexpr std::int64_t kDoubleChunk = 16384;
struct GradientCheck {
    std::uint64_t nonfinite = 0;           ///< NaN or inf as stored
    std::uint64_t nonfinite_unscaled = 0;  ///< non-finite only after multiplying by inverse_scale (S < 1)
    double sum_of_squares = 0.0;           ///< of g * inverse_scale
    float max_abs = 0.0f;                  ///< largest finite |g * inverse_scale|
};

/// Whether the gradient counts as non-finite under the values' rules.
HALFSCOPE_HD inline bool is_nonfinite(const GradientCheck& check, const UpdateValues& values) {
    return check.nonfinite > 0 || (values.sees_unscaled && check.nonfinite_unscaled > 0);
}

/// What the comparison of a lane's gradient g with the shadow pass's s finds; sums as in GradientCheck.
struct GradientComparison {
    double difference_square = 0.0;  ///< ||g * inverse_scale - s||^2
    double gradient_square = 0.0;    ///< ||g * inverse_scale||^2
    double shadow_square = 0.0;      ///< ||s||^2
    double product = 0.0;            ///< <g * inverse_scale, s>
};

}  // namespace halfscope
