// Looking at an update before it is made (train/update_peek.h), between two steps.
#include <cstdint>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"
#include "train/update_peek.h"

namespace halfscope {
namespace {

/// Six arrays of so many floats travel to the window.
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

}  // namespace halfscope
