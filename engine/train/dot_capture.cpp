#include "train/dot_capture.h"

namespace halfscope {

std::string DotSource::name() const {
    switch (kind) {
        case DotKind::product:
            return layer + ": y = x W^T, over inputs";
        case DotKind::weight_gradient:
            return layer + ": dW = dy^T x, over the batch";
        case DotKind::norm_mean:
            return layer + ": mean over the batch";
        case DotKind::norm_variance:
            return layer + ": variance over the batch";
        case DotKind::denominator:
            break;
    }
    return layer + ": softmax denominator";
}

std::vector<DotSource> dot_sources(const Graph& graph) {
    std::vector<DotSource> sources;
    for (const Node& node : graph.nodes()) {
        const Shape& x = graph.tensor(node.inputs[0]).shape;
        if (node.op == OpKind::linear) {
            const std::int64_t outputs = graph.tensor(node.output).shape.columns();
            sources.push_back({DotKind::product, node.name, x.rows(), outputs, x.columns()});
            sources.push_back({DotKind::weight_gradient, node.name, outputs, x.columns(), x.rows()});
        } else if (node.op == OpKind::batch_norm) {
            sources.push_back({DotKind::norm_mean, node.name, 1, x.columns(), x.rows()});
            sources.push_back({DotKind::norm_variance, node.name, 1, x.columns(), x.rows()});
        } else if (node.op == OpKind::softmax_cross_entropy) {
            sources.push_back({DotKind::denominator, node.name, x.rows(), 1, x.columns()});
        }
    }
    return sources;
}

}  // namespace halfscope
