// Makes a recipe's changes again in an Experiment that is run without a Session, by halfscope-cli: same
// lanes, same bits. The caller makes the steps; between two of them it asks for the changes that are due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "session/run_change.h"
#include "train/experiment.h"

namespace halfscope {

/// What a change did to the experiment, for whoever keeps something beside each lane.
struct ChangeMade {
    enum class Kind : std::uint8_t { techniques, lane_added, lane_removed, lane_renamed };
    Kind kind = Kind::techniques;
    std::size_t lane = 0;  ///< index in Experiment::lanes(); of a removed one, the index that it had
    std::vector<Event> events;
};

class RecipePlayer {
  public:
    /// `request` says what is measured at a step of a lane that branches from the past and is made up to the
    /// present; `made_up` takes its results, after made() took the lane.
    struct Sinks {
        std::function<void(const ChangeMade& change)> made;
        std::function<StepRequest(std::int64_t step)> request;
        std::function<void(std::size_t lane, const StepResult& result)> made_up;
    };
    /// Backend and workload are the experiment's.
    RecipePlayer(std::vector<RunChange> changes, Backend& backend, std::shared_ptr<const Workload> workload,
                 Experiment& experiment, Sinks sinks);

    /// All changes that come before the experiment's next step. Throws InputError, one sentence with the
    /// number of the change, where one cannot be made.
    void make_changes();
    /// How many were made.
    std::size_t made() const { return made_; }

  private:
    void make(const SetTechniqueCommand& command);
    void make(const SetPresetCommand& command);
    void make(const AddLaneCommand& command);
    void make(const RemoveLaneCommand& command);
    void make(const RenameLaneCommand& command);
    void make(const MultiplyLossScaleCommand& command);
    template <class Other>
    void make(const Other&) {}  // changes_run() is false for all of them
    void set(const std::string& lane, const Techniques& techniques);
    void branch_from_past(const AddLaneCommand& command, std::int64_t at);
    std::size_t index_of(const std::string& lane);
    Event event(EventKind kind, const std::string& lane, const std::string& words) const;

    std::vector<RunChange> changes_;
    Backend& backend_;
    std::shared_ptr<const Workload> workload_;
    Experiment& experiment_;
    Sinks sinks_;
    std::size_t made_ = 0;
    BranchPoints points_;
};

}  // namespace halfscope
