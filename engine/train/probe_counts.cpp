#include "train/probe_counts.h"

#include <type_traits>

namespace halfscope {

// They travel between memories as bytes, and zeroed memory is an empty count.
static_assert(std::is_trivially_copyable_v<TensorCounts> && std::is_trivially_copyable_v<UpdateCounts>);
static_assert(sizeof(TensorCounts) % alignof(UpdateCounts) == 0);

ProbeCounts::ProbeCounts(Backend& backend, const Graph& graph)
    : backend_(backend),
      tensor_count_(static_cast<std::ptrdiff_t>(graph.tensors().size())),
      parameter_count_(graph.parameters().size()),
      memory_(backend, bytes(graph)) {}

std::uint64_t ProbeCounts::bytes(const Graph& graph) {
    return 2 * graph.tensors().size() * sizeof(TensorCounts) +
           graph.parameters().size() * sizeof(UpdateCounts);
}

void ProbeCounts::clear() {
    TensorCounts* const here = host_tensors();
    if (!here) return backend_.clear(memory_.data(), memory_.bytes());
    for (std::ptrdiff_t i = 0; i < 2 * tensor_count_; ++i) here[i].clear();
    for (std::size_t p = 0; p < parameter_count_; ++p) updates_behind(here)[p].clear();
}

void ProbeCounts::fetch() {
    fetched_ = host_tensors();
    if (fetched_) return;
    if (!copy_) copy_ = std::make_unique<std::byte[]>(memory_.bytes());
    backend_.download(copy_.get(), memory_.data(), memory_.bytes());
    fetched_ = reinterpret_cast<TensorCounts*>(copy_.get());
}

}  // namespace halfscope
