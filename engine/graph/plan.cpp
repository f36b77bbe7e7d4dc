#include "graph/plan.h"

#include <stdexcept>

#include "graph/lifetimes.h"

namespace halfscope {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 62;

[[noreturn]] void refuse_size() { throw std::length_error("the plan needs more than 2^62 bytes"); }

MemoryCategory value_category(TensorRole role) {
    switch (role) {
        case TensorRole::parameter:
        case TensorRole::buffer:
            return MemoryCategory::weights;
        case TensorRole::workspace:
            return MemoryCategory::gradients;
        default:
            return MemoryCategory::activations;
    }
}

}  // namespace

const char* memory_category_name(MemoryCategory category) {
    switch (category) {
        case MemoryCategory::weights:
            return "weights";
        case MemoryCategory::master_weights:
            return "master_weights";
        case MemoryCategory::activations:
            return "activations";
        case MemoryCategory::gradients:
            return "gradients";
        case MemoryCategory::optimizer_state:
            return "optimizer_state";
    }
    return "unknown";
}

Plan::Plan(const Graph& graph, const PrecisionPolicy& policy, PlanPasses passes,
           const std::vector<StateBuffer>& state)
    : policy_(policy),
      formats_(graph, policy),
      values_(graph.tensors().size()),
      gradients_(graph.tensors().size()),
      branches_(graph.tensors().size()),
      casts_(graph.tensors().size()),
      cast_gradients_(graph.tensors().size()) {
    const bool backward = passes == PlanPasses::forward_and_backward;
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorInfo& info = graph.tensors()[id];
        if (info.role == TensorRole::workspace) continue;
        values_[id] = reserve(info, formats_.values[id], value_category(info.role));
        if (formats_.has_cast[id]) casts_[id] = reserve(info, policy.storage, value_category(info.role));
    }
    if (backward) plan_gradients(graph);
    states_.reserve(graph.parameters().size());
    for (TensorId id : graph.parameters()) {
        std::vector<PlannedBuffer>& slots = states_.emplace_back();
        const bool is_rounded = formats_.values[static_cast<std::size_t>(id)] != Format::fp32;
        for (const StateBuffer& buffer : state) {
            slots.push_back(buffer.for_rounded_weights_only && !is_rounded
                                ? PlannedBuffer{}
                                : reserve(graph.tensor(id), buffer.format, buffer.category));
        }
    }
}

Arithmetic Plan::arithmetic(std::size_t node) const {
    Arithmetic arithmetic = policy_.arithmetic;
    if (!formats_.is_kept[node]) return arithmetic;
    arithmetic.accumulate = Accumulate::fp32;
    arithmetic.matmul_operands = arithmetic.reduction_format = arithmetic.eps_format = Format::fp32;
    return arithmetic;
}

/// Gradients of activations, contributions to them and workspaces pass: where their lifetimes allow it they
/// lie in the same memory, as in the frameworks. Less memory, and what was just written is read from a cache.
void Plan::plan_gradients(const Graph& graph) {
    const GradientLifetimes lifetimes(graph, formats_);
    std::vector<PlannedBuffer*> passing;
    std::vector<TimedBytes> timed;
    const auto pass = [&](PlannedBuffer& place, const TensorInfo& info, Format format,
                          const Lifetime& lifetime) {
        place = sized(info, format);
        passing.push_back(&place);
        timed.push_back({place.bytes, lifetime});
    };
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorInfo& info = graph.tensors()[id];
        if (info.role == TensorRole::workspace)
            pass(values_[id], info, formats_.values[id], lifetimes.workspaces[id]);
        if (!info.needs_gradient) continue;
        const Format format = formats_.gradients[id];
        if (lifetimes.gradients[id].is_none()) {
            gradients_[id] = reserve(info, format, MemoryCategory::gradients);
        } else if (lifetimes.places[id] == static_cast<TensorId>(id)) {
            pass(gradients_[id], info, format, lifetimes.gradients[id]);
        }
        if (formats_.has_cast[id])
            pass(cast_gradients_[id], info, policy_.storage, lifetimes.contributions[id]);
        if (graph.readers(static_cast<TensorId>(id)) > 1)
            pass(branches_[id], info, format, lifetimes.contributions[id]);
    }
    const SharedPlacement shared = place_by_lifetime(timed, kBufferAlignment);
    const std::uint64_t base = append(shared.bytes, MemoryCategory::gradients);
    for (std::size_t i = 0; i < passing.size(); ++i) passing[i]->offset = base + shared.offsets[i];
    for (std::size_t id = 0; id < graph.tensors().size(); ++id)
        gradients_[id] = gradients_[static_cast<std::size_t>(lifetimes.places[id])];
}

/// A buffer of a tensor's elements, not placed yet.
PlannedBuffer Plan::sized(const TensorInfo& info, Format format) {
    constexpr std::uint64_t kTokenBytes = 4;
    PlannedBuffer buffer;
    buffer.format = format;
    const std::uint64_t bytes_each =
        info.role == TensorRole::tokens ? kTokenBytes : static_cast<std::uint64_t>(format_info(format).bytes);
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(info.shape.elements()), bytes_each,
                               &buffer.bytes) ||
        buffer.bytes > kMaxBytes)
        refuse_size();
    return buffer;
}

/// Places one buffer behind all others.
PlannedBuffer Plan::reserve(const TensorInfo& info, Format format, MemoryCategory category) {
    PlannedBuffer buffer = sized(info, format);
    buffer.offset = append(buffer.bytes, category);
    return buffer;
}

/// Where `bytes` more begin. Memory use counts them alone; the padding behind them is in total_bytes_.
std::uint64_t Plan::append(std::uint64_t bytes, MemoryCategory category) {
    const std::uint64_t offset = total_bytes_;
    std::uint64_t end = 0;
    if (__builtin_add_overflow(offset, bytes, &end) || end > kMaxBytes) refuse_size();
    total_bytes_ = (end + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    if (total_bytes_ > kMaxBytes) refuse_size();
    memory_[category] += bytes;
    return offset;
}

}  // namespace halfscope
