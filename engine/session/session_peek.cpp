// Looking closely between two steps: at an update before it is made (train/update_peek.h), at one sum of a
// layer (train/dot_capture.h), at whole gradients (train/retained_values.h), and at a step of the past that
// was not finite (train/overflow_report.h).
#include <cstdint>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"
#include "train/overflow_report.h"
#include "train/update_peek.h"

namespace halfscope {
namespace {

/// Nine arrays of so many floats travel to the window.
constexpr std::int64_t kMostElements = std::int64_t{1} << 24;

}  // namespace

void Session::apply_command(const PeekUpdateCommand& command) {
    const std::size_t index = lane_index(command.lane);
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it before its updates are looked at");
    const Graph& graph = workload_->training_graph();
    const TensorId id = graph.find(command.tensor);
    const std::int64_t elements = id == kNoTensor ? 0 : graph.tensor(id).shape.elements();
    if (elements > kMostElements) {
        throw InputError("'" + command.tensor + "' has " + std::to_string(elements) +
                         " weights; updates of at most " + std::to_string(kMostElements) +
                         " can be looked at");
    }
    const std::int64_t step = experiment_->next_step();
    UpdatePeek peek =
        experiment_->lanes()[index].peek_update(command.tensor, step, experiment_->batches_of(step));
    lanes_[index].peek = std::make_shared<const UpdatePeek>(std::move(peek));
    last_step_end_ = {};  // this was no step
}

void Session::apply_command(const CaptureDotCommand& command) {
    const std::size_t index = lane_index(command.lane);
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it before its sums are looked at");
    const std::int64_t step = experiment_->next_step();
    lanes_[index].dot = std::make_shared<const DotCapture>(experiment_->lanes()[index].capture_dot(
        command.source, command.row, command.column, step, experiment_->batches_of(step)));
    last_step_end_ = {};  // this was no step
}

void Session::apply_command(const RetainGradientsCommand& command) {
    const std::size_t index = lane_index(command.lane);
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it before its gradients are kept");
    const std::int64_t step = experiment_->next_step();
    lanes_[index].retained =
        std::make_shared<const RetainedGradients>(experiment_->lanes()[index].retain_gradients(
            command.kind, command.tensors, step, experiment_->batches_of(step)));
    last_step_end_ = {};  // this was no step
}

void Session::apply_command(const ExamineOverflowCommand& command) {
    const std::size_t index = lane_index(command.lane);
    const std::int64_t now = experiment_->next_step();
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it before its steps are examined");
    if (command.step < 0 || command.step > now)
        throw InputError("step " + std::to_string(command.step) + " has not been made yet");
    const Loading loading(*this, state_);
    Lane past = past_lane(lanes_[index].id, command.lane, command.step, command.step + 1);
    lanes_[index].overflow = std::make_shared<const OverflowReport>(
        past.examine_overflow(command.step, experiment_->batches_of(command.step)));
}

}  // namespace halfscope
