// A Plan says for one graph under one policy in which format and at which offset every tensor lives, and how
// many bytes of each category that takes. It is pure arithmetic: made before anything is allocated, so that a
// size that would not fit is refused in time. Values and parameters' gradients have memory of their own; what
// the backward pass needs for a while only (gradients of activations, workspaces) shares memory by lifetime,
// so nobody may look for it after the pass: probes count it when it is stored.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/format_assignment.h"
#include "graph/graph.h"

namespace halfscope {

enum class MemoryCategory : std::uint8_t { weights, master_weights, activations, gradients, optimizer_state };
inline constexpr int kMemoryCategoryCount = 5;
const char* memory_category_name(MemoryCategory category);

/// Bytes by category, as the window and the summary line report them.
struct MemoryUse {
    std::array<std::uint64_t, kMemoryCategoryCount> bytes{};
    std::uint64_t& operator[](MemoryCategory category) { return bytes[static_cast<std::size_t>(category)]; }
    std::uint64_t operator[](MemoryCategory category) const {
        return bytes[static_cast<std::size_t>(category)];
    }
    std::uint64_t total() const {
        std::uint64_t sum = 0;
        for (std::uint64_t part : bytes) sum += part;
        return sum;
    }
};

/// One extra per-parameter buffer (master copy, moment, compensation) that the optimizer asks for.
struct StateBuffer {
    std::string name;  ///< "master", "moment1", "moment2", "compensation"
    Format format = Format::fp32;
    MemoryCategory category = MemoryCategory::optimizer_state;
    /// Parameters that are stored in FP32 do without: a master copy, a compensation.
    bool for_rounded_weights_only = false;

    bool operator==(const StateBuffer&) const = default;
};

/// Where one buffer lies in the lane's single allocation.
struct PlannedBuffer {
    std::uint64_t offset = 0;  ///< bytes, aligned to kBufferAlignment
    std::uint64_t bytes = 0;   ///< 0: not planned
    Format format = Format::fp32;
};
inline constexpr std::uint64_t kBufferAlignment = 64;

enum class PlanPasses : std::uint8_t { forward_only, forward_and_backward };

class Plan {
  public:
    /// Throws std::length_error when the bytes exceed 2^62 (absurd sizes); callers compare total_bytes() with
    /// what is free.
    Plan(const Graph& graph, const PrecisionPolicy& policy, PlanPasses passes,
         const std::vector<StateBuffer>& state);

    const PrecisionPolicy& policy() const { return policy_; }
    const PlannedBuffer& value(TensorId id) const { return values_[static_cast<std::size_t>(id)]; }
    const PlannedBuffer& gradient(TensorId id) const { return gradients_[static_cast<std::size_t>(id)]; }
    /// The copy in storage format of an FP32 tensor that operations of 16 bits read, and its gradient; not
    /// planned where no node reads one.
    const PlannedBuffer& cast(TensorId id) const { return casts_[static_cast<std::size_t>(id)]; }
    const PlannedBuffer& cast_gradient(TensorId id) const {
        return cast_gradients_[static_cast<std::size_t>(id)];
    }
    /// How node `node` (index) computes: the policy's arithmetic, or that of FP32 where it is kept in it.
    Arithmetic arithmetic(std::size_t node) const;
    /// Whether input `input` of node `node` (indices) reads the copy.
    bool reads_cast(std::size_t node, std::size_t input) const { return formats_.reads_cast[node][input]; }
    /// Where a tensor with several readers receives the contributions of all but the first, to be added; not
    /// planned where one node reads it.
    const PlannedBuffer& branch_gradient(TensorId id) const {
        return branches_[static_cast<std::size_t>(id)];
    }
    /// State buffer `slot` (index into the constructor's list) of the parameter with index `parameter` in
    /// Graph::parameters().
    const PlannedBuffer& state(std::size_t parameter, std::size_t slot) const {
        return states_[parameter][slot];
    }
    std::uint64_t total_bytes() const { return total_bytes_; }
    const MemoryUse& memory() const { return memory_; }

  private:
    void plan_gradients(const Graph& graph);
    static PlannedBuffer sized(const TensorInfo& info, Format format);
    PlannedBuffer reserve(const TensorInfo& info, Format format, MemoryCategory category);
    std::uint64_t append(std::uint64_t bytes, MemoryCategory category);

    PrecisionPolicy policy_;
    FormatAssignment formats_;
    std::vector<PlannedBuffer> values_;
    std::vector<PlannedBuffer> gradients_;
    std::vector<PlannedBuffer> branches_;
    std::vector<PlannedBuffer> casts_;
    std::vector<PlannedBuffer> cast_gradients_;
    std::vector<std::vector<PlannedBuffer>> states_;
    std::uint64_t total_bytes_ = 0;
    MemoryUse memory_;
};

}  // namespace halfscope
