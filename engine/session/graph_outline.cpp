#include "session/graph_outline.h"

namespace halfscope {
namespace {

std::string shape_text(const Shape& shape) {
    std::string text = std::to_string(shape.rows());
    if (shape.columns() > 1) text += " x " + std::to_string(shape.columns());
    return text;
}

}  // namespace

std::vector<OutlineNode> outline_of(const Graph& graph) {
    std::vector<OutlineNode> outline;
    for (const Node& node : graph.nodes()) {
        OutlineNode& shown = outline.emplace_back();
        shown.name = node.name;
        shown.op = op_name(node.op);
        shown.shape = shape_text(graph.tensor(node.output).shape);
        shown.output = graph.tensor(node.output).name;
        for (TensorId id : node.inputs) {
            if (graph.tensor(id).role == TensorRole::parameter)
                shown.parameters.push_back(graph.tensor(id).name);
            for (std::size_t source = 0; source + 1 < outline.size(); ++source)
                if (graph.nodes()[source].output == id) shown.sources.push_back(static_cast<int>(source));
        }
    }
    return outline;
}

}  // namespace halfscope
