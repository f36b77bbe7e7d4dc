// The optimizer's update of one parameter: SGD with momentum, Adam and AdamW, with or without an FP32 master
// copy, and the three ways to round a stored weight without one. Run by backends through Backend::update.
// Must not decide whether a step is skipped (update_decision.h does), nor touch the loss scale (train/ does).
//
// The gradient, in FP32:  g = stored * inverse_scale * clip_factor + weight_decay * w        (decay_order
// after_unscale)
//                         g = (stored * clip_factor + weight_decay * w) * inverse_scale      (before_unscale:
//                         decay / S)
// AdamW's decay does not join the gradient. w is the master copy where there is one, else the stored weight.
// The update d, added to w:
//   SGD    v = momentum v + g;  d = -lr v        PyTorch's form; without a momentum tensor d = -lr g
//   Adam   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  d = -lr (m / c1) / (sqrt(v / c2) + eps)
//   AdamW  as Adam, d = -(lr weight_decay w + lr (m / c1) / (sqrt(v / c2) + eps))
// Under state_format other than FP32, moments and the constants momentum, b1, 1 - b1, b2, 1 - b2, eps and
// weight_decay are rounded to it (learning rate and bias corrections change with the step and stay FP32, like
// intermediate results). d is computed from the moments as stored.
#pragma once

#include "numerics/math.h"
#include "numerics/random.h"
#include "numerics/rounding.h"
#include "ops/executor.h"
#include "ops/update_call.h"

namespace halfscope {

/// Whether moments are rounded as they are made. FP32 ones have formulas of their own, because a loop that
/// asks for the format of each element does not vectorise.
enum class MomentForm : std::uint8_t { fp32, rounded };

/// The constants of one step, rounded where state_format asks for it, and the update they define.
struct UpdateRule {
    OptimizerKind kind;
    float learning_rate, momentum, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, weight_decay;
    float bias_correction1, bias_correction2;
    float inverse_scale, clip_factor;
    UnscaleOrder decay_order;
    Format state_format;
    Subnormals subnormals;

    explicit UpdateRule(const UpdateCall& call)
        : kind(call.optimizer.kind),
          learning_rate(call.optimizer.learning_rate),
          momentum(round_to(call.optimizer.state_format, call.optimizer.momentum)),
          beta1(round_to(call.optimizer.state_format, call.optimizer.beta1)),
          one_minus_beta1(round_to(call.optimizer.state_format, 1.0f - call.optimizer.beta1)),
          beta2(round_to(call.optimizer.state_format, call.optimizer.beta2)),
          one_minus_beta2(round_to(call.optimizer.state_format, 1.0f - call.optimizer.beta2)),
          eps(round_to(call.optimizer.state_format, call.optimizer.eps)),
          weight_decay(round_to(call.optimizer.state_format, call.optimizer.weight_decay)),
          bias_correction1(call.optimizer.bias_correction1),
          bias_correction2(call.optimizer.bias_correction2),
          inverse_scale(call.inverse_scale),
          clip_factor(call.clip_factor),
          decay_order(call.decay_order),
          state_format(call.optimizer.state_format),
          subnormals(call.subnormals) {}

    /// The rule with the values of a step.
    HALFSCOPE_HD UpdateRule at(const UpdateValues& values) const {
        UpdateRule rule = *this;
        rule.learning_rate = values.learning_rate;
        rule.bias_correction1 = values.bias_correction1;
        rule.bias_correction2 = values.bias_correction2;
        rule.inverse_scale = values.inverse_scale;
        rule.clip_factor = values.decision.clip_factor;
        return rule;
    }

    /// The unscaled, clipped gradient with weight decay, where the optimizer lets it join.
    HALFSCOPE_HD float gradient(float stored, float weight) const {
        if (kind == OptimizerKind::adamw || weight_decay == 0.0f) return stored * inverse_scale * clip_factor;
        if (decay_order == UnscaleOrder::before_unscale) {
            return (stored * clip_factor + weight_decay * weight) * inverse_scale;
        }
        return stored * inverse_scale * clip_factor + weight_decay * weight;
    }

