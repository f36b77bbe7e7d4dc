#include "train/scenarios/schedule.h"

#include <algorithm>

#include "numerics/math.h"

namespace halfscope {

OptimizerStep cosine_adam(float learning_rate, std::int64_t position, std::int64_t steps) {
    constexpr float kPi = 3.14159265358979f;
    const double reached = static_cast<double>(position) / static_cast<double>(steps);
    const auto t = static_cast<float>(std::clamp(reached, 0.0, 1.0));
    OptimizerStep step;
    step.kind = OptimizerKind::adam;
    step.learning_rate = learning_rate * (0.5f * (1.0f + math::cos(kPi * t)) + 0.01f);
    step.beta1 = 0.9f;
    step.beta2 = 0.999f;
    step.eps = 1e-8f;
    return step;
}

}  // namespace halfscope
