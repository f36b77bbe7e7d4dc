#include "train/scenarios/schedule.h"

#include <algorithm>

#include "numerics/math.h"

namespace halfscope {

namespace {

float cosine(float learning_rate, std::int64_t position, std::int64_t steps) {
    constexpr float kPi = 3.14159265358979f;
    const double reached = static_cast<double>(position) / static_cast<double>(steps);
    const auto t = static_cast<float>(std::clamp(reached, 0.0, 1.0));
    return learning_rate * (0.5f * (1.0f + math::cos(kPi * t)) + 0.01f);
}

}  // namespace

OptimizerStep constant_adam(float learning_rate) {
    OptimizerStep step;
    step.kind = OptimizerKind::adam;
    step.learning_rate = learning_rate;
    step.beta1 = 0.9f;
    step.beta2 = 0.999f;
    step.eps = 1e-8f;
    return step;
}

OptimizerStep constant_momentum(float learning_rate) {
    OptimizerStep step;
    step.kind = OptimizerKind::sgd;
    step.learning_rate = learning_rate;
    step.momentum = 0.9f;
    return step;
}

OptimizerStep cosine_adam(float learning_rate, std::int64_t position, std::int64_t steps) {
    return constant_adam(cosine(learning_rate, position, steps));
}

OptimizerStep cosine_momentum(float learning_rate, std::int64_t position, std::int64_t steps) {
    return constant_momentum(cosine(learning_rate, position, steps));
}

}  // namespace halfscope