    /// d for the weight; `moments` (kMoments of them: none, or momentum, or first and second) are advanced in
    /// place.
    template <int kMoments, MomentForm kMomentForm>
    HALFSCOPE_HD float update(float gradient_as_stored, float weight, float* moments) const {
        const float g = gradient(gradient_as_stored, weight);
        if constexpr (kMoments == 0) {
            return -(learning_rate * g);
        } else if constexpr (kMoments == 1) {
            moments[0] = stored<kMomentForm>(momentum * moments[0] + g);
            return -(learning_rate * moments[0]);
        } else {
            moments[0] = stored<kMomentForm>(beta1 * moments[0] + one_minus_beta1 * g);
            moments[1] = stored<kMomentForm>(beta2 * moments[1] + one_minus_beta2 * (g * g));
            const float step = learning_rate * (moments[0] / bias_correction1);
            const float u = step / (math::sqrt(moments[1] / bias_correction2) + eps);
            return kind == OptimizerKind::adamw ? -(learning_rate * weight_decay * weight + u) : -u;
        }
    }

    /// A moment as it is stored.
    template <MomentForm kMomentForm>
    HALFSCOPE_HD float stored(float moment) const {
        if constexpr (kMomentForm == MomentForm::fp32) return moment;
        return round_to(state_format, moment, subnormals);
    }
};

/// Where the updated weight goes.
enum class WeightForm : std::uint8_t {
    master,      ///< w + d into the FP32 master copy, and rounded into the compute copy
    nearest,     ///< round(w + d) in storage format, to nearest even
    stochastic,  ///< rounded up with probability equal to the fraction of the ulp
    kahan        ///< compensated: y = round(d - c); t = round(w + y); c = round(round(t - w) - y); w = t
};

/// The functor of the update map. Inputs: stored gradient, w, [compensation], moments; outputs in this order:
/// w (for master: the master, then the compute copy), [compensation], moments. Kahan's form is Kahan 1965,
/// with every result, compensation included, rounded to the weight's storage format.
template <int kMoments, MomentForm kMomentForm, WeightForm kForm>
struct ParameterUpdate {
    static constexpr bool kHasExtra = kForm == WeightForm::master || kForm == WeightForm::kahan;
    static constexpr int kOutputs = (kHasExtra ? 2 : 1) + kMoments;

    UpdateRule rule;
    RandomKey random;
    Format weight_format;
    const UpdateValues* values;  ///< nullptr: the rule has them

    HALFSCOPE_HD bool is_idle() const { return values != nullptr && values->decision.is_skipped; }
    HALFSCOPE_HD ParameterUpdate bind() const {
        if (values == nullptr) return *this;
        return {rule.at(*values), at_step(random, values->step), weight_format, values};
    }

    template <class... State>
    HALFSCOPE_HD Values<kOutputs> operator()(std::int64_t i, float gradient, float weight,
                                             State... state) const {
        constexpr int kFirstMoment = kForm == WeightForm::kahan ? 1 : 0;
        static_assert(static_cast<int>(sizeof...(State)) == kFirstMoment + kMoments);
        float kept[sizeof...(State) + 1] = {state..., 0.0f};
        const float d = rule.template update<kMoments, kMomentForm>(gradient, weight, kept + kFirstMoment);
        Values<kOutputs> result{};
        if constexpr (kForm == WeightForm::master) {
            result.v[0] = weight + d;
            result.v[1] = weight + d;
        } else if constexpr (kForm == WeightForm::nearest) {
            result.v[0] = weight + d;
        } else if constexpr (kForm == WeightForm::stochastic) {
            const std::uint32_t bits = random_word(random, static_cast<std::uint64_t>(i));
            result.v[0] = round_stochastic(weight_format, weight + d, bits, rule.subnormals);
        } else {
            const float y = rounded(d - kept[0]);
            result.v[0] = rounded(weight + y);
            result.v[1] = rounded(rounded(result.v[0] - weight) - y);
        }
        for (int m = 0; m < kMoments; ++m) result.v[kOutputs - kMoments + m] = kept[kFirstMoment + m];
        return result;
    }

