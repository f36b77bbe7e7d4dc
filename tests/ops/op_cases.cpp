#include "op_cases.h"

#include <cmath>
#include <utility>

#include "backend/cpu_backend.h"

namespace halfscope {
namespace {

using oracle::Extents;

/// The tensor under test as a parameter: parameters have gradients, inputs have none.
TensorId differentiable(GraphBuilder& builder, const Shape& shape) {
    return builder.parameter("x", shape, Initializer::constant(0.0f));
}

TensorId matrix(GraphBuilder& builder, const Extents& e) { return differentiable(builder, {e.rows(), e.in}); }

void build_linear(GraphBuilder& b, const Extents& e) {
    b.linear("op", matrix(b, e), e.out, WeightInit::he_normal);
}
void build_bias_add(GraphBuilder& b, const Extents& e) {
    b.bias_add("op", matrix(b, e), Initializer::constant(0.0f));
}
void build_relu(GraphBuilder& b, const Extents& e) { b.relu("op", matrix(b, e)); }
void build_sigmoid(GraphBuilder& b, const Extents& e) { b.sigmoid("op", matrix(b, e)); }
void build_tanh(GraphBuilder& b, const Extents& e) { b.tanh("op", matrix(b, e)); }
void build_gelu(GraphBuilder& b, const Extents& e) { b.gelu("op", matrix(b, e)); }
void build_cross_entropy(GraphBuilder& b, const Extents& e) {
    b.softmax_cross_entropy("op", matrix(b, e), b.tokens("labels", {e.rows()}));
}
void build_squared_error(GraphBuilder& b, const Extents& e) {
    b.mean_squared_error("op", matrix(b, e), b.target("target", {e.rows(), e.in}));
}
void build_embedding(GraphBuilder& b, const Extents& e) {
    b.embedding("op", b.tokens("tokens", {e.batch, e.time}), e.in, e.out, 0.1f);
}
void build_gru(GraphBuilder& b, const Extents& e) {
    b.gru("op", differentiable(b, {e.batch, e.time, e.in}), e.out);
}
void build_layer_norm(GraphBuilder& b, const Extents& e) { b.layer_norm("op", matrix(b, e), kCaseEps); }
void build_batch_norm(GraphBuilder& b, const Extents& e) { b.batch_norm("op", matrix(b, e), kCaseEps, 0.1f); }
/// Pictures [batch, time + 1, 3, in].
TensorId pictures(GraphBuilder& b, const Extents& e) {
    return differentiable(b, {e.batch, e.time + 1, 3, e.in});
}
template <int kernel, int stride, int padding>
void build_conv2d(GraphBuilder& b, const Extents& e) {
    b.conv2d("op", pictures(b, e), {e.out, kernel, stride, padding, WeightInit::he_normal});
}
template <int kernel, int stride, int padding>
void build_max_pool(GraphBuilder& b, const Extents& e) {
    b.max_pool("op", pictures(b, e), kernel, stride, padding);
}
template <int kernel, int stride>
void build_average_pool(GraphBuilder& b, const Extents& e) {
    b.average_pool("op", pictures(b, e), kernel, stride);
}
void build_global_average_pool(GraphBuilder& b, const Extents& e) {
    b.global_average_pool("op", pictures(b, e));
}
TensorId second(GraphBuilder& b, const Shape& shape) {
    return b.parameter("second", shape, Initializer::constant(0.0f));
}
void build_add(GraphBuilder& b, const Extents& e) { b.add("op", matrix(b, e), second(b, {e.rows(), e.in})); }
void build_concat(GraphBuilder& b, const Extents& e) {
    b.concat("op", matrix(b, e), second(b, {e.rows(), e.out}));
}

}  // namespace

const std::vector<OpCase>& op_cases() {
    static const std::vector<OpCase> cases{
        {OpKind::linear, build_linear, oracle::linear, true, true, 2, true},
        {OpKind::bias_add, build_bias_add, oracle::bias_add, true, true, 2, true},
        {OpKind::relu, build_relu, oracle::relu, true, true, 2, true},
        {OpKind::sigmoid, build_sigmoid, oracle::sigmoid, true, false, 8, false},
        {OpKind::tanh, build_tanh, oracle::tanh, true, false, 8, false},
        {OpKind::gelu, build_gelu, oracle::gelu, true, true, 2, true},
        {OpKind::softmax_cross_entropy, build_cross_entropy, oracle::softmax_cross_entropy, true, true, 2,
         true},
        {OpKind::mean_squared_error, build_squared_error, oracle::mean_squared_error, true, true, 2, true},
        {OpKind::embedding, build_embedding, oracle::embedding, true, true, 2, true},
        {OpKind::gru, build_gru, oracle::gru, false, false, 24, false},
        {OpKind::layer_norm, build_layer_norm, oracle::layer_norm, true, true, 2, true},
        {OpKind::batch_norm, build_batch_norm, oracle::batch_norm, true, true, 2, true},
        {OpKind::conv2d, build_conv2d<3, 1, 1>, oracle::conv2d, true, true, 2, true},
        {OpKind::conv2d, build_conv2d<3, 2, 1>, oracle::conv2d, true, true, 2, true},
        {OpKind::conv2d, build_conv2d<1, 2, 0>, oracle::conv2d, true, true, 2, true},
        {OpKind::conv2d, build_conv2d<2, 1, 1>, oracle::conv2d, true, true, 2, true},
        {OpKind::max_pool, build_max_pool<2, 2, 0>, oracle::max_pool, true, true, 2, true},
        {OpKind::max_pool, build_max_pool<3, 2, 1>, oracle::max_pool, true, true, 2, true},
        {OpKind::average_pool, build_average_pool<2, 1>, oracle::average_pool, true, true, 2, true},
        {OpKind::average_pool, build_global_average_pool, oracle::average_pool, true, true, 2, true},
        {OpKind::add, build_add, oracle::add, true, true, 2, true},
        {OpKind::concat, build_concat, oracle::concat, true, true, 2, true},
    };
    return cases;
}

PrecisionPolicy stored_in(Format format) {
    PrecisionPolicy policy;
    policy.storage = format;
    return policy;
}

PreparedCase prepare(const OpCase& op, const Extents& extents, const PrecisionPolicy& policy, int threads) {
    return prepare(op, extents, policy, make_cpu_backend(threads));
}

PreparedCase prepare(const OpCase& op, const Extents& extents, const PrecisionPolicy& policy,
                     std::unique_ptr<Backend> backend) {
    GraphBuilder builder;
    op.build(builder, extents);
    PreparedCase prepared{std::make_unique<OpHarness>(builder.finish(), policy, std::move(backend)), {}};
    OpHarness& harness = *prepared.harness;
    oracle::Problem& problem = prepared.problem;
    problem.extents = extents;
    problem.amount = harness.node().amount;
    const SlidingWindow& window = harness.node().window;
    problem.window = {window.images,       window.height, window.width,  window.kernel_height,
                      window.kernel_width, window.stride, window.padding};
    std::uint32_t stream = 0;
    for (TensorId id : harness.node().inputs) {
        const TensorInfo& info = harness.graph().tensor(id);
        const std::int64_t count = info.shape.elements();
        ++stream;
        if (info.role == TensorRole::tokens) {
            problem.tokens = random_tokens(count, extents.in, stream);
            harness.set_tokens(id, problem.tokens);
            problem.inputs.emplace_back();
            continue;
        }
        // Weight matrices are scaled as initialisers do, so that sums stay near 1 whatever the fan-in.
        const bool is_weight = info.name.rfind("op.weight", 0) == 0 && info.shape.rank >= 2;
        const std::int64_t fan_in = is_weight ? count / info.shape[0] : 1;
        const float deviation = 1.0f / std::sqrt(static_cast<float>(fan_in));
        harness.set_value(id, normal_values(count, stream, deviation));
        const std::vector<float> stored = harness.value(id);
        problem.inputs.emplace_back(stored.begin(), stored.end());
    }
    if (harness.is_loss()) {
        harness.loss_gradient = 8.0f;
        problem.output_gradient = {8.0};
    } else {
        const std::int64_t count = harness.graph().tensor(harness.node().output).shape.elements();
        harness.set_output_gradient(normal_values(count, 99));
        const std::vector<float> stored = harness.gradient(harness.node().output);
        problem.output_gradient.assign(stored.begin(), stored.end());
    }
    return prepared;
}

double relative_error(const std::vector<float>& a, const oracle::Array& b) {
    if (a.size() != b.size()) return HUGE_VAL;
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return std::sqrt(difference) / (norm > 0 ? std::sqrt(norm) : 1.0);
}

std::vector<Extents> case_extents() {
    return {{1, 1, 1, 1},    {1, 3, 5, 2},    {1, 17, 33, 7}, {257, 1, 3, 4},
            {3, 20, 65, 19}, {2, 2, 1100, 3}, {300, 2, 31, 5}};
}

std::string extents_text(const OpCase& op, const Extents& e) {
    return std::string(op_name(op.op)) + " B" + std::to_string(e.batch) + " T" + std::to_string(e.time) +
           " in" + std::to_string(e.in) + " out" + std::to_string(e.out);
}

}  // namespace halfscope
