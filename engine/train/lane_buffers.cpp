#include "train/lane_buffers.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace halfscope {
namespace {

constexpr std::uint64_t kFloatBytes = sizeof(float);

[[noreturn]] void refuse_batch(const TensorInfo& info, std::size_t given) {
    throw std::invalid_argument("batch tensor '" + info.name + "' has " + std::to_string(given) +
                                " numbers instead of " + std::to_string(info.shape.elements()));
}

}  // namespace

RandomKey random_key(std::uint64_t seed, std::string_view purpose, std::string_view name, std::int64_t step) {
    RandomKey key;
    key.seed = seed;
    key.stream = stream_of(std::string(purpose) + ":" + std::string(name));
    key.step = static_cast<std::uint32_t>(step);
    return key;
}

std::vector<float> download_floats(Backend& backend, const TensorView& view) {
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    const std::uint64_t bytes = values.size() * kFloatBytes;
    if (view.format == Format::fp32) {
        backend.download(values.data(), view.data, bytes);
        return values;
    }
    const DeviceMemory memory(backend, bytes);
    TensorView wide = view;
    wide.data = memory.data();
    wide.format = Format::fp32;
    wide.subnormals = Subnormals::keep;
    wide.counts = nullptr;
    backend.convert(wide, view);
    backend.download(values.data(), wide.data, bytes);
    return values;
}

std::uint64_t LaneBuffers::staging_bytes(const Graph& graph) {
    std::uint64_t largest = 0;
    for (TensorId id : graph.inputs()) {
        const TensorInfo& info = graph.tensor(id);
        if (info.role != TensorRole::input) continue;
        largest = std::max(largest, static_cast<std::uint64_t>(info.shape.elements()) * kFloatBytes);
    }
    return largest;
}

LaneBuffers::LaneBuffers(Backend& backend, const Graph& graph, Plan plan)
    : backend_(&backend),
      graph_(&graph),
      plan_(std::move(plan)),
      memory_(backend, plan_.total_bytes()),
      staging_(backend, staging_bytes(graph)),
      aliases_(graph.tensors().size()) {}

TensorView LaneBuffers::view(const PlannedBuffer& buffer, const Shape& shape) const {
    TensorView view;
    if (buffer.bytes == 0) return view;
    view.data = memory_.data() + buffer.offset;
    view.rows = shape.rows();
    view.cols = shape.columns();
    view.row_stride = view.cols;
    view.format = buffer.format;
    view.subnormals = plan_.policy().arithmetic.subnormals;
    return view;
}

TensorView LaneBuffers::flat(const PlannedBuffer& buffer, TensorId id) const {
    const TensorView matrix = view(buffer, graph_->tensor(id).shape);
    return matrix ? matrix.reshaped(1, matrix.elements()) : matrix;
}

TensorView LaneBuffers::value(TensorId id) const {
    const TensorView& alias = aliases_[static_cast<std::size_t>(id)];
    return alias ? alias : view(plan_.value(id), graph_->tensor(id).shape);
}

TensorView LaneBuffers::gradient(TensorId id) const {
    return view(plan_.gradient(id), graph_->tensor(id).shape);
}

TensorView LaneBuffers::flat_value(std::size_t parameter) const {
    const TensorId id = graph_->parameters()[parameter];
    return flat(plan_.value(id), id);
}

TensorView LaneBuffers::flat_gradient(std::size_t parameter) const {
    const TensorId id = graph_->parameters()[parameter];
    return flat(plan_.gradient(id), id);
}

TensorView LaneBuffers::state(std::size_t parameter, std::size_t slot) const {
    return flat(plan_.state(parameter, slot), graph_->parameters()[parameter]);
}

TensorView LaneBuffers::flat_buffer(std::size_t buffer) const {
    const TensorId id = graph_->buffers()[buffer];
    return flat(plan_.value(id), id);
}

void LaneBuffers::alias(TensorId id, const TensorView& elsewhere) {
    const Shape& shape = graph_->tensor(id).shape;
    aliases_[static_cast<std::size_t>(id)] = elsewhere.reshaped(shape.rows(), shape.columns());
}

void LaneBuffers::feed(const Batch& batch) {
    const std::vector<TensorId>& inputs = graph_->inputs();
    if (batch.tensors.size() != inputs.size()) {
        throw std::invalid_argument("a batch of " + std::to_string(batch.tensors.size()) +
                                    " tensors for a graph that reads " + std::to_string(inputs.size()));
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const TensorInfo& info = graph_->tensor(inputs[i]);
        const HostTensor& host = batch.tensors[i];
        const PlannedBuffer& buffer = plan_.value(inputs[i]);
        const auto elements = static_cast<std::size_t>(info.shape.elements());
        const std::size_t given = info.role == TensorRole::tokens ? host.tokens.size() : host.values.size();
        if (given == 0) continue;
        if (given != elements) refuse_batch(info, given);
        if (info.role == TensorRole::tokens) {
            backend_->upload(memory_.data() + buffer.offset, host.tokens.data(), buffer.bytes);
        } else if (info.role == TensorRole::target) {
            backend_->upload(memory_.data() + buffer.offset, host.values.data(), buffer.bytes);
        } else {
            const TensorView stored = value(inputs[i]);
            TensorView staged = stored;
            staged.data = staging_.data();
            staged.format = Format::fp32;
            backend_->upload(staged.data, host.values.data(), elements * kFloatBytes);
            backend_->convert(stored, staged);
        }
    }
}

