#include "graph/graph.h"

#include <algorithm>

namespace halfscope {

const char* op_name(OpKind kind) {
    switch (kind) {
        case OpKind::linear:
            return "linear";
        case OpKind::bias_add:
            return "bias_add";
        case OpKind::relu:
            return "relu";
        case OpKind::sigmoid:
            return "sigmoid";
        case OpKind::tanh:
            return "tanh";
        case OpKind::gelu:
            return "gelu";
        case OpKind::softmax_cross_entropy:
            return "softmax_cross_entropy";
        case OpKind::mean_squared_error:
            return "mean_squared_error";
        case OpKind::embedding:
            return "embedding";
        case OpKind::gru:
            return "gru";
        case OpKind::layer_norm:
            return "layer_norm";
        case OpKind::dropout:
            return "dropout";
        case OpKind::conv2d:
            return "conv2d";
        case OpKind::batch_norm:
            return "batch_norm";
        case OpKind::max_pool:
            return "max_pool";
        case OpKind::average_pool:
            return "average_pool";
        case OpKind::add:
            return "add";
        case OpKind::concat:
            return "concat";
    }
    return "unknown";
}

bool is_backward_elementwise(OpKind kind) {
    switch (kind) {
        case OpKind::bias_add:
        case OpKind::relu:
        case OpKind::sigmoid:
        case OpKind::tanh:
        case OpKind::gelu:
        case OpKind::dropout:
        case OpKind::add:
        case OpKind::batch_norm:
            return true;
        default:
            return false;
    }
}

TensorId Graph::find(std::string_view name) const {
    for (std::size_t id = 0; id < tensors_.size(); ++id) {
        if (tensors_[id].name == name) return static_cast<TensorId>(id);
    }
    return kNoTensor;
}

std::optional<std::size_t> Graph::parameter_index(TensorId id) const {
    const auto place = std::find(parameters_.begin(), parameters_.end(), id);
    if (place == parameters_.end()) return std::nullopt;
    return static_cast<std::size_t>(place - parameters_.begin());
}

std::int64_t Graph::parameter_count() const {
    std::int64_t count = 0;
    for (TensorId id : parameters_) count += tensor(id).shape.elements();
    return count;
}

}  // namespace halfscope
