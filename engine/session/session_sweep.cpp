// Sweeps over loss scales (train/scale_sweep.h): one scale at a time, so that commands come in between, while
// training waits and the weights stay what they are.
#include <algorithm>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {

void Session::apply_command(const SweepScalesCommand& command) {
    const std::size_t index = lane_index(command.lane);
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it before its loss scales are measured");
    Sweep sweep;
    sweep.lane_id = lanes_[index].id;
    sweep.run = run_;
    sweep.techniques = experiment_->lanes()[index].techniques();
    sweep.batches = experiment_->batches_of(experiment_->next_step());
    sweep_ = std::move(sweep);
}

/// What it was of may be gone, or store other formats now.
void Session::end_outdated_sweep() {
    if (!sweep_) return;
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                                   [&](const LaneState& state) { return state.id == sweep_->lane_id; });
    const bool is_current =
        sweep_->run == run_ && lane != lanes_.end() && state_ != RunState::failed &&
        experiment_->lanes()[static_cast<std::size_t>(lane - lanes_.begin())].techniques() ==
            sweep_->techniques;
    if (!is_current) sweep_.reset();
}

void Session::sweep_on() {
    const auto state = std::find_if(lanes_.begin(), lanes_.end(),
                                    [&](const LaneState& lane) { return lane.id == sweep_->lane_id; });
    Lane& lane = experiment_->lanes()[static_cast<std::size_t>(state - lanes_.begin())];
    last_step_end_ = {};  // this is no step
    attempt_step("measuring loss scales at step", [&] {
        if (sweep_->found) {
            lane.sweep_next(*sweep_->found, sweep_->batches);
        } else {
            sweep_->found = lane.begin_sweep(experiment_->next_step(), sweep_->batches);
        }
        state->sweep = std::make_shared<const ScaleSweep>(*sweep_->found);
    });
    if (state_ == RunState::failed || sweep_->found->is_complete()) sweep_.reset();
}

}  // namespace halfscope
