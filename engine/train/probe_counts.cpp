#include "train/probe_counts.h"

#include <type_traits>

namespace halfscope {

// They travel between memories as bytes, and zeroed memory is an empty count.
static_assert(std::is_trivially_copyable_v<TensorCounts> && std::is_trivially_copyable_v<UpdateCounts>);
static_assert(sizeof(TensorCounts) % alignof(UpdateCounts) == 0);

ProbeCounts::ProbeCounts(Backend& backend, const Graph& graph)
    : backend_(backend),
      values_(graph.tensors().size()),
      gradients_(graph.tensors().size()),
      updates_(graph.parameters().size()),
      memory_(backend, bytes(graph)) {}

std::uint64_t ProbeCounts::bytes(const Graph& graph) {
    return 2 * graph.tensors().size() * sizeof(TensorCounts) +
           graph.parameters().size() * sizeof(UpdateCounts);
}

void ProbeCounts::clear() { backend_.clear(memory_.data(), memory_.bytes()); }

UpdateCounts* ProbeCounts::place_of_update(std::size_t parameter) const {
    return reinterpret_cast<UpdateCounts*>(tensors() + 2 * values_.size()) + parameter;
}

void ProbeCounts::fetch() {
    const auto bring = [this](auto& counts, const void* place) {
        if (!counts.empty()) backend_.download(counts.data(), place, counts.size() * sizeof counts[0]);
    };
    bring(values_, place_of_value(0));
    bring(gradients_, place_of_gradient(0));
    bring(updates_, place_of_update(0));
}

}  // namespace halfscope
