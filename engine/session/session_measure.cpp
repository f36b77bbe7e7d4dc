// Measurements of many passes, for which training waits while the weights stay what they are: sweeps over
// loss scales (train/scale_sweep.h) and searches for layers to keep in FP32 (train/precision_search.h). One
// pass or two at a time, so that commands come in between.
#include <algorithm>
#include <cmath>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {

/// At the lane's present weights, on the next step's batches.
Session::Measurement Session::begin_measurement(const std::string& lane) {
    const std::size_t index = lane_index(lane);
    if (state_ == RunState::failed) throw InputError("the run has failed; restart it before it is measured");
    Measurement measurement;
    measurement.lane_id = lanes_[index].id;
    measurement.run = run_;
    measurement.techniques = experiment_->lanes()[index].techniques();
    measurement.batches = experiment_->batches_of(experiment_->next_step());
    return measurement;
}

void Session::apply_command(const SweepScalesCommand& command) {
    measurement_ = begin_measurement(command.lane);
}

void Session::apply_command(const SearchPrecisionCommand& command) {
    Measurement measurement = begin_measurement(command.lane);
    if (!(command.threshold > 0.0) || !std::isfinite(command.threshold))
        throw InputError("the largest error to allow is a number above 0, such as 0.01 for 1%");
    if (measurement.techniques.storage == Format::fp32)
        throw InputError("lane '" + command.lane + "' stores everything in FP32; choose one of 16 bits");
    const Lane& lane = experiment_->lanes()[lane_index(command.lane)];
    measurement.search = std::make_unique<PrecisionSearcher>(*backend_, workload_, lane,
                                                             experiment_->next_step(), command.threshold);
    measurement_ = std::move(measurement);
}

/// The index of the lane that is measured; lanes_.size() where it is gone.
std::size_t Session::measured_lane() const {
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                                   [&](const LaneState& state) { return state.id == measurement_->lane_id; });
    return static_cast<std::size_t>(lane - lanes_.begin());
}

/// What it was of may be gone, or store other formats now.
void Session::end_outdated_measurement() {
    if (!measurement_) return;
    const std::size_t index = measured_lane();
    const bool is_current = measurement_->run == run_ && index < lanes_.size() &&
                            state_ != RunState::failed &&
                            experiment_->lanes()[index].techniques() == measurement_->techniques;
    if (!is_current) measurement_.reset();
}

void Session::measure_on() {
    LaneState& state = lanes_[measured_lane()];
    Lane& lane = experiment_->lanes()[measured_lane()];
    last_step_end_ = {};  // this is no step
    bool is_done = false;
    const auto sweep_on = [&] {
        std::optional<ScaleSweep>& found = measurement_->sweep;
        if (found) {
            lane.sweep_next(*found, measurement_->batches);
        } else {
            found = lane.begin_sweep(experiment_->next_step(), measurement_->batches);
        }
        state.sweep = std::make_shared<const ScaleSweep>(*found);
        is_done = found->is_complete();
    };
    const auto search_on = [&] {
        PrecisionSearcher& search = *measurement_->search;
        try {
            search.measure_next(lane, measurement_->batches);
            is_done = search.is_done();
        } catch (const InputError& error) {  // a lane beside the run does not fit into memory
            say(Message::Kind::error, error.what());
            is_done = true;
        }
        state.search = std::make_shared<const PrecisionSearch>(search.found());
    };
    if (measurement_->search) {
        attempt_step("searching layers to keep in FP32 at step", search_on);
    } else {
        attempt_step("measuring loss scales at step", sweep_on);
    }
    if (state_ == RunState::failed || is_done) measurement_.reset();
}

}  // namespace halfscope
