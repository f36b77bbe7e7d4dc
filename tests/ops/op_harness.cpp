#include "op_harness.h"

#include <cstring>
#include <utility>

#include "backend/cpu_backend.h"
#include "numerics/random.h"
#include "numerics/rounding.h"

namespace halfscope {

std::vector<float> normal_values(std::int64_t count, std::uint32_t stream, float deviation) {
    std::vector<float> values(static_cast<std::size_t>(count));
    const RandomKey key{11, stream, 0};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = deviation * normal(key, i);
    return values;
}

std::vector<std::int32_t> random_tokens(std::int64_t count, std::int64_t vocabulary, std::uint32_t stream) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
    const RandomKey key{13, stream, 0};
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = static_cast<std::int32_t>(random_below(key, i, static_cast<std::uint64_t>(vocabulary)));
    }
    return tokens;
}

HostTensor::HostTensor(Format format, const std::vector<float>& values, std::int64_t rows)
    : format_(format),
      rows_(rows),
      cols_(static_cast<std::int64_t>(values.size()) / rows),
      codes_(values.size()) {
    const auto bytes = static_cast<std::size_t>(format_info(format).bytes);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint32_t code = encode(format, values[i]);
        std::memcpy(reinterpret_cast<char*>(codes_.data()) + i * bytes, &code, bytes);
    }
}

TensorView HostTensor::view() {
    TensorView view;
    view.data = codes_.data();
    view.rows = rows_;
    view.cols = cols_;
    view.row_stride = cols_;
    view.format = format_;
    return view;
}

std::vector<float> HostTensor::values() const {
    const auto bytes = static_cast<std::size_t>(format_info(format_).bytes);
    std::vector<float> values(codes_.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint32_t code = 0;
        std::memcpy(&code, reinterpret_cast<const char*>(codes_.data()) + i * bytes, bytes);
        values[i] = decode(format_, code);
    }
    return values;
}

OpHarness::OpHarness(Graph graph, const PrecisionPolicy& policy, int threads)
    : OpHarness(std::move(graph), policy, make_cpu_backend(threads)) {}

OpHarness::OpHarness(Graph graph, const PrecisionPolicy& policy, std::unique_ptr<Backend> backend)
    : graph_(std::move(graph)),
      plan_(graph_, policy, PlanPasses::forward_and_backward, {}),
      backend_(std::move(backend)),
      memory_(*backend_, plan_.total_bytes()),
      values_(*backend_, sizeof(PassValues)) {}

TensorView OpHarness::view(TensorId id, const PlannedBuffer& buffer) {
    const Shape& shape = graph_.tensor(id).shape;
    TensorView view;
    view.data = buffer.bytes == 0 ? nullptr : memory_.data() + buffer.offset;
    view.rows = shape.rows();
    view.cols = shape.columns();
    view.row_stride = view.cols;
    view.format = buffer.format;
    if (buffer.format == plan_.policy().storage) view.subnormals = plan_.policy().arithmetic.subnormals;
    return view;
}

TensorView OpHarness::value_view(TensorId id) {
    TensorView view = this->view(id, plan_.value(id));
    const auto counts = value_counts_.find(id);
    if (counts != value_counts_.end()) view.counts = counts->second.get();
    return view;
}

TensorView OpHarness::gradient_view(TensorId id) {
    TensorView view = this->view(id, plan_.gradient(id));
    const auto counts = gradient_counts_.find(id);
    if (counts != gradient_counts_.end()) view.counts = counts->second.get();
    return view;
}

// Backends convert what lies in their own memory alone.
TensorView OpHarness::staged(const DeviceMemory& memory, const TensorView& like) {
    TensorView view;
    view.data = memory.data();
    view.rows = like.rows;
    view.cols = like.cols;
    view.row_stride = like.cols;
    return view;
}

void OpHarness::write(const TensorView& to, const std::vector<float>& values) {
    const DeviceMemory memory(*backend_, values.size() * sizeof(float));
    backend_->upload(memory.data(), values.data(), memory.bytes());
    backend_->convert(to, staged(memory, to));
}

std::vector<float> OpHarness::read(const TensorView& from) {
    std::vector<float> values(static_cast<std::size_t>(from.elements()));
    const DeviceMemory memory(*backend_, values.size() * sizeof(float));
    backend_->convert(staged(memory, from), from);
    backend_->download(values.data(), memory.data(), memory.bytes());
    return values;
}

void OpHarness::set_value(TensorId id, const std::vector<float>& values) {
    write(view(id, plan_.value(id)), values);
}

void OpHarness::set_tokens(TensorId id, const std::vector<std::int32_t>& tokens) {
    backend_->upload(memory_.data() + plan_.value(id).offset, tokens.data(),
                     tokens.size() * sizeof(std::int32_t));
}

void OpHarness::set_output_gradient(const std::vector<float>& values) {
    write(view(node().output, plan_.gradient(node().output)), values);
}

std::vector<float> OpHarness::value(TensorId id) { return read(view(id, plan_.value(id))); }
std::vector<float> OpHarness::gradient(TensorId id) { return read(view(id, plan_.gradient(id))); }

TensorCounts& OpHarness::probe_output() {
    return *(value_counts_[node().output] = std::make_unique<TensorCounts>());
}
TensorCounts& OpHarness::probe_gradient(TensorId id) {
    return *(gradient_counts_[id] = std::make_unique<TensorCounts>());
}

void OpHarness::forward() { run(false); }
void OpHarness::backward() { run(true); }

void OpHarness::run(bool backward) {
    std::vector<TensorView> inputs, saved, gradients, workspace;
    std::vector<const std::int32_t*> tokens;
    for (TensorId id : node().inputs) {
        TensorView view = value_view(id);
        const bool holds_tokens = graph_.tensor(id).role == TensorRole::tokens;
        tokens.push_back(holds_tokens ? static_cast<const std::int32_t*>(view.data) : nullptr);
        if (holds_tokens) view.data = nullptr;
        inputs.push_back(view);
        gradients.push_back(gradient_view(id));
    }
    for (TensorId id : node().saved) saved.push_back(value_view(id));
    for (TensorId id : node().workspace) workspace.push_back(value_view(id));
    OpCall call;
    call.node = &node();
    call.arithmetic = plan_.policy().arithmetic;
    call.mode = mode;
    call.random = random;
    const PassValues values{loss_gradient, random.step};
    backend_->upload(values_.data(), &values, sizeof values);
    call.values = reinterpret_cast<const PassValues*>(values_.data());
    call.inputs = inputs;
    call.tokens = tokens;
    call.output = value_view(node().output);
    call.saved = saved;
    call.input_gradients = gradients;
    call.output_gradient = gradient_view(node().output);
    call.workspace = workspace;
    if (backward) {
        backend_->backward(call);
    } else {
        backend_->forward(call);
    }
}

}  // namespace halfscope
