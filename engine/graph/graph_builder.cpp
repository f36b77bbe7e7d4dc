#include "graph/graph_builder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "graph/graph_building.h"

namespace halfscope {

using namespace building;

TensorId GraphBuilder::add(TensorInfo info) {
    if (info.name.empty()) throw std::invalid_argument("a tensor needs a name");
    check_shape(info.name, info.shape);
    if (graph_.find(info.name) != kNoTensor) refuse(info.name, "the name is taken");
    graph_.tensors_.push_back(std::move(info));
    return static_cast<TensorId>(graph_.tensors_.size() - 1);
}

TensorId GraphBuilder::statistic(const std::string& name, Shape shape) {
    return add(described(name, shape, TensorRole::statistic));
}

TensorId GraphBuilder::input(const std::string& name, Shape shape) {
    const TensorId id = add(described(name, shape, TensorRole::input));
    graph_.inputs_.push_back(id);
    return id;
}

TensorId GraphBuilder::target(const std::string& name, Shape shape) {
    const TensorId id = add(described(name, shape, TensorRole::target));
    graph_.inputs_.push_back(id);
    return id;
}

TensorId GraphBuilder::tokens(const std::string& name, Shape shape) {
    const TensorId id = add(described(name, shape, TensorRole::tokens));
    graph_.inputs_.push_back(id);
    return id;
}

TensorId GraphBuilder::parameter(const std::string& name, Shape shape, Initializer initializer) {
    const TensorId id = add(described(name, shape, TensorRole::parameter, true, initializer));
    graph_.parameters_.push_back(id);
    return id;
}

TensorId GraphBuilder::buffer(const std::string& name, Shape shape, float value) {
    const TensorId id = add(described(name, shape, TensorRole::buffer, false, Initializer::constant(value)));
    graph_.buffers_.push_back(id);
    return id;
}

TensorId GraphBuilder::linear(const std::string& name, TensorId x, std::int64_t out_features,
                              WeightInit init) {
    const TensorInfo from = float_input(graph_, name, x);
    check_extent(name, "out_features", out_features);
    const std::int64_t in_features = from.shape.columns();
    const float bound = inverse_root(in_features);
    const bool uniform = init == WeightInit::fan_in_uniform;
    const float deviation = static_cast<float>(std::sqrt(2.0 / static_cast<double>(in_features)));
    const TensorId weight = parameter(name + ".weight", {out_features, in_features},
                                      uniform ? Initializer::uniform(bound) : Initializer::normal(deviation));
    const TensorId bias = parameter(name + ".bias", {out_features},
                                    uniform ? Initializer::uniform(bound) : Initializer::constant(0.0f));
    const TensorId y =
        add(described(name, with_columns(from.shape, out_features), TensorRole::activation, true));
    graph_.nodes_.push_back({OpKind::linear, name, {x, weight, bias}, y, {}, {}});
    return y;
}

TensorId GraphBuilder::bias_add(const std::string& name, TensorId x, Initializer initializer) {
    const TensorInfo from = float_input(graph_, name, x);
    const TensorId bias = parameter(name + ".bias", {from.shape.columns()}, initializer);
    const TensorId y = add(described(name, from.shape, TensorRole::activation, true));
    graph_.nodes_.push_back({OpKind::bias_add, name, {x, bias}, y, {}, {}});
    return y;
}

TensorId GraphBuilder::unary(OpKind op, const std::string& name, TensorId x, float amount) {
    const TensorInfo from = float_input(graph_, name, x);
    const TensorId y = add(described(name, from.shape, TensorRole::activation, from.needs_gradient));
    graph_.nodes_.push_back({op, name, {x}, y, {}, {}, amount});
    return y;
}

TensorId GraphBuilder::relu(const std::string& name, TensorId x) {
    return unary(OpKind::relu, name, x, 0.0f);
}
TensorId GraphBuilder::sigmoid(const std::string& name, TensorId x) {
    return unary(OpKind::sigmoid, name, x, 0.0f);
}
TensorId GraphBuilder::tanh(const std::string& name, TensorId x) {
    return unary(OpKind::tanh, name, x, 0.0f);
}
TensorId GraphBuilder::gelu(const std::string& name, TensorId x) {
    return unary(OpKind::gelu, name, x, 0.0f);
}

TensorId GraphBuilder::dropout(const std::string& name, TensorId x, float probability) {
    // Written so that NaN is refused too; at 1 the kept values would be divided by 0.
    if (!(probability >= 0.0f && probability < 1.0f)) refuse(name, "the probability must lie in [0, 1)");
    return unary(OpKind::dropout, name, x, probability);
}

TensorId GraphBuilder::embedding(const std::string& name, TensorId tokens, std::int64_t vocabulary,
                                 std::int64_t dimension, float deviation) {
    Shape shape = token_input(graph_, name, tokens).shape;
    check_extent(name, "vocabulary", vocabulary);
    check_extent(name, "dimension", dimension);
    if (shape.rank == static_cast<int>(shape.extents.size())) refuse(name, "its tokens have too many axes");
    shape.extents[static_cast<std::size_t>(shape.rank++)] = dimension;
    const TensorId weight =
        parameter(name + ".weight", {vocabulary, dimension}, Initializer::normal(deviation));
    const TensorId y = add(described(name, shape, TensorRole::activation, true));
    graph_.nodes_.push_back({OpKind::embedding, name, {tokens, weight}, y, {}, {}});
    return y;
}

TensorId GraphBuilder::gru(const std::string& name, TensorId x, std::int64_t hidden) {
    const TensorInfo from = float_input(graph_, name, x);
    check_extent(name, "hidden", hidden);
    if (from.shape.rank != 3)
        refuse(name, "x must be [batch, time, features], not " + shape_text(from.shape));
    const std::int64_t batch = from.shape[0], time = from.shape[1], features = from.shape[2];
    const std::int64_t gates = 3 * hidden;
    const Initializer initializer = Initializer::uniform(inverse_root(hidden));
    const TensorId weight_ih = parameter(name + ".weight_ih_l0", {gates, features}, initializer);
    const TensorId weight_hh = parameter(name + ".weight_hh_l0", {gates, hidden}, initializer);
    const TensorId bias_ih = parameter(name + ".bias_ih_l0", {gates}, initializer);
    const TensorId bias_hh = parameter(name + ".bias_hh_l0", {gates}, initializer);
    const TensorId y = add(described(name, {batch, time, hidden}, TensorRole::activation, true));
    const auto scratch = [&](const char* what, const Shape& shape, TensorRole role) {
        return add(described(name + "." + what, shape, role));
    };
    Node node{OpKind::gru, name, {x, weight_ih, weight_hh, bias_ih, bias_hh}, y, {}, {}};
    node.saved = {scratch("gates", {batch, time, gates}, TensorRole::saved),
                  scratch("hidden_gates", {batch, time, gates}, TensorRole::saved),
                  scratch("previous_hidden", {batch, time, hidden}, TensorRole::saved)};
    node.workspace = {scratch("gates_gradient", {batch, time, gates}, TensorRole::workspace),
                      scratch("hidden_gates_gradient", {batch, time, gates}, TensorRole::workspace),
                      scratch("hidden_gradient", {batch, hidden}, TensorRole::workspace),
                      scratch("hidden_product", {batch, hidden}, TensorRole::workspace)};
    node.time_steps = time;
    graph_.nodes_.push_back(std::move(node));
    return y;
}

TensorId GraphBuilder::layer_norm(const std::string& name, TensorId x, float eps) {
    const TensorInfo from = float_input(graph_, name, x);
    if (!(eps >= 0.0f)) refuse(name, "eps must not be negative");
    const std::int64_t columns = from.shape.columns();
    const Shape rows{from.shape.rows(), 1};
    const TensorId weight = parameter(name + ".weight", {columns}, Initializer::constant(1.0f));
    const TensorId bias = parameter(name + ".bias", {columns}, Initializer::constant(0.0f));
    const TensorId y = add(described(name, from.shape, TensorRole::activation, true));
    Node node{OpKind::layer_norm, name, {x, weight, bias}, y, {}, {}, eps};
    node.saved = {statistic(name + ".mean", rows), statistic(name + ".inverse_deviation", rows),
                  statistic(name + ".gradient_sum", rows), statistic(name + ".gradient_product_sum", rows)};
    graph_.nodes_.push_back(std::move(node));
    return y;
}

TensorId GraphBuilder::loss(OpKind op, const std::string& name, TensorId prediction, TensorId reference) {
    if (graph_.loss_ != kNoTensor) refuse(name, "the graph has a loss already");
    const std::int64_t rows = graph_.tensor(prediction).shape.rows();
    const TensorId value = statistic(name, {1});
    Node node{op, name, {prediction, reference}, value, {}, {}};
    if (op == OpKind::softmax_cross_entropy)
        node.saved.push_back(statistic(name + ".log_sum_exp", {rows, 1}));
    node.saved.push_back(statistic(name + ".row_loss", {rows, 1}));
    graph_.nodes_.push_back(std::move(node));
    graph_.loss_ = value;
    graph_.prediction_ = prediction;
    return value;
}

TensorId GraphBuilder::softmax_cross_entropy(const std::string& name, TensorId logits, TensorId labels) {
    const TensorInfo from = float_input(graph_, name, logits);
    const TensorInfo classes = token_input(graph_, name, labels);
    if (classes.shape.elements() != from.shape.rows()) {
        refuse(name, "labels " + shape_text(classes.shape) + " do not match the rows of logits " +
                         shape_text(from.shape));
    }
    return loss(OpKind::softmax_cross_entropy, name, logits, labels);
}

TensorId GraphBuilder::mean_squared_error(const std::string& name, TensorId prediction, TensorId target) {
    const TensorInfo from = float_input(graph_, name, prediction);
    if (target < 0 || static_cast<std::size_t>(target) >= graph_.tensors().size())
        refuse(name, "its target does not exist");
    const TensorInfo& wanted = graph_.tensor(target);
    if (wanted.role != TensorRole::target) refuse(name, "'" + wanted.name + "' is not a target");
    if (!(wanted.shape == from.shape)) {
        refuse(name,
               "target " + shape_text(wanted.shape) + " does not match prediction " + shape_text(from.shape));
    }
    return loss(OpKind::mean_squared_error, name, prediction, target);
}

Graph GraphBuilder::finish() {
    graph_.readers_.assign(graph_.tensors_.size(), 0);
    for (const Node& node : graph_.nodes_) {
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const TensorInfo& info = graph_.tensor(node.inputs[i]);
            if (!info.needs_gradient) continue;
            // Its two contributions would go to one place in one pass.
            if (std::count(node.inputs.begin(), node.inputs.end(), node.inputs[i]) > 1)
                refuse(node.name, "it reads '" + info.name + "' twice");
            ++graph_.readers_[static_cast<std::size_t>(node.inputs[i])];
        }
    }
    if (graph_.prediction_ == kNoTensor && !graph_.nodes_.empty())
        graph_.prediction_ = graph_.nodes_.back().output;
    return std::exchange(graph_, Graph{});
}

}  // namespace halfscope
