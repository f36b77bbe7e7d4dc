// What a lane will need, worked out before anything is allocated: the plans of its graphs, the optimizer's
// extra buffers, and whether all of it fits. Called by Lane and Experiment; allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "backend/backend.h"
#include "graph/plan.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {

/// The optimizer's buffers for each parameter, and the index of each kind (-1: there is none).
struct StateSlots {
    std::vector<StateBuffer> buffers;
    int master = -1;
    int moment1 = -1;
    int moment2 = -1;
    int compensation = -1;
    int accumulated = -1;  ///< sum of the micro-batches' gradients
};
StateSlots state_slots(const Workload& workload, const Techniques& techniques);

/// FP32 throughout, but the same loss: what a shadow pass computes with.
PrecisionPolicy shadow_policy(const Techniques& techniques);

/// The shadow pass's buffers for each parameter: the FP32 sum over micro-batches, where there are several.
std::vector<StateBuffer> shadow_slots(const Workload& workload);

/// Whether a shadow pass could differ from the lane's own pass at all; a plain FP32 lane would compare with
/// itself.
bool shadow_is_meaningful(const Techniques& techniques);

struct LanePlans {
    StateSlots slots;
    Plan training;
    Plan evaluation;
    Plan shadow;
    std::uint64_t bytes_beside = 0;  ///< staging area of training, values of a pass and of a step
    std::uint64_t evaluation_beside = 0, shadow_beside = 0;  ///< likewise
    std::uint64_t probe_bytes = 0;
    /// Everything together: evaluation, shadow and the counts of probes are allocated at their first use, but
    /// must fit from the start.
    std::uint64_t total_bytes() const {
        return training.total_bytes() + bytes_beside + evaluation_bytes() + shadow_bytes() + probe_bytes;
    }
    std::uint64_t evaluation_bytes() const { return evaluation.total_bytes() + evaluation_beside; }
    std::uint64_t shadow_bytes() const { return shadow.total_bytes() + shadow_beside; }
};
/// A lane that is there, and what it will still allocate of what its plans name.
struct RunningLane {
    LanePlans plans;
    std::uint64_t bytes_to_come = 0;
};
/// What a lane of these plans runs: training, evaluation and shadow pass.
std::array<PlannedPass, 3> passes_of(const Workload& workload, const LanePlans& plans);
/// Throws InputError where sizes are absurd (beyond 2^62 bytes), or a node to keep in FP32 is not there.
LanePlans plan_lane(const Workload& workload, const Techniques& techniques);

/// Throws InputError with the figures where these lanes, and what the backend takes to run them, do not fit
/// into its memory beside what others of the same workload will still take. `who`: "lane 'mixed'".
void require_memory(const Backend& backend, const Workload& workload, const std::string& who,
                    std::span<const LanePlans> lanes, std::span<const RunningLane> others = {});

}  // namespace halfscope
