#include "train/lane_buffers.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "backend/cpu_convert.h"

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
    const auto bytes_each = static_cast<std::uint64_t>(format_info(view.format).bytes);
    if (bytes_each == kFloatBytes) {
        backend.download(values.data(), view.data, values.size() * kFloatBytes);
        return values;
    }
    // As they are stored, and widened here: it takes no memory of the device's.
    const auto codes = std::make_unique_for_overwrite<std::byte[]>(values.size() * bytes_each);
    backend.download(codes.get(), view.data, values.size() * bytes_each);
    widen(view.format, codes.get(), values.data(), view.elements());
    return values;
}

namespace {

/// Bytes of the largest input in FP32.
std::uint64_t staging_bytes(const Graph& graph) {
    std::uint64_t largest = 0;
    for (TensorId id : graph.inputs()) {
        const TensorInfo& info = graph.tensor(id);
        if (info.role != TensorRole::input) continue;
        largest = std::max(largest, static_cast<std::uint64_t>(info.shape.elements()) * kFloatBytes);
    }
    return largest;
}

}  // namespace

std::uint64_t LaneBuffers::bytes_beside_plan(const Graph& graph) {
    return staging_bytes(graph) + sizeof(PassValues);
}

LaneBuffers::LaneBuffers(Backend& backend, const Graph& graph, Plan plan)
    : backend_(&backend),
      graph_(&graph),
      plan_(std::move(plan)),
      memory_(backend, plan_.total_bytes()),
      staging_(backend, staging_bytes(graph)),
      values_(backend, sizeof(PassValues)),
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

TensorView LaneBuffers::state_or_none(std::size_t parameter, int slot) const {
    return slot < 0 ? TensorView{} : state(parameter, static_cast<std::size_t>(slot));
}

TensorView LaneBuffers::flat_buffer(std::size_t buffer) const {
    const TensorId id = graph_->buffers()[buffer];
    return flat(plan_.value(id), id);
}

TensorView LaneBuffers::cast(TensorId id) const { return view(plan_.cast(id), graph_->tensor(id).shape); }

TensorView LaneBuffers::compute_value(TensorId id) const {
    const TensorView copy = cast(id);
    return copy ? copy : value(id);
}

TensorView LaneBuffers::operand(std::size_t node, std::size_t input) const {
    const TensorId id = graph_->nodes()[node].inputs[input];
    return plan_.reads_cast(node, input) ? cast(id) : value(id);
}

Format LaneBuffers::rounded_gradient_format(TensorId id) const {
    const bool is_of_copy = plan_.cast_gradient(id).bytes != 0 && graph_->readers(id) == 1;
    return is_of_copy ? plan_.cast_gradient(id).format : plan_.gradient(id).format;
}

void LaneBuffers::alias(TensorId id, const TensorView& elsewhere) {
    const Shape& shape = graph_->tensor(id).shape;
    aliases_[static_cast<std::size_t>(id)] = elsewhere.reshaped(shape.rows(), shape.columns());
}

void LaneBuffers::feed(const Batch& batch, const PassValues& values) {
    const std::vector<TensorId>& inputs = graph_->inputs();
    if (batch.tensors.size() != inputs.size()) {
        throw std::invalid_argument("a batch of " + std::to_string(batch.tensors.size()) +
                                    " tensors for a graph that reads " + std::to_string(inputs.size()));
    }
    backend_->upload(values_.data(), &values, sizeof values);
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

void LaneBuffers::gather_inputs(std::size_t index, const PassSettings& settings, Call& call) const {
    const Node& node = graph_->nodes()[index];
    call.inputs.clear();
    call.tokens.clear();
    call.saved.clear();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorId id = node.inputs[i];
        const bool holds_tokens = graph_->tensor(id).role == TensorRole::tokens;
        call.inputs.push_back(holds_tokens ? TensorView{} : operand(index, i));
        const char* place = memory_.data() + plan_.value(id).offset;
        call.tokens.push_back(holds_tokens ? reinterpret_cast<const std::int32_t*>(place) : nullptr);
    }
    for (TensorId id : node.saved) call.saved.push_back(value(id));
    call.op = OpCall{};
    call.op.node = &node;
    call.op.arithmetic = plan_.arithmetic(index);
    call.op.mode = settings.mode;
    call.op.random = random_key(settings.seed, "mask", node.name, 0);
    call.op.values = reinterpret_cast<const PassValues*>(values_.data());
    call.op.inputs = call.inputs;
    call.op.tokens = call.tokens;
    call.op.saved = call.saved;
    call.op.output = value(node.output);
}

