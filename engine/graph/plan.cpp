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
      values_(graph.tensors().size()),
      gradients_(graph.tensors().size()),
      branches_(graph.tensors().size()) {
    constexpr int kTokenBytes = 4;
    const bool backward = passes == PlanPasses::forward_and_backward;
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorInfo& info = graph.tensors()[id];
        if (info.role == TensorRole::workspace && !backward) continue;
        const Format format = policy.value_format(info);
        const int bytes = info.role == TensorRole::tokens ? kTokenBytes : format_info(format).bytes;
        values_[id] = reserve(info.shape.elements(), format, bytes, value_category(info.role));
    }
    for (std::size_t id = 0; id < graph.tensors().size() && backward; ++id) {
        const TensorInfo& info = graph.tensors()[id];
        if (!info.needs_gradient) continue;
        const Format format = policy.gradient_format(info);
        const auto reserve_gradient = [&] {
            return reserve(info.shape.elements(), format, format_info(format).bytes,
                           MemoryCategory::gradients);
        };
        gradients_[id] = reserve_gradient();
        if (graph.readers(static_cast<TensorId>(id)) > 1) branches_[id] = reserve_gradient();
    }
    states_.reserve(graph.parameters().size());
    for (TensorId id : graph.parameters()) {
        std::vector<PlannedBuffer>& slots = states_.emplace_back();
        for (const StateBuffer& buffer : state) {
            slots.push_back(reserve(graph.tensor(id).shape.elements(), buffer.format,
                                    format_info(buffer.format).bytes, buffer.category));
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
