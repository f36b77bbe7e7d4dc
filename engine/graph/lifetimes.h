// Which buffers of a backward pass may lie in the same memory: those that are never needed at the same time.
// Used by Plan alone. Pure arithmetic on sizes and positions; allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/format_assignment.h"
#include "graph/graph.h"

namespace halfscope {

/// Positions in the backward pass, first and last inclusive: the last node comes at position 0.
struct Lifetime {
    std::size_t first = 0;
    std::size_t last = 0;

    void include(std::size_t position);
    bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }

    static constexpr std::size_t kNever = static_cast<std::size_t>(-1);
    /// Contains no position yet.
    static Lifetime none() { return {kNever, 0}; }
    bool is_none() const { return first == kNever; }
};

/// When the gradients of a graph are needed, by tensor.
struct GradientLifetimes {
    GradientLifetimes(const Graph& graph, const FormatAssignment& formats);

    /// The tensor in whose gradient's place this one's is made: its own, or that of the element-wise
    /// operation's output that it comes from.
    std::vector<TensorId> places;
    /// By place. From the first reader's backward step, which writes it, to that of the node that made the
    /// tensor, which reads it. None: it stays, because it is a result (a parameter's) or because no node
    /// writes or reads it.
    std::vector<Lifetime> gradients;
    /// The steps of all readers: what is written beside a gradient and added to it at once.
    std::vector<Lifetime> contributions;
    /// A workspace: the step of its node.
    std::vector<Lifetime> workspaces;
};

struct TimedBytes {
    std::uint64_t bytes = 0;
    Lifetime lifetime;
};

struct SharedPlacement {
    std::vector<std::uint64_t> offsets;  ///< by buffer
    std::uint64_t bytes = 0;             ///< of the memory that holds them all
};

/// Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): the
/// largest first, each at the lowest aligned offset where it meets no buffer of an overlapping lifetime.
/// Throws std::length_error where an offset exceeds 64 bits.
SharedPlacement place_by_lifetime(std::span<const TimedBytes> buffers, std::uint64_t alignment);

}  // namespace halfscope
