#include "graph/plan.h"

#include <stdexcept>

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
    constexpr int kTokenBytes = 4;
    const bool backward = passes == PlanPasses::forward_and_backward;
    const auto reserve_as = [&](std::size_t id, Format format, MemoryCategory category) {
        const TensorInfo& info = graph.tensors()[id];
        const int bytes = info.role == TensorRole::tokens ? kTokenBytes : format_info(format).bytes;
        return reserve(info.shape.elements(), format, bytes, category);
    };
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorInfo& info = graph.tensors()[id];
        if (info.role == TensorRole::workspace && !backward) continue;
        values_[id] = reserve_as(id, formats_.values[id], value_category(info.role));
        if (formats_.has_cast[id]) casts_[id] = reserve_as(id, policy.storage, value_category(info.role));
    }
    for (std::size_t id = 0; id < graph.tensors().size() && backward; ++id) {
        if (!graph.tensors()[id].needs_gradient) continue;
        const Format format = formats_.gradients[id];
        gradients_[id] = reserve_as(id, format, MemoryCategory::gradients);
        if (formats_.has_cast[id])
            cast_gradients_[id] = reserve_as(id, policy.storage, MemoryCategory::gradients);
        if (graph.readers(static_cast<TensorId>(id)) > 1)
            branches_[id] = reserve_as(id, format, MemoryCategory::gradients);
    }
    states_.reserve(graph.parameters().size());
    for (TensorId id : graph.parameters()) {
        std::vector<PlannedBuffer>& slots = states_.emplace_back();
        const bool is_rounded = formats_.values[static_cast<std::size_t>(id)] != Format::fp32;
        for (const StateBuffer& buffer : state) {
            slots.push_back(buffer.for_rounded_weights_only && !is_rounded
                                ? PlannedBuffer{}
                                : reserve_as(static_cast<std::size_t>(id), buffer.format, buffer.category));
        }
    }
}

/// Appends one buffer. Memory use counts the buffer's own bytes; the padding between buffers is in
/// total_bytes_ alone.
PlannedBuffer Plan::reserve(std::int64_t elements, Format format, int bytes_per_element,
                            MemoryCategory category) {
    PlannedBuffer buffer;
    buffer.format = format;
    buffer.offset = total_bytes_;
    std::uint64_t end = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(elements),
                               static_cast<std::uint64_t>(bytes_per_element), &buffer.bytes) ||
        __builtin_add_overflow(total_bytes_, buffer.bytes, &end) || end > kMaxBytes) {
        refuse_size();
    }
    total_bytes_ = (end + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    if (total_bytes_ > kMaxBytes) refuse_size();
    memory_[category] += buffer.bytes;
    return buffer;
}

}  // namespace halfscope
