// An Experiment is a scenario with 1-4 lanes that share initial weights and batches, so that the only
// difference is precision. Used from the trainer thread (session/) or straight from the command line and
// tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/lane.h"

namespace halfscope {

inline constexpr std::size_t kMaximumLanes = 4;

struct LaneSpec {
    std::string name;
    Techniques techniques;
};

class Experiment {
  public:
    /// Throws InputError: duplicate or empty lane names, too many lanes, refused techniques, not enough
    /// memory for all.
    Experiment(Backend& backend, std::shared_ptr<const Workload> workload,
               const std::vector<LaneSpec>& lanes);

    const Workload& workload() const { return *workload_; }
    std::int64_t next_step() const { return next_step_; }
    /// Counts on from another step than 0 (a checkpoint's). Not below 0.
    void go_on_from(std::int64_t next_step) { next_step_ = next_step; }
    std::vector<Lane>& lanes() { return lanes_; }
    const std::vector<Lane>& lanes() const { return lanes_; }

    /// What every lane trains on in a step: Workload::micro_batches() of them.
    std::vector<Batch> batches_of(std::int64_t step) const;
    /// One step of every lane on the same batch, or micro-batches; results in lane order.
    std::vector<StepResult> step(const StepRequest& request);
    /// Adds a lane that starts from the initial weights, or from `from`'s current state where given. Throws
    /// InputError.
    Lane& add_lane(const LaneSpec& spec, const Lane* from);
    /// Throws InputError: unknown name, or the last lane.
    void remove_lane(std::string_view name);
    void rename_lane(std::string_view from, std::string to);
    /// Of one of the lanes, effective at the next step (Lane::set_techniques), with the others in mind.
    std::vector<Event> set_techniques(Lane& lane, const Techniques& techniques);
    /// Throws InputError ("no lane 'x', did you mean ...").
    Lane& lane(std::string_view name);

  private:
    Backend& backend_;
    std::shared_ptr<const Workload> workload_;
    std::vector<Lane> lanes_;
    std::int64_t next_step_ = 0;
};

}  // namespace halfscope
