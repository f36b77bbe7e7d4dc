// The update that a lane's next step would make of one parameter, element by element, without making it. Made
// by Lane::peek_update, shown by the window. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numerics/format.h"
#include "ops/update_call.h"

namespace halfscope {

/// What becomes of w + d in a format: numerics.md "swallowed update".
enum class UpdateFate : std::uint8_t {
    none,       ///< d is zero
    swallowed,  ///< w and d are not zero, and w + d rounds back to w
    rounded,    ///< it moves, by another amount than d
    exact       ///< it moves by d
};
UpdateFate fate_of(Format format, Subnormals subnormals, float weight, float update);

/// How many elements have which fate where each weight, as stored, takes its update by itself.
struct FateCounts {
    std::uint64_t none = 0, swallowed = 0, rounded = 0, exact = 0;
};

struct UpdatePeek {
    std::string tensor;
    std::int64_t step = 0;            ///< the step that would make it
    std::int64_t rows = 0, cols = 0;  ///< as a matrix: outputs by inputs of a linear layer
    Format format = Format::fp32;     ///< of the stored weight
    Format gradient_format = Format::fp32;
    Subnormals subnormals = Subnormals::keep;
    bool has_master = false;
    UpdateRounding rounding = UpdateRounding::nearest;
    double loss_scale = 1.0;  ///< contained in the gradients
    bool is_skipped = false;  ///< a gradient of the step is not finite, and the lane skips it then
    // What d is made by (ops/optimizer_update.h).
    OptimizerStep optimizer;
    UnscaleOrder decay_order = UnscaleOrder::after_unscale;
    float clip_factor = 1.0f;

    // By element, in rows. FP32 values.
    std::vector<float> weight;            ///< what is updated: the master copy, or the stored weight
    std::vector<float> stored;            ///< the weight as products read it
    std::vector<float> gradient;          ///< as stored, times the loss scale
    std::vector<float> true_gradient;     ///< of the shadow pass: FP32, without S, at the same weights
    std::vector<float> moment1, moment2;  ///< before the step; empty where the optimizer keeps none
    std::vector<float> update;            ///< d, in FP32: w becomes w + d
    std::vector<float> next;              ///< `weight` after the step
    std::vector<float> next_stored;       ///< `stored` after the step

    FateCounts fates;              ///< of all elements
    std::size_t worth_a_look = 0;  ///< an element whose update is swallowed, or else moves its weight
};

FateCounts count_fates(const UpdatePeek& peek);
std::size_t element_worth_a_look(const UpdatePeek& peek);

/// What would become of one update under other techniques (numerics.md, techniques.md `update_rounding`).
struct UpdateAlternatives {
    float nearest = 0;           ///< round(w + d), w as stored
    double swallowed_share = 0;  ///< of d, in 0..: (nearest - w) / d says how much arrives
    float lower = 0, upper = 0;  ///< the stored numbers around w + d
    double probability_up = 0;   ///< stochastic rounding: of `upper`
    /// With an FP32 master copy: equal updates until the stored weight moves, but for the master's own
    /// rounding; 0: never, for FP32 swallows d as well.
    double updates_until_it_moves = 0;
};
UpdateAlternatives alternatives_of(const UpdatePeek& peek, std::size_t element);

}  // namespace halfscope
