#include "graph/matrix_work.h"

#include <algorithm>

namespace halfscope {
namespace {

/// rows x inputs times inputs x outputs, and its two gradients.
struct Product {
    std::int64_t rows, inputs, outputs;
    std::int64_t times = 1;
    bool has_input_gradient = true;
};

void add(MatrixWork& work, const Node& node, const Product& product) {
    constexpr double kFlopsOfAnAddend = 2.0;
    const double passes = product.has_input_gradient ? 3.0 : 2.0;
    work.flops += passes * kFlopsOfAnAddend * static_cast<double>(product.times) *
                  static_cast<double>(product.rows) * static_cast<double>(product.inputs) *
                  static_cast<double>(product.outputs);
    const auto note = [&](const char* what, std::int64_t extent) {
        constexpr std::int64_t kWord = 8;
        const OddExtent odd{node.name, what, extent};
        const auto& known = work.odd_extents;
        if (extent % kWord != 0 && std::find(known.begin(), known.end(), odd) == known.end())
            work.odd_extents.push_back(odd);
    };
    note("rows", product.rows);
    note("inputs", product.inputs);
    note("outputs", product.outputs);
}

}  // namespace

MatrixWork matrix_work(const Graph& graph) {
    MatrixWork work;
    for (const Node& node : graph.nodes()) {
        if (node.op != OpKind::linear && node.op != OpKind::conv2d && node.op != OpKind::gru) continue;
        const TensorInfo& x = graph.tensor(node.inputs[0]);
        const Shape& weight = graph.tensor(node.inputs[1]).shape;
        const bool has_gradient = x.role == TensorRole::activation || x.role == TensorRole::parameter;
        const std::int64_t rows = node.op == OpKind::conv2d ? node.window.positions() : x.shape.rows();
        // [outputs, inputs], in a convolution [outputs, channels, height, width].
        add(work, node, {rows, weight.elements() / weight[0], weight[0], 1, has_gradient});
        if (node.op != OpKind::gru) continue;
        // The hidden state's, one after the other.
        const Shape& hidden = graph.tensor(node.inputs[2]).shape;
        add(work, node, {rows / node.time_steps, hidden.columns(), hidden.rows(), node.time_steps});
    }
    return work;
}

}  // namespace halfscope
