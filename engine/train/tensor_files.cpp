#include "train/tensor_files.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "data/data_error.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

std::vector<std::int64_t> extents_of(const Shape& shape) {
    return {shape.extents.begin(), shape.extents.begin() + shape.rank};
}

[[noreturn]] void refuse(const BatchFile& file, const std::string& reason) {
    throw InputError("batch file '" + file.path + "' " + reason);
}

std::string input_names(const Graph& graph) {
    std::string text;
    for (const TensorId id : graph.inputs()) text += (text.empty() ? "" : ", ") + graph.tensor(id).name;
    return text;
}

const StoredTensor& required_tensor(const BatchFile& file, const Graph& graph, const std::string& name) {
    const StoredTensor* tensor = file.content.find(name);
    if (tensor) return *tensor;
    refuse(file, "has no tensor '" + name + "'; this scenario reads " + input_names(graph));
}

/// One more than the largest token that every reader of the tensor knows.
std::int64_t token_limit(const Graph& graph, TensorId tokens) {
    std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    for (const Node& node : graph.nodes()) {
        if (std::find(node.inputs.begin(), node.inputs.end(), tokens) == node.inputs.end()) continue;
        if (node.op == OpKind::embedding) {
            limit = std::min(limit, graph.tensor(node.inputs[1]).shape[0]);
        } else if (node.op == OpKind::softmax_cross_entropy) {
            limit = std::min(limit, graph.tensor(node.inputs[0]).shape.columns());
        } else {
            throw std::logic_error("node '" + node.name + "' reads tokens whose range nobody knows");
        }
    }
    return limit;
}

std::vector<std::int32_t> checked_tokens(const BatchFile& file, const StoredTensor& tensor,
                                         std::int64_t limit) {
    std::vector<std::int32_t> tokens;
    tokens.reserve(tensor.integers.size());
    for (std::size_t i = 0; i < tensor.integers.size(); ++i) {
        const std::int64_t token = tensor.integers[i];
        if (token < 0 || token >= limit) {
            refuse(file, "has " + std::to_string(token) + " at element " + std::to_string(i) + " of '" +
                             tensor.name + "'; it must be from 0 to " + std::to_string(limit - 1));
        }
        tokens.push_back(static_cast<std::int32_t>(token));
    }
    return tokens;
}

/// Whether pictures come as PyTorch lays them out, [N, C, H, W], where the graph has [N, H, W, C].
bool is_channels_first(const StoredTensor& tensor, const TensorInfo& info) {
    const Shape& shape = info.shape;
    return info.role == TensorRole::input && shape.rank == 4 &&
           tensor.shape == std::vector<std::int64_t>{shape[0], shape[3], shape[1], shape[2]};
}

/// [N, C, H, W] as [N, H, W, C], the shape of the graph.
std::vector<float> channels_last(const std::vector<float>& values, const Shape& shape) {
    const auto count = static_cast<std::size_t>(shape[0]), channels = static_cast<std::size_t>(shape[3]);
    const auto pixels = static_cast<std::size_t>(shape[1] * shape[2]);
    std::vector<float> rows(values.size());
    for (std::size_t n = 0; n < count; ++n) {
        for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t p = 0; p < pixels; ++p)
                rows[(n * pixels + p) * channels + c] = values[(n * channels + c) * pixels + p];
        }
    }
    return rows;
}

}  // namespace

std::vector<NamedValues> read_named_values(const std::string& path) {
    SafetensorsFile file = as_input_error([&] { return read_safetensors(path); });
    std::vector<NamedValues> all;
    all.reserve(file.tensors.size());
    for (StoredTensor& tensor : file.tensors) {
        if (tensor.name.ends_with("num_batches_tracked")) continue;
        if (!tensor.is_float()) {
            throw InputError("safetensors file '" + path + "': tensor '" + tensor.name + "' has the dtype " +
                             tensor.dtype + ", not a floating-point one");
        }
        all.push_back({std::move(tensor.name), std::move(tensor.shape), std::move(tensor.values)});
    }
    return all;
}

void write_named_values(const std::string& path, std::vector<NamedValues> tensors) {
    std::vector<StoredTensor> stored;
    stored.reserve(tensors.size());
    for (NamedValues& tensor : tensors) {
        stored.push_back(
            {std::move(tensor.name), "F32", std::move(tensor.shape), std::move(tensor.values), {}});
    }
    // What libraries that read files for PyTorch look for.
    as_input_error([&] { write_safetensors(path, stored, {{"format", "pt"}}); });
}

void check_named_values_target(const std::string& path, const std::vector<std::string>& names) {
    as_input_error([&] { check_safetensors_target(path, names); });
}

BatchFile read_batch_file(const std::string& path) {
    return {path, as_input_error([&] { return read_safetensors(path); })};
}

std::int64_t batch_size_of(const BatchFile& file, const Graph& graph) {
    const std::string& name = graph.tensor(graph.inputs().front()).name;
    const StoredTensor& tensor = required_tensor(file, graph, name);
    if (tensor.shape.empty())
        refuse(file, "has a single number for '" + name + "', which needs a first axis");
    return tensor.shape.front();
}

Batch batch_of(const BatchFile& file, const Graph& graph) {
    for (const StoredTensor& tensor : file.content.tensors) {
        const TensorId id = graph.find(tensor.name);
        if (std::find(graph.inputs().begin(), graph.inputs().end(), id) == graph.inputs().end()) {
            refuse(file, "has a tensor '" + tensor.name + "' that nothing reads; this scenario reads " +
                             input_names(graph));
        }
    }
    Batch batch;
    for (const TensorId id : graph.inputs()) {
        const TensorInfo& info = graph.tensor(id);
        const StoredTensor& tensor = required_tensor(file, graph, info.name);
        const bool wants_tokens = info.role == TensorRole::tokens;
        const bool as_it_is = tensor.shape == extents_of(info.shape);
        if (!as_it_is && !is_channels_first(tensor, info)) {
            refuse(file, "has the shape " + bracketed_shape(tensor.shape) + " for '" + info.name +
                             "' where these settings ask for " + bracketed_shape(extents_of(info.shape)));
        }
        if (tensor.is_float() == wants_tokens) {
            refuse(file, "has the dtype " + tensor.dtype + " for '" + info.name + "', which needs " +
                             (wants_tokens ? "whole numbers (I64 or I32)" : "floating-point numbers (F32)"));
        }
        HostTensor& host = batch.tensors.emplace_back();
        if (wants_tokens) {
            host.tokens = checked_tokens(file, tensor, token_limit(graph, id));
        } else {
            host.values = as_it_is ? tensor.values : channels_last(tensor.values, info.shape);
        }
    }
    return batch;
}

}  // namespace halfscope
