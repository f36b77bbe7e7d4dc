#include "train/dot_capture.h"

#include <utility>

namespace halfscope {
namespace {

std::int64_t product_of(const std::vector<DotAxis>& axes) {
    std::int64_t product = 1;
    for (const DotAxis& axis : axes) product *= axis.extent;
    return product;
}

/// What the rows of a tensor's matrix view are counted by.
std::vector<DotAxis> row_axes_of(const Shape& shape) {
    switch (shape.rank) {
        case 3:
            return {{"sequence", shape[0]}, {"time", shape[1]}};
        case 4:
            return {{"image", shape[0]}, {"y", shape[1]}, {"x", shape[2]}};
        default:
            return {{"sample", shape.rows()}};
    }
}

std::string over_rows_of(const Shape& shape) {
    return shape.rank == 4 ? "(N, H, W)" : shape.rank == 3 ? "batch, then time" : "the batch";
}

/// Collects the sums of one node.
class Sums {
  public:
    Sums(std::vector<DotSource>& sources, const Graph& graph, const Node& node)
        : sources_(sources), graph_(graph), node_(node) {}

    void add(DotKind kind, std::vector<DotAxis> rows, std::vector<DotAxis> columns, std::int64_t length,
             std::string over) {
        DotSource source;
        source.kind = kind;
        source.layer = node_.name;
        source.rows = product_of(rows);
        source.columns = product_of(columns);
        source.length = length;
        source.over = std::move(over);
        source.row_axes = std::move(rows);
        source.column_axes = std::move(columns);
        sources_.push_back(std::move(source));
    }
    const Shape& shape(std::size_t input) const { return graph_.tensor(node_.inputs[input]).shape; }
    const Shape& output() const { return graph_.tensor(node_.output).shape; }
    bool has_gradient(std::size_t input) const { return graph_.tensor(node_.inputs[input]).needs_gradient; }
    const Node& node() const { return node_; }

  private:
    std::vector<DotSource>& sources_;
    const Graph& graph_;
    const Node& node_;
};

void add_linear(Sums& sums) {
    const Shape& x = sums.shape(0);
    const DotAxis inputs{"input", x.columns()}, outputs{"output", sums.output().columns()};
    sums.add(DotKind::product, row_axes_of(x), {outputs}, inputs.extent, "inputs");
    sums.add(DotKind::weight_gradient, {outputs}, {inputs}, x.rows(), over_rows_of(x));
    if (sums.has_gradient(0))
        sums.add(DotKind::input_gradient, row_axes_of(x), {inputs}, outputs.extent, "outputs");
}

void add_convolution(Sums& sums) {
    const Shape &x = sums.shape(0), &y = sums.output();
    const SlidingWindow& window = sums.node().window;
    const DotAxis inputs{"channel", x.columns()}, outputs{"output channel", y.columns()};
    sums.add(DotKind::convolution, row_axes_of(y), {outputs}, inputs.extent * window.taps(), "(C, kh, kw)");
    sums.add(DotKind::convolution_weight_gradient, {outputs},
             {inputs, {"tap y", window.kernel_height}, {"tap x", window.kernel_width}}, window.positions(),
             "(N, H, W)");
    if (sums.has_gradient(0)) {
        sums.add(DotKind::convolution_input_gradient, row_axes_of(x), {inputs},
                 outputs.extent * window.taps(), "(O, kh, kw)");
    }
}

void add_gru(Sums& sums) {
    const Shape &x = sums.shape(0), &y = sums.output();
    const std::vector<DotAxis> gates{{"gate r, z, n", 3}, {"unit", y.columns()}};
    const DotAxis inputs{"input", x.columns()}, units{"earlier unit", y.columns()};
    sums.add(DotKind::recurrent_input, row_axes_of(x), gates, inputs.extent, "inputs");
    sums.add(DotKind::recurrent_hidden, row_axes_of(x), gates, units.extent, "units");
    sums.add(DotKind::recurrent_weight_gradient, gates, {inputs}, x.rows(), over_rows_of(x));
    sums.add(DotKind::recurrent_own_weight_gradient, gates, {units}, x.rows(), over_rows_of(x));
    if (sums.has_gradient(0)) {
        sums.add(DotKind::recurrent_input_gradient, row_axes_of(x), {inputs}, 3 * units.extent,
                 "gates, then units");
    }
}

void add_norm(Sums& sums) {
    const Shape& x = sums.shape(0);
    const bool is_of_batch = sums.node().op == OpKind::batch_norm;
    for (const DotKind kind : {DotKind::norm_mean, DotKind::norm_variance}) {
        if (is_of_batch) {
            sums.add(kind, {}, {{"channel", x.columns()}}, x.rows(), over_rows_of(x));
        } else {
            sums.add(kind, row_axes_of(x), {}, x.columns(), "features");
        }
    }
}

}  // namespace

std::string DotSource::formula() const {
    const auto text = [this](const char* what) { return std::string(what) + ", over " + over; };
    switch (kind) {
        case DotKind::product:
            return text("y = x W^T");
        case DotKind::weight_gradient:
            return text("dW = dy^T x");
        case DotKind::input_gradient:
            return text("dx = dy W");
        case DotKind::convolution:
            return text("y = W * x");
        case DotKind::convolution_weight_gradient:
            return text("dW = dy * x");
        case DotKind::convolution_input_gradient:
            return text("dx = dy * W");
        case DotKind::recurrent_input:
            return text("W_ih x");
        case DotKind::recurrent_hidden:
            return text("W_hh h");
        case DotKind::recurrent_input_gradient:
            return text("dx = dg W_ih");
        case DotKind::recurrent_weight_gradient:
            return text("dW_ih = dg^T x");
        case DotKind::recurrent_own_weight_gradient:
            return text("dW_hh = dg^T h");
        case DotKind::norm_mean:
            return text("mean");
        case DotKind::norm_variance:
            return text("variance");
        case DotKind::denominator:
            break;
    }
    return text("softmax denominator");
}

std::vector<DotSource> dot_sources(const Graph& graph) {
    std::vector<DotSource> sources;
    for (const Node& node : graph.nodes()) {
        Sums sums(sources, graph, node);
        switch (node.op) {
            case OpKind::linear:
                add_linear(sums);
                break;
            case OpKind::conv2d:
                add_convolution(sums);
                break;
            case OpKind::gru:
                add_gru(sums);
                break;
            case OpKind::batch_norm:
            case OpKind::layer_norm:
                add_norm(sums);
                break;
            case OpKind::softmax_cross_entropy: {
                const Shape& x = sums.shape(0);
                sums.add(DotKind::denominator, row_axes_of(x), {}, x.columns(), "classes");
                break;
            }
            default:
                break;
        }
    }
    return sources;
}

}  // namespace halfscope