/// Casts what the node reads in storage format, once a pass. A parameter's copy is its compute weight:
/// counted here.
void LaneBuffers::make_casts(std::size_t index, const PassSettings& settings, std::vector<bool>& made) {
    const Node& node = graph_->nodes()[index];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const auto tensor = static_cast<std::size_t>(node.inputs[i]);
        if (!plan_.reads_cast(index, i) || made[tensor]) continue;
        TensorView copy = cast(node.inputs[i]);
        if (settings.counts && graph_->tensor(node.inputs[i]).role == TensorRole::parameter)
            copy.counts = settings.counts->place_of_value(node.inputs[i]);
        backend_->convert(copy, value(node.inputs[i]));
        made[tensor] = true;
    }
}

void LaneBuffers::forward(const PassSettings& settings, TensorId last) {
    Call call;
    std::vector<bool> made(graph_->tensors().size(), false);
    for (std::size_t index = 0; index < graph_->nodes().size(); ++index) {
        const Node& node = graph_->nodes()[index];
        make_casts(index, settings, made);
        gather_inputs(index, settings, call);
        if (settings.counts && graph_->tensor(node.output).role == TensorRole::activation) {
            call.op.output.counts = settings.counts->place_of_value(node.output);
        }
        backend_->forward(call.op);
        if (node.output == last) break;
    }
}

/// Where a node's input gradients go: into the tensor's gradient, or, when another reader has been there
/// before, beside it; through a cast into the copy's. What is counted is where a value is rounded, and once a
/// tensor: the copy's gradient, the gradient, or, where several nodes read it, the last sum.
void LaneBuffers::gather_gradients(std::size_t index, const PassSettings& settings,
                                   std::vector<int>& received, Call& call) const {
    const Node& node = graph_->nodes()[index];
    call.input_gradients.clear();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorId id = node.inputs[i];
        const auto tensor = static_cast<std::size_t>(id);
        const Shape& shape = graph_->tensor(id).shape;
        TensorView target = gradient(id);
        if (target) {
            const bool is_first = received[tensor]++ == 0;
            if (plan_.reads_cast(index, i)) {
                target = view(plan_.cast_gradient(id), shape);
            } else if (!is_first) {
                target = view(plan_.branch_gradient(id), shape);
            }
            if (settings.counts && graph_->readers(id) == 1)
                target.counts = settings.counts->place_of_gradient(id);
        }
        call.input_gradients.push_back(target);
    }
}

/// total = store(total + part), by the operation `add`.
void LaneBuffers::add_to(const TensorView& total, const TensorView& part) const {
    static const Node sum{OpKind::add, "gradient sum", {}, kNoTensor, {}, {}};
    const TensorView parts[] = {total, part};
    OpCall call;
    call.node = &sum;
    call.inputs = parts;
    call.output = total;
    backend_->forward(call);
}

void LaneBuffers::accumulate_gradients(std::size_t slot, bool begins) {
    for (std::size_t p = 0; p < graph_->parameters().size(); ++p) {
        if (begins) {
            backend_->convert(state(p, slot), flat_gradient(p));
        } else {
            add_to(state(p, slot), flat_gradient(p));
        }
    }
}