    HALFSCOPE_HD float rounded(float x) const { return round_to(weight_format, x, rule.subnormals); }
};

/// The functor of the counting pass: {d, w, round(w + d)} with w the stored weight, whatever form the update
/// takes; with a master copy it tells what would be lost without one (numerics.md "swallowed update").
template <int kMoments, MomentForm kMomentForm>
struct UpdateMeasure {
    UpdateRule rule;
    Format weight_format;
    const UpdateValues* values;  ///< nullptr: the rule has them

    HALFSCOPE_HD bool is_idle() const { return values != nullptr && values->decision.is_skipped; }
    HALFSCOPE_HD UpdateMeasure bind() const {
        return values == nullptr ? *this : UpdateMeasure{rule.at(*values), weight_format, values};
    }

    /// `decayed`: what weight decay reads, the master copy where there is one.
    template <class... Moments>
    HALFSCOPE_HD Values<3> operator()(std::int64_t, float gradient, float weight, float decayed,
                                      Moments... moments) const {
        static_assert(static_cast<int>(sizeof...(Moments)) == kMoments);
        float kept[sizeof...(Moments) + 1] = {moments..., 0.0f};
        const float d = rule.template update<kMoments, kMomentForm>(gradient, decayed, kept);
        return {{d, weight, round_to(weight_format, weight + d, rule.subnormals)}};
    }
};

/// Counts where asked for, then updates; `moments` are the call's moment views (as many as the optimizer
/// keeps).
template <MomentForm kMomentForm, class Executor, class... Moments>
void update_with_moments(Executor& executor, const UpdateCall& call, const Moments&... moments) {
    constexpr int kMoments = static_cast<int>(sizeof...(Moments));
    const UpdateRule rule(call);
    const Format format = call.weight.format;
    if (call.counts != nullptr) {
        const TensorView& decayed = call.master ? call.master : call.weight;
        executor.count_updates(*call.counts, format,
                               UpdateMeasure<kMoments, kMomentForm>{rule, format, call.values}, call.gradient,
                               call.weight, decayed, moments...);
    }
    if (call.master) {
        executor.map(Outputs<2 + kMoments>{{call.master, call.weight, moments...}},
                     ParameterUpdate<kMoments, kMomentForm, WeightForm::master>{rule, call.random, format,
                                                                                call.values},
                     call.gradient, call.master, moments...);
    } else if (call.rounding == UpdateRounding::stochastic) {
        executor.map(Outputs<1 + kMoments>{{call.weight, moments...}},
                     ParameterUpdate<kMoments, kMomentForm, WeightForm::stochastic>{rule, call.random, format,
                                                                                    call.values},
                     call.gradient, call.weight, moments...);
    } else if (call.rounding == UpdateRounding::kahan) {
        executor.map(
            Outputs<2 + kMoments>{{call.weight, call.compensation, moments...}},
            ParameterUpdate<kMoments, kMomentForm, WeightForm::kahan>{rule, call.random, format, call.values},
            call.gradient, call.weight, call.compensation, moments...);
    } else {
        executor.map(Outputs<1 + kMoments>{{call.weight, moments...}},
                     ParameterUpdate<kMoments, kMomentForm, WeightForm::nearest>{rule, call.random, format,
                                                                                 call.values},
                     call.gradient, call.weight, moments...);
    }
}

template <MomentForm kMomentForm, class Executor>
void update_with_moments_of(Executor& executor, const UpdateCall& call) {
    if (call.optimizer.kind != OptimizerKind::sgd) {
        update_with_moments<kMomentForm>(executor, call, call.moment1, call.moment2);
    } else {
        update_with_moments<kMomentForm>(executor, call, call.moment1);
    }
}

/// One optimizer update of one parameter; all views 1 x n. SGD without a moment1 view keeps no momentum.
template <class Executor>
void update_parameter(Executor& executor, const UpdateCall& call) {
    if (call.optimizer.kind == OptimizerKind::sgd && !call.moment1) {
        update_with_moments<MomentForm::fp32>(executor, call);
    } else if (call.optimizer.state_format == Format::fp32) {
        update_with_moments_of<MomentForm::fp32>(executor, call);
    } else {
        update_with_moments_of<MomentForm::rounded>(executor, call);
    }
}

}  // namespace halfscope
