// What the optimizer needs from the host at one step: scheduled hyper-parameters with bias corrections, and
// how many moments it keeps. Called by Lane; the update's arithmetic itself lives in ops/optimizer_update.h.
#pragma once

#include <cstdint>

#include "train/scenario.h"

namespace halfscope {

/// The workload's hyper-parameters at a schedule position with the bias corrections of update number `update`
/// (1 is the first): 1 - beta^update, in double (Kingma & Ba 2015, algorithm 1).
OptimizerStep scheduled_step(const Workload& workload, std::int64_t position, std::int64_t update,
                             Format state_format);

/// How many moment buffers a parameter needs: Adam 2, SGD 1 with momentum and 0 without.
int moment_count(const OptimizerStep& optimizer);

}  // namespace halfscope
