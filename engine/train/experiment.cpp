#include "train/experiment.h"

#include <algorithm>
#include <utility>

#include "train/input_error.h"
#include "train/lane_plan.h"

namespace halfscope {
namespace {

void check_name(const std::string& name) {
    if (name.empty()) throw InputError("a lane needs a name.");
}

/// Lanes share one memory: all of them must fit before the first is made.
void require_memory_for_all(const Backend& backend, const Workload& workload,
                            const std::vector<LaneSpec>& lanes) {
    std::vector<LanePlans> plans;
    for (const LaneSpec& lane : lanes) {
        const std::string sentence = refusal(lane.techniques);
        if (!sentence.empty()) throw InputError("lane '" + lane.name + "': " + sentence);
        plans.push_back(plan_lane(workload, lane.techniques));
    }
    const std::string who = "scenario '" + workload.info().name + "' with " + std::to_string(lanes.size()) +
                            (lanes.size() == 1 ? " lane" : " lanes");
    require_memory(backend, workload, who, plans);
}

}  // namespace

Experiment::Experiment(Backend& backend, std::shared_ptr<const Workload> workload,
                       const std::vector<LaneSpec>& lanes)
    : backend_(backend), workload_(std::move(workload)) {
    if (lanes.empty()) throw InputError("an experiment needs at least one lane.");
    if (lanes.size() > kMaximumLanes) {
        throw InputError("an experiment has at most " + std::to_string(kMaximumLanes) + " lanes, not " +
                         std::to_string(lanes.size()) + ".");
    }
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        check_name(lanes[i].name);
        for (std::size_t j = 0; j < i; ++j) {
            if (lanes[j].name == lanes[i].name) {
                throw InputError("two lanes are named '" + lanes[i].name + "'; give each its own name.");
            }
        }
    }
    require_memory_for_all(backend_, *workload_, lanes);
    for (const LaneSpec& spec : lanes) lanes_.emplace_back(backend_, workload_, spec.name, spec.techniques);
}

std::vector<Batch> Experiment::batches_of(std::int64_t step) const {
    std::vector<Batch> batches;
    const std::int64_t count = workload_->micro_batches();
    for (std::int64_t number = step * count; number < (step + 1) * count; ++number)
        batches.push_back(workload_->training_batch(number));
    return batches;
}

std::vector<StepResult> Experiment::step(const StepRequest& request) {
    const std::vector<Batch> batches = batches_of(next_step_);
    std::vector<StepResult> results;
    for (Lane& lane : lanes_) results.push_back(lane.step(next_step_, batches, request));
    ++next_step_;
    return results;
}

Lane& Experiment::add_lane(const LaneSpec& spec, const Lane* from) {
    check_name(spec.name);
    if (lanes_.size() >= kMaximumLanes) {
        throw InputError("an experiment has at most " + std::to_string(kMaximumLanes) +
                         " lanes; remove one first.");
    }
    for (const Lane& lane : lanes_) {
        if (lane.name() == spec.name)
            throw InputError("there is a lane '" + spec.name + "' already; choose another name.");
    }
    Lane lane(backend_, workload_, spec.name, spec.techniques, lanes_);
    if (from) lane.copy_state_from(*from);
    return lanes_.emplace_back(std::move(lane));
}

std::vector<Event> Experiment::set_techniques(Lane& lane, const Techniques& techniques) {
    return lane.set_techniques(techniques, next_step_, lanes_);
}

void Experiment::remove_lane(std::string_view name) {
    const Lane& victim = lane(name);
    if (lanes_.size() == 1)
        throw InputError("'" + std::string(name) + "' is the last lane; add another before removing it.");
    lanes_.erase(lanes_.begin() + (&victim - lanes_.data()));
}

void Experiment::rename_lane(std::string_view from, std::string to) {
    Lane& renamed = lane(from);
    check_name(to);
    for (const Lane& other : lanes_) {
        if (&other != &renamed && other.name() == to) {
            throw InputError("there is a lane '" + to + "' already; choose another name.");
        }
    }
    renamed.rename(std::move(to));
}

Lane& Experiment::lane(std::string_view name) {
    std::vector<std::string> names;
    for (Lane& candidate : lanes_) {
        if (candidate.name() == name) return candidate;
        names.push_back(candidate.name());
    }
    const std::string near = closest(name, names);
    throw InputError("no lane '" + std::string(name) + "'" +
                     (near.empty() ? "." : ", did you mean '" + near + "'?"));
}

}  // namespace halfscope
