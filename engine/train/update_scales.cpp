#include "train/update_scales.h"

#include <cmath>

#include "numerics/rounding.h"
#include "ops/optimizer_update.h"
#include "train/loss_scaler.h"

namespace halfscope {
namespace {

/// d of one weight, by the formula that devices run.
float update_of(const UpdatePeek& peek, std::size_t element, float gradient, float scale) {
    UpdateCall call;
    call.optimizer = peek.optimizer;
    call.subnormals = peek.subnormals;
    call.decay_order = peek.decay_order;
    call.clip_factor = peek.clip_factor;
    call.inverse_scale = inverse_of_scale(scale);
    const UpdateRule rule(call);
    const float weight = peek.weight[element];
    const auto moment = [element](const std::vector<float>& values) {
        return values.empty() ? 0.0f : values[element];
    };
    float moments[] = {moment(peek.moment1), moment(peek.moment2)};
    if (!peek.moment2.empty()) return rule.update<2, MomentForm::rounded>(gradient, weight, moments);
    if (!peek.moment1.empty()) return rule.update<1, MomentForm::rounded>(gradient, weight, moments);
    return rule.update<0, MomentForm::rounded>(gradient, weight, moments);
}

}  // namespace

std::vector<ScaledUpdate> updates_under_scales(const UpdatePeek& peek, std::size_t element) {
    std::vector<ScaledUpdate> found;
    for (int scale_log2 = kLowestSweptScale; scale_log2 <= kHighestSweptScale; ++scale_log2) {
        const float scale = std::ldexp(1.0f, scale_log2);
        ScaledUpdate one;
        one.scale_log2 = scale_log2;
        one.scaled = peek.true_gradient[element] * scale;
        one.stored = round_to(peek.gradient_format, one.scaled, peek.subnormals);
        one.gradient_class = classify(one.scaled, one.stored, peek.gradient_format);
        one.update = update_of(peek, element, one.stored, scale);
        if (one.is_finite())
            one.fate = fate_of(peek.format, peek.subnormals, peek.stored[element], one.update);
        found.push_back(one);
    }
    return found;
}

float update_of_true_gradient(const UpdatePeek& peek, std::size_t element) {
    return update_of(peek, element, peek.true_gradient[element], 1.0f);
}

}  // namespace halfscope
