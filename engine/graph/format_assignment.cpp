#include "graph/format_assignment.h"

#include <algorithm>

namespace halfscope {
namespace {

bool is_norm(OpKind op) { return op == OpKind::layer_norm || op == OpKind::batch_norm; }

/// Roles that are FP32 whatever the policy.
bool is_always_fp32(TensorRole role) {
    return role == TensorRole::target || role == TensorRole::statistic || role == TensorRole::buffer;
}

/// An activation or a picture fed in: what decides the format of an operation that follows its inputs.
bool carries_data(TensorRole role) { return role == TensorRole::activation || role == TensorRole::input; }

bool has_numbers(TensorRole role) { return role != TensorRole::tokens && !is_always_fp32(role); }

}  // namespace

// PyTorch (autocast op reference) and Apex (amp/lists/functional_overrides.py, torch_overrides.py,
// rnn_compat) agree on every operation that there is here. Batch norm takes FP16 activations beside FP32
// parameters in both.
OpClass op_class(OpPolicy policy, OpKind op) {
    switch (op) {
        case OpKind::linear:
        case OpKind::conv2d:
        case OpKind::gru:
            return OpClass::low_precision;
        case OpKind::softmax_cross_entropy:
        case OpKind::mean_squared_error:
        case OpKind::layer_norm:
            return casts_parameters(policy) ? OpClass::fp32 : OpClass::by_input;
        case OpKind::bias_add:
        case OpKind::relu:
        case OpKind::sigmoid:
        case OpKind::tanh:
        case OpKind::gelu:
        case OpKind::embedding:
        case OpKind::dropout:
        case OpKind::batch_norm:
        case OpKind::max_pool:
        case OpKind::average_pool:
        case OpKind::add:
        case OpKind::concat:
            break;
    }
    return OpClass::by_input;
}

bool is_kept_fp32(const PrecisionPolicy& policy, const Node& node) {
    const std::string whole_op = std::string(kOpPrefix) + op_name(node.op);
    return std::any_of(policy.kept_fp32.begin(), policy.kept_fp32.end(),
                       [&](const std::string& kept) { return kept == node.name || kept == whole_op; });
}

std::string unknown_kept_node(const PrecisionPolicy& policy, const Graph& graph) {
    for (const std::string& kept : policy.kept_fp32) {
        const PrecisionPolicy alone{policy.storage, policy.op_policy, policy.arithmetic, {kept}};
        const auto& nodes = graph.nodes();
        if (std::none_of(nodes.begin(), nodes.end(),
                         [&](const Node& node) { return is_kept_fp32(alone, node); }))
            return kept;
    }
    return {};
}

FormatAssignment::FormatAssignment(const Graph& graph, const PrecisionPolicy& policy)
    : values(graph.tensors().size(), policy.storage), has_cast(graph.tensors().size(), false) {
    const bool casts = casts_parameters(policy.op_policy);
    for (std::size_t id = 0; id < values.size(); ++id) {
        const TensorRole role = graph.tensors()[id].role;
        const bool waits_for_cast = casts && (role == TensorRole::parameter || role == TensorRole::input);
        if (is_always_fp32(role) || waits_for_cast) values[id] = Format::fp32;
    }
    const auto value = [this](TensorId id) -> Format& { return values[static_cast<std::size_t>(id)]; };
    // Before any node is looked at: another one may read the same weight, and then reads a copy.
    for (const Node& node : graph.nodes()) {
        is_kept.push_back(is_kept_fp32(policy, node));
        if (!is_kept.back()) continue;
        for (TensorId id : node.inputs) {
            const TensorRole role = graph.tensor(id).role;
            if (role == TensorRole::parameter || role == TensorRole::input) value(id) = Format::fp32;
        }
    }
    for (std::size_t index = 0; index < graph.nodes().size(); ++index) {
        const Node& node = graph.nodes()[index];
        std::vector<bool> copies(node.inputs.size(), false);
        const OpClass kind = is_kept[index] ? OpClass::fp32 : op_class(policy.op_policy, node.op);
        if (policy.op_policy == OpPolicy::norm_fp32 && is_norm(node.op)) {
            for (TensorId id : node.inputs)
                if (graph.tensor(id).role == TensorRole::parameter) value(id) = Format::fp32;
        }
        Format format = policy.storage;
        if (kind == OpClass::fp32) {
            format = Format::fp32;
        } else if (kind == OpClass::low_precision) {
            for (std::size_t i = 0; i < node.inputs.size(); ++i) {
                const TensorId id = node.inputs[i];
                copies[i] = has_numbers(graph.tensor(id).role) && value(id) == Format::fp32 &&
                            policy.storage != Format::fp32;
                if (copies[i]) has_cast[static_cast<std::size_t>(id)] = true;
            }
        } else if (casts) {
            // Parameters of a norm do not widen its answer; those of an embedding or a sum are data
            // themselves.
            const bool by_data = is_norm(node.op);
            const bool widens = std::any_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
                const TensorRole role = graph.tensor(id).role;
                const bool counts = carries_data(role) || (!by_data && role == TensorRole::parameter);
                return counts && value(id) == Format::fp32;
            });
            if (widens) format = Format::fp32;
        }
        reads_cast.push_back(std::move(copies));
        if (!is_always_fp32(graph.tensor(node.output).role)) value(node.output) = format;
        for (const std::vector<TensorId>* own : {&node.saved, &node.workspace}) {
            for (TensorId id : *own)
                if (!is_always_fp32(graph.tensor(id).role)) value(id) = format;
        }
    }
    gradients = values;
}

}  // namespace halfscope
