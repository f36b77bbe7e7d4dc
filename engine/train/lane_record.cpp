// Checkpoints of one lane: all its memory that outlives a step, as it is stored.
#include "train/lane_record.h"

#include <cmath>

#include "train/input_error.h"
#include "train/lane_state.h"

namespace halfscope {
namespace {

/// Calls visit(name, view) for every buffer that outlives a step.
template <class Visit>
void each_buffer(const LaneBuffers& training, const StateSlots& slots, Visit visit) {
    const Graph& graph = training.graph();
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
        const std::string& name = graph.tensor(graph.parameters()[p]).name;
        visit(name + "/value", training.flat_value(p));
        for (std::size_t slot = 0; slot < slots.buffers.size(); ++slot)
            visit(name + "/" + slots.buffers[slot].name, training.state(p, slot));
    }
    for (std::size_t b = 0; b < graph.buffers().size(); ++b)
        visit(graph.tensor(graph.buffers()[b]).name + "/value", training.flat_buffer(b));
}

std::uint64_t byte_count(const TensorView& view) {
    return static_cast<std::uint64_t>(view.elements()) *
           static_cast<std::uint64_t>(format_info(view.format).bytes);
}

bool is_reachable(std::int64_t count, std::int64_t minimum = 0) {
    return count >= minimum && count <= kMaximumStep;
}

bool is_reachable(const ScalerState& scaler) {
    constexpr std::int32_t kMaximumTracker = 1 << 30;
    const bool counters = scaler.growth_tracker >= 0 && scaler.growth_tracker <= kMaximumTracker &&
                          scaler.hysteresis_left >= 0 && scaler.hysteresis_left <= kMaximumTracker &&
                          is_reachable(scaler.iteration) && is_reachable(scaler.last_overflow, -1) &&
                          scaler.last_overflow <= scaler.iteration;
    const bool means = std::isfinite(scaler.log_mean) && std::isfinite(scaler.log_slow_mean) &&
                       std::isfinite(scaler.log_square) && scaler.log_mean_weight >= 0.0 &&
                       scaler.log_mean_weight <= 1.0 && scaler.log_square_weight >= 0.0 &&
                       scaler.log_square_weight <= 1.0;
    return counters && means && scaler.scale >= 0.0f && std::isfinite(scaler.scale);
}

}  // namespace

LaneRecord Lane::record() const {
    const State& state = *state_;
    LaneRecord record;
    each_buffer(*state.training, state.slots, [&](const std::string& name, const TensorView& view) {
        std::string& bytes = record.buffers[name];
        bytes.resize(static_cast<std::size_t>(byte_count(view)));
        state.backend.download(bytes.data(), view.data, bytes.size());
    });
    record.scaler = state.scaler;
    record.updates = state.updates;
    record.skipped = state.skipped;
    record.schedule_position = state.position;
    record.said_nan_loss = state.reported.nan_loss;
    record.said_poisoned = state.reported.poisoned;
    record.said_unseen = state.reported.unseen;
    record.said_floor = state.reported.floor;
    return record;
}

void Lane::restore(const LaneRecord& record) {
    State& state = *state_;
    std::size_t wanted = 0;
    each_buffer(*state.training, state.slots, [&](const std::string& name, const TensorView& view) {
        ++wanted;
        const auto found = record.buffers.find(name);
        if (found == record.buffers.end())
            throw InputError("lane '" + state.name + "' has no '" + name + "' in it");
        if (found->second.size() != byte_count(view)) {
            throw InputError("lane '" + state.name + "' has " + std::to_string(found->second.size()) +
                             " bytes for '" + name + "', not " + std::to_string(byte_count(view)));
        }
    });
    if (wanted != record.buffers.size())
        throw InputError("lane '" + state.name + "' has tensors in it that the model lacks");
    if (!is_reachable(record.scaler) || !is_reachable(record.updates) || !is_reachable(record.skipped) ||
        !is_reachable(record.schedule_position)) {
        throw InputError("lane '" + state.name + "' has a counter or a loss scale that no run reaches");
    }
    each_buffer(*state.training, state.slots, [&](const std::string& name, const TensorView& view) {
        const std::string& bytes = record.buffers.at(name);
        state.backend.upload(view.data, bytes.data(), bytes.size());
    });
    state.scaler = record.scaler;
    state.updates = record.updates;
    state.skipped = record.skipped;
    state.position = record.schedule_position;
    state.reported = {record.said_nan_loss, record.said_poisoned, record.said_unseen, record.said_floor};
}

}  // namespace halfscope
