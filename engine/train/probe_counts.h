// Where the values of one probed step are counted: in the backend's memory, by tensor of the graph and by
// parameter. Made by a lane for a step; views of its tensors point here while the step runs, and fetch()
// brings the counts home.
#pragma once

#include <cstddef>
#include <vector>

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
    TensorCounts* place_of_gradient(TensorId id) const { return tensors() + values_.size() + id; }
    UpdateCounts* place_of_update(std::size_t parameter) const;

    /// Waits for what was asked of the backend and copies all counts to where the three below read them.
    void fetch();
    const TensorCounts& value(TensorId id) const { return values_[static_cast<std::size_t>(id)]; }
    const TensorCounts& gradient(TensorId id) const { return gradients_[static_cast<std::size_t>(id)]; }
    const UpdateCounts& update(std::size_t parameter) const { return updates_[parameter]; }

  private:
    TensorCounts* tensors() const { return reinterpret_cast<TensorCounts*>(memory_.data()); }

    Backend& backend_;
    std::vector<TensorCounts> values_, gradients_;
    std::vector<UpdateCounts> updates_;
    DeviceMemory memory_;  // values, gradients, updates
};

}  // namespace halfscope
