#include "train/optimizer_schedule.h"

namespace halfscope {
namespace {

/// By repeated squaring: the same bits on every machine, which std::pow does not promise.
double integer_power(double base, std::int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent /= 2, base *= base) {
        if (exponent % 2 == 1) result *= base;
    }
    return result;
}

}  // namespace

OptimizerStep scheduled_step(const Workload& workload, std::int64_t position, std::int64_t update,
                             Format state_format) {
    OptimizerStep step = workload.optimizer(position);
    step.bias_correction1 = static_cast<float>(1.0 - integer_power(static_cast<double>(step.beta1), update));
    step.bias_correction2 = static_cast<float>(1.0 - integer_power(static_cast<double>(step.beta2), update));
    step.state_format = state_format;
    return step;
}

int moment_count(const OptimizerStep& optimizer) {
    if (optimizer.kind != OptimizerKind::sgd) return 2;
    return optimizer.momentum != 0.0f ? 1 : 0;
}

}  // namespace halfscope
