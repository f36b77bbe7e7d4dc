// The learning-rate schedules and the Adam constants that the built-in scenarios share.
#pragma once

#include <cstdint>

#include "ops/update_call.h"

namespace halfscope {

/// Adam (Kingma & Ba 2015) with betas 0.9 and 0.999, eps 1e-8, and the learning rate
/// `learning_rate` * (0.5 (1 + cos(pi t)) + 0.01), t = position / steps, at most 1: a cosine that ends at 1%
/// and stays there when a run goes on beyond its schedule.
OptimizerStep cosine_adam(float learning_rate, std::int64_t position, std::int64_t steps);

/// SGD with momentum 0.9 under the same schedule.
OptimizerStep cosine_momentum(float learning_rate, std::int64_t position, std::int64_t steps);

/// The same two at a constant learning rate.
OptimizerStep constant_adam(float learning_rate);
OptimizerStep constant_momentum(float learning_rate);

}  // namespace halfscope