/// Brings what a node left beside a tensor's gradient into it: widened from the copy's, added to what is
/// there.
void LaneBuffers::add_contributions(std::size_t index, const PassSettings& settings,
                                    const std::vector<int>& received) {
    const Node& node = graph_->nodes()[index];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorId id = node.inputs[i];
        const auto tensor = static_cast<std::size_t>(id);
        const TensorView total = gradient(id);
        if (!total) continue;
        const Shape& shape = graph_->tensor(id).shape;
        const TensorView part = plan_.reads_cast(index, i) ? view(plan_.cast_gradient(id), shape)
                                                           : view(plan_.branch_gradient(id), shape);
        if (received[tensor] == 1) {
            if (plan_.reads_cast(index, i)) backend_->convert(total, part);
            continue;
        }
        TensorView sum = total;
        if (settings.counts && received[tensor] == graph_->readers(id))
            sum.counts = settings.counts->place_of_gradient(id);
        add_to(sum, part);
    }
}

/// What the node has just left, where it is watched.
void LaneBuffers::bring_home(const Node& node, const PassSettings& settings, const Call& call) const {
    for (GradientWatch& watch : settings.watches) {
        if (watch.left_by != node.output || watch.form != WatchedForm::stored) continue;
        const auto take = [&](const std::vector<TensorId>& ids, const std::vector<TensorView>& views) {
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (ids[i] != watch.id || !views[i]) continue;
                watch.values = download_floats(*backend_, views[i].reshaped(1, views[i].elements()));
            }
        };
        take(node.inputs, call.input_gradients);
        take(node.workspace, call.workspace);
    }
}

/// What the node is about to store, without rounding: it runs once more, into FP32 elsewhere, before the
/// places of its gradients change.
void LaneBuffers::bring_computed_home(const Node& node, const PassSettings& settings,
                                      const Call& call) const {
    for (GradientWatch& watch : settings.watches) {
        if (watch.left_by != node.output || watch.form != WatchedForm::computed) continue;
        std::vector<TensorView> targets(node.inputs.size());
        const auto at = std::find(node.inputs.begin(), node.inputs.end(), watch.id) - node.inputs.begin();
        const auto input = static_cast<std::size_t>(at);
        if (input == targets.size() || !call.input_gradients[input]) continue;
        TensorView wide = call.input_gradients[input];
        const auto elements = static_cast<std::uint64_t>(wide.elements());
        const DeviceMemory memory(*backend_, elements * kFloatBytes);
        wide.data = memory.data();
        wide.row_stride = wide.cols;
        wide.format = Format::fp32;
        wide.subnormals = Subnormals::keep;
        wide.counts = nullptr;
        targets[input] = wide;
        OpCall again = call.op;
        again.input_gradients = targets;
        backend_->backward(again);
        watch.values = download_floats(*backend_, wide.reshaped(1, wide.elements()));
    }
}

void LaneBuffers::backward(const PassSettings& settings) {
    Call call;
    std::vector<int> received(graph_->tensors().size(), 0);
    for (std::size_t index = graph_->nodes().size(); index-- > 0;) {
        const Node& node = graph_->nodes()[index];
        for (GradientWatch& watch : settings.watches) {
            if (node.output != watch.id || watch.left_by != kNoTensor) continue;
            const TensorView whole = gradient(node.output);
            watch.values = download_floats(*backend_, whole.reshaped(1, whole.elements()));
        }
        gather_inputs(index, settings, call);
        gather_gradients(index, settings, received, call);
        const bool wanted = std::any_of(call.input_gradients.begin(), call.input_gradients.end(),
                                        [](const TensorView& target) { return bool(target); });
        if (!wanted) continue;
        call.workspace.clear();
        for (TensorId id : node.workspace) call.workspace.push_back(value(id));
        call.op.input_gradients = call.input_gradients;
        call.op.workspace = call.workspace;
        if (node.output != graph_->loss()) call.op.output_gradient = gradient(node.output);
        bring_computed_home(node, settings, call);
        backend_->backward(call.op);
        bring_home(node, settings, call);
        add_contributions(index, settings, received);
    }
}

float LaneBuffers::loss() const {
    float value_of_loss = 0.0f;
    backend_->download(&value_of_loss, value(graph_->loss()).data, sizeof value_of_loss);
    return value_of_loss;
}

}  // namespace halfscope
