#include "train/lane_plan.h"

#include <algorithm>
#include <stdexcept>

#include "train/bytes_text.h"
#include "train/input_error.h"
#include "train/lane_buffers.h"
#include "train/optimizer_schedule.h"

namespace halfscope {

StateSlots state_slots(const Workload& workload, const Techniques& techniques) {
    StateSlots slots;
    const auto add = [&slots](const char* name, Format format, MemoryCategory category,
                              bool rounded = false) {
        slots.buffers.push_back({name, format, category, rounded});
        return static_cast<int>(slots.buffers.size()) - 1;
    };
    if (techniques.has_master()) {
        slots.master = add("master", Format::fp32, MemoryCategory::master_weights, true);
    }
    const int moments = moment_count(workload.optimizer(0));
    const Format format = techniques.optimizer_state_format();
    if (moments >= 1) slots.moment1 = add("moment1", format, MemoryCategory::optimizer_state);
    if (moments >= 2) slots.moment2 = add("moment2", format, MemoryCategory::optimizer_state);
    if (techniques.update_rounding == UpdateRounding::kahan) {
        slots.compensation = add("compensation", techniques.storage, MemoryCategory::optimizer_state, true);
    }
    if (workload.micro_batches() > 1) {
        slots.accumulated =
            add("accumulated", techniques.gradient_accumulation_format(), MemoryCategory::gradients);
    }
    return slots;
}

PrecisionPolicy shadow_policy(const Techniques& techniques) {
    PrecisionPolicy policy;
    policy.arithmetic.loss_reduction = techniques.loss_reduction;
    return policy;
}

std::vector<StateBuffer> shadow_slots(const Workload& workload) {
    if (workload.micro_batches() == 1) return {};
    return {{"accumulated", Format::fp32, MemoryCategory::gradients}};
}

bool shadow_is_meaningful(const Techniques& techniques) {
    return techniques.storage != Format::fp32 || techniques.matmul_input == MatmulInput::tf32 ||
           techniques.scaler.scaling != LossScaling::off || techniques.subnormals != Subnormals::keep;
}

namespace {

/// Throws InputError where the techniques name a node that the network does not have.
void require_nodes(const Workload& workload, const Techniques& techniques) {
    const Graph& graph = workload.training_graph();
    const std::string unknown = unknown_kept_node(techniques.policy(), graph);
    if (unknown.empty()) return;
    std::vector<std::string> names;
    for (const Node& node : graph.nodes()) {
        names.push_back(node.name);
        names.push_back(std::string(kOpPrefix) + op_name(node.op));
    }
    const std::string near = closest(unknown, names);
    throw InputError(
        "keep_fp32: scenario '" + workload.info().name + "' has no node '" + unknown + "'" +
        (near.empty() ? "; halfscope-cli list --json names its nodes." : ", did you mean '" + near + "'?"));
}

}  // namespace

LanePlans plan_lane(const Workload& workload, const Techniques& techniques) {
    const Graph& graph = workload.training_graph();
    const Graph& evaluation_graph = workload.evaluation_graph();
    require_nodes(workload, techniques);
    try {
        StateSlots slots = state_slots(workload, techniques);
        Plan training(graph, techniques.policy(), PlanPasses::forward_and_backward, slots.buffers);
        Plan evaluation(evaluation_graph, techniques.policy(), PlanPasses::forward_only, {});
        Plan shadow(graph, shadow_policy(techniques), PlanPasses::forward_and_backward,
                    shadow_slots(workload));
        const std::uint64_t beside = LaneBuffers::bytes_beside_plan(graph);
        return {.slots = std::move(slots),
                .training = std::move(training),
                .evaluation = std::move(evaluation),
                .shadow = std::move(shadow),
                .bytes_beside = beside + sizeof(UpdateValues),
                .evaluation_beside = LaneBuffers::bytes_beside_plan(evaluation_graph),
                .shadow_beside = beside,
                .probe_bytes = ProbeCounts::bytes(graph)};
    } catch (const std::length_error&) {
        throw InputError(
            "scenario '" + workload.info().name +
            "' with these parameters needs more memory than can be addressed; reduce batch or width.");
    }
}

std::array<PlannedPass, 3> passes_of(const Workload& workload, const LanePlans& plans) {
    return {{{workload.training_graph(), plans.training},
             {workload.evaluation_graph(), plans.evaluation},
             {workload.training_graph(), plans.shadow}}};
}

void require_memory(const Backend& backend, const Workload& workload, const std::string& who,
                    std::span<const LanePlans> lanes, std::span<const RunningLane> others) {
    std::uint64_t available = backend.available_bytes();
    std::uint64_t needed = 0;
    MemoryUse use;
    std::vector<PlannedPass> passes;
    for (const RunningLane& other : others) {
        available -= std::min(available, other.bytes_to_come);
        for (const PlannedPass& pass : passes_of(workload, other.plans)) passes.push_back(pass);
    }
    for (const LanePlans& plans : lanes) {
        // A sum beyond 64 bits is more than any machine has; each part is below 2^62.
        if (__builtin_add_overflow(needed, plans.total_bytes(), &needed)) needed = UINT64_MAX;
        for (std::size_t i = 0; i < use.bytes.size(); ++i) use.bytes[i] += plans.training.memory().bytes[i];
        for (const PlannedPass& pass : passes_of(workload, plans)) passes.push_back(pass);
    }
    // Lanes take turns: what operations need for themselves is needed once.
    const std::uint64_t scratch = needed <= available ? backend.scratch_bytes(passes) : 0;
    if (needed <= available && scratch <= available - needed) return;
    needed += scratch;
    throw InputError(who + " needs " + bytes_text(needed) + " (weights " +
                     bytes_text(use[MemoryCategory::weights] + use[MemoryCategory::master_weights]) +
                     ", activations " + bytes_text(use[MemoryCategory::activations]) + ", gradients " +
                     bytes_text(use[MemoryCategory::gradients]) + ", optimizer state " +
                     bytes_text(use[MemoryCategory::optimizer_state]) +
                     (scratch == 0 ? "" : ", scratch memory " + bytes_text(scratch)) +
                     ", and evaluation and shadow pass), but only " + bytes_text(available) + " are free" +
                     (others.empty() ? "" : " beside what the other lanes take") +
                     "; reduce batch or width, or remove a lane.");
}

}  // namespace halfscope
