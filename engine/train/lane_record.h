// Everything that later steps of a lane depend on beside its techniques: raw buffers, loss scaler, counters.
// Made and taken by Lane (lane_record.cpp), written and read by experiment_record.h; plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ops/loss_scale.h"

namespace halfscope {

struct LaneRecord {
    /// The codes as they are stored: "fc1.weight/value", "fc1.weight/master", ".../moment1", ".../moment2",
    /// ".../compensation" of parameters, and "bn1.running_mean/value" of buffers.
    std::map<std::string, std::string> buffers;
    ScalerState scaler;
    std::int64_t updates = 0, skipped = 0;
    std::int64_t schedule_position = 0;
    // What was said and is not to be said again until it is over.
    bool said_nan_loss = false, said_poisoned = false, said_unseen = false, said_floor = false;
};

/// Steps, updates and positions that a run can reach; what a file claims beyond is refused.
inline constexpr std::int64_t kMaximumStep = std::int64_t{1} << 40;

}  // namespace halfscope
