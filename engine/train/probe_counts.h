// Where the values of one probed step are counted: in the backend's memory, by tensor of the graph and by
// parameter. Made by a lane for a step; views of its tensors point here while the step runs, and fetch()
// brings the counts home.
#pragma once

#include <cstddef>
#include <memory>

#include "backend/backend.h"
#include "graph/graph.h"
#include "ops/update_call.h"

namespace halfscope {

class ProbeCounts {
  public:
    /// What it takes of the backend's memory.
    static std::uint64_t bytes(const Graph& graph);

    /// All zero.
    ProbeCounts(Backend& backend, const Graph& graph);
    /// To be recorded (Backend::repeat) at will.
    void clear();

    /// Places in the backend's memory, to be counted into.
    TensorCounts* place_of_value(TensorId id) const { return tensors() + id; }
    TensorCounts* place_of_gradient(TensorId id) const { return tensors() + tensor_count_ + id; }
    UpdateCounts* place_of_update(std::size_t parameter) const {
        return updates_behind(tensors()) + parameter;
    }

    /// Waits for what was asked of the backend and brings all counts to where the three below read them,
    /// until the next clear().
    void fetch();
    const TensorCounts& value(TensorId id) const { return fetched_[id]; }
    const TensorCounts& gradient(TensorId id) const { return fetched_[tensor_count_ + id]; }
    const UpdateCounts& update(std::size_t parameter) const { return updates_behind(fetched_)[parameter]; }

  private:
    // Values, gradients and, behind them, updates: in the backend's memory as in what is fetched.
    TensorCounts* tensors() const { return reinterpret_cast<TensorCounts*>(memory_.data()); }
    UpdateCounts* updates_behind(TensorCounts* tensors) const {
        return reinterpret_cast<UpdateCounts*>(tensors + 2 * tensor_count_);
    }
    /// The memory where the processor reads and writes it itself; nullptr where it cannot.
    TensorCounts* host_tensors() const {
        return static_cast<TensorCounts*>(backend_.host_address(memory_.data()));
    }

    Backend& backend_;
    std::ptrdiff_t tensor_count_;
    std::size_t parameter_count_;
    DeviceMemory memory_;
    std::unique_ptr<std::byte[]> copy_;  ///< of the memory, where the processor cannot read it
    TensorCounts* fetched_ = nullptr;
};

}  // namespace halfscope
