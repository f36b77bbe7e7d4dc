#include "train/loss_scaler.h"

#include <charconv>
#include <cmath>

namespace halfscope {
namespace {

constexpr float kTwo14 = 16384.0f;
constexpr float kTwo15 = 32768.0f;
constexpr float kTwo16 = 65536.0f;
constexpr float kTwo24 = 16777216.0f;
constexpr float kTwo32 = 4294967296.0f;

float within(const ScalerRules& rules, float scale) {
    if (rules.min_scale > 0.0f && scale < rules.min_scale) return rules.min_scale;
    if (rules.max_scale > 0.0f && scale > rules.max_scale) return rules.max_scale;
    return scale;
}

}  // namespace

ScalerRules scaler_preset(ScalerKind kind) {
    ScalerRules rules;
    rules.kind = kind;
    if (kind == ScalerKind::custom) return rules;
    rules.growth_interval = 2000;
    rules.max_scale = 0.0f;
    switch (kind) {
        case ScalerKind::custom:
            break;
        case ScalerKind::pytorch:
            rules.initial_scale = kTwo16;
            break;
        case ScalerKind::apex:
            rules.initial_scale = kTwo16;
            rules.max_scale = kTwo24;
            break;
        case ScalerKind::keras:
            rules.initial_scale = kTwo15;
            break;
        case ScalerKind::openseq2seq_backoff:
            rules.initial_scale = kTwo14;
            rules.min_scale = 1.0f;
            rules.max_scale = kTwo14;
            break;
        case ScalerKind::logmax:
            rules.initial_scale = 1.0f;
            rules.min_scale = 1.0f;
            rules.max_scale = kTwo14;
            break;
        case ScalerKind::fairseq:
            rules.initial_scale = kTwo15;
            rules.min_scale = 1e-4f;
            rules.at_floor = AtFloor::error;
            break;
        case ScalerKind::megatron:
            rules.initial_scale = kTwo32;
            rules.growth_interval = 1000;
            rules.min_scale = 1.0f;
            rules.hysteresis = 2;
            break;
        case ScalerKind::deepspeed:
            rules.initial_scale = kTwo32;
            rules.growth_interval = 1000;
            rules.min_scale = 1.0f;
            rules.at_floor = AtFloor::error;
            break;
    }
    return rules;
}

ScalerState carry_scaler(const ScalerRules& before, const ScalerState& state, const ScalerRules& after) {
    if (after.scaling == LossScaling::off) return initial_scaler_state(after);
    const bool same_counting = before.kind == after.kind && before.scaling == after.scaling &&
                               before.growth_interval == after.growth_interval &&
                               before.hysteresis == after.hysteresis;
    ScalerState next = same_counting ? state : initial_scaler_state(after);
    const bool keeps_scale = before.scaling == after.scaling && before.initial_scale == after.initial_scale;
    // Choosing a framework changes loss_scale too, but a running dynamic scale is a finding worth keeping.
    const bool changes_framework = before.scaling == LossScaling::dynamic &&
                                   after.scaling == LossScaling::dynamic && before.kind != after.kind;
    next.scale = keeps_scale || changes_framework ? state.scale : after.initial_scale;
    if (after.scaling == LossScaling::dynamic) next.scale = within(after, next.scale);
    return next;
}

std::string scale_text(double scale) {
    int exponent = 0;
    if (std::isfinite(scale) && std::frexp(scale, &exponent) == 0.5)
        return "2^" + std::to_string(exponent - 1);
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, static_cast<float>(scale)).ptr;
    return std::string(text, end);
}

}  // namespace halfscope
