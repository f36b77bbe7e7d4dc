#include "graph/lifetimes.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace halfscope {
namespace {

std::uint64_t add_or_refuse(std::uint64_t a, std::uint64_t b) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) throw std::length_error("buffers beyond 64 bits of addresses");
    return sum;
}

struct Placed {
    std::uint64_t begin, end;
};

/// The lowest aligned place of `bytes` bytes between `taken`, which are sorted by begin.
std::uint64_t lowest_gap(const std::vector<Placed>& taken, std::uint64_t bytes, std::uint64_t alignment) {
    std::uint64_t offset = 0;
    for (const Placed& other : taken) {
        if (add_or_refuse(offset, bytes) <= other.begin) break;
        const std::uint64_t behind = add_or_refuse(other.end, alignment - 1) / alignment * alignment;
        offset = std::max(offset, behind);
    }
    return offset;
}

}  // namespace

void Lifetime::include(std::size_t position) {
    first = is_none() ? position : std::min(first, position);
    last = std::max(last, position);
}

GradientLifetimes::GradientLifetimes(const Graph& graph, const FormatAssignment& formats)
    : places(graph.tensors().size()),
      gradients(graph.tensors().size(), Lifetime::none()),
      contributions(graph.tensors().size(), Lifetime::none()),
      workspaces(graph.tensors().size(), Lifetime::none()) {
    const std::size_t nodes = graph.nodes().size();
    std::vector<std::size_t> made_at(graph.tensors().size(), Lifetime::kNever);
    for (std::size_t index = 0; index < nodes; ++index) {
        const std::size_t position = nodes - 1 - index;
        const Node& node = graph.nodes()[index];
        for (TensorId id : node.inputs) contributions[static_cast<std::size_t>(id)].include(position);
        for (TensorId id : node.workspace) workspaces[static_cast<std::size_t>(id)].include(position);
        made_at[static_cast<std::size_t>(node.output)] = position;
    }
    for (std::size_t id = 0; id < gradients.size(); ++id) {
        if (made_at[id] == Lifetime::kNever || contributions[id].is_none()) continue;
        gradients[id] = contributions[id];
        gradients[id].include(made_at[id]);
    }
    std::iota(places.begin(), places.end(), TensorId{0});
    for (std::size_t index = nodes; index-- > 0;) {
        const Node& node = graph.nodes()[index];
        if (!is_backward_elementwise(node.op)) continue;
        const auto in = static_cast<std::size_t>(node.inputs[0]), out = static_cast<std::size_t>(node.output);
        const bool may_overwrite = graph.readers(node.inputs[0]) == 1 && !gradients[in].is_none() &&
                                   !gradients[out].is_none() && !formats.has_cast[in] &&
                                   formats.gradients[in] == formats.gradients[out];
        if (!may_overwrite) continue;
        places[in] = places[out];
        const auto place = static_cast<std::size_t>(places[out]);
        gradients[place].include(gradients[in].first);
        gradients[place].include(gradients[in].last);
    }
}

SharedPlacement place_by_lifetime(std::span<const TimedBytes> buffers, std::uint64_t alignment) {
    SharedPlacement placement;
    placement.offsets.resize(buffers.size());
    std::vector<std::size_t> order(buffers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
    for (std::size_t i = 0; i < order.size(); ++i) {
        const TimedBytes& buffer = buffers[order[i]];
        std::vector<Placed> taken;
        for (std::size_t j = 0; j < i; ++j) {
            const TimedBytes& other = buffers[order[j]];
            const std::uint64_t begin = placement.offsets[order[j]];
            if (buffer.lifetime.overlaps(other.lifetime)) taken.push_back({begin, begin + other.bytes});
        }
        std::sort(taken.begin(), taken.end(),
                  [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
        const std::uint64_t offset = lowest_gap(taken, buffer.bytes, alignment);
        placement.offsets[order[i]] = offset;
        placement.bytes = std::max(placement.bytes, add_or_refuse(offset, buffer.bytes));
    }
    return placement;
}

}  // namespace halfscope