/// The views and token pointers that one OpCall refers to.
struct LaneBuffers::Call {
    std::vector<TensorView> inputs, saved, input_gradients, workspace;
    std::vector<const std::int32_t*> tokens;
    OpCall op;
};

void LaneBuffers::gather_inputs(const Node& node, const PassSettings& settings, Call& call) const {
    call.inputs.clear();
    call.tokens.clear();
    call.saved.clear();
    for (TensorId id : node.inputs) {
        const bool holds_tokens = graph_->tensor(id).role == TensorRole::tokens;
        call.inputs.push_back(holds_tokens ? TensorView{} : value(id));
        const char* place = memory_.data() + plan_.value(id).offset;
        call.tokens.push_back(holds_tokens ? reinterpret_cast<const std::int32_t*>(place) : nullptr);
    }
    for (TensorId id : node.saved) call.saved.push_back(value(id));
    call.op = OpCall{};
    call.op.node = &node;
    call.op.arithmetic = plan_.policy().arithmetic;
    call.op.mode = settings.mode;
    call.op.random = random_key(settings.seed, "mask", node.name, settings.step);
    call.op.loss_gradient = settings.loss_gradient;
    call.op.inputs = call.inputs;
    call.op.tokens = call.tokens;
    call.op.saved = call.saved;
    call.op.output = value(node.output);
}

void LaneBuffers::forward(const PassSettings& settings, TensorId last) {
    Call call;
    for (const Node& node : graph_->nodes()) {
        gather_inputs(node, settings, call);
        if (settings.counts && graph_->tensor(node.output).role == TensorRole::activation) {
            call.op.output.counts = &settings.counts->values[static_cast<std::size_t>(node.output)];
        }
        backend_->forward(call.op);
        if (node.output == last) break;
    }
}

/// Where a node's input gradients go: into the tensor's gradient, or, when another reader has been there
/// before, beside it. What is counted is what the tensor's gradient is in the end.
void LaneBuffers::gather_gradients(const Node& node, const PassSettings& settings, std::vector<int>& received,
                                   Call& call) const {
    call.input_gradients.clear();
    for (TensorId id : node.inputs) {
        const auto index = static_cast<std::size_t>(id);
        TensorView target = gradient(id);
        if (target && received[index]++ > 0) {
            target = view(plan_.branch_gradient(id), graph_->tensor(id).shape);
        } else if (target && settings.counts && graph_->readers(id) == 1) {
            target.counts = &settings.counts->gradients[index];
        }
        call.input_gradients.push_back(target);
    }
}

void LaneBuffers::add_branches(const Node& node, const PassSettings& settings,
                               const std::vector<int>& received) {
    static const Node sum{OpKind::add, "gradient sum", {}, kNoTensor, {}, {}};
    for (TensorId id : node.inputs) {
        const auto index = static_cast<std::size_t>(id);
        if (!gradient(id) || received[index] < 2) continue;
        const TensorView parts[] = {gradient(id), view(plan_.branch_gradient(id), graph_->tensor(id).shape)};
        OpCall call;
        call.node = &sum;
        call.inputs = parts;
        call.output = parts[0];
        if (settings.counts && received[index] == graph_->readers(id))
            call.output.counts = &settings.counts->gradients[index];
        backend_->forward(call);
    }
}

void LaneBuffers::backward(const PassSettings& settings) {
    Call call;
    std::vector<int> received(graph_->tensors().size(), 0);
    for (auto node = graph_->nodes().rbegin(); node != graph_->nodes().rend(); ++node) {
        gather_inputs(*node, settings, call);
        gather_gradients(*node, settings, received, call);
        const bool wanted = std::any_of(call.input_gradients.begin(), call.input_gradients.end(),
                                        [](const TensorView& target) { return bool(target); });
        if (!wanted) continue;
        call.workspace.clear();
        for (TensorId id : node->workspace) call.workspace.push_back(value(id));
        call.op.input_gradients = call.input_gradients;
        call.op.workspace = call.workspace;
        if (node->output != graph_->loss()) call.op.output_gradient = gradient(node->output);
        backend_->backward(call.op);
        add_branches(*node, settings, received);
    }
}

float LaneBuffers::loss() const {
    float value_of_loss = 0.0f;
    backend_->download(&value_of_loss, value(graph_->loss()).data, sizeof value_of_loss);
    return value_of_loss;
}

}  // namespace halfscope
