#include <algorithm>
#include <cmath>

#include "graph/graph_builder.h"
#include "graph/graph_building.h"

namespace halfscope {

using namespace building;

namespace {

/// A window over pictures x [N, H, W, C]; refuses what has no position.
SlidingWindow window_over(const std::string& layer, const Shape& x, std::int64_t kernel_height,
                          std::int64_t kernel_width, std::int64_t stride, std::int64_t padding) {
    if (x.rank != 4) refuse(layer, "x must be [images, height, width, channels], not " + shape_text(x));
    check_extent(layer, "kernel", kernel_height);
    check_extent(layer, "kernel", kernel_width);
    check_extent(layer, "stride", stride);
    // In a window that lies in the padding altogether there is nothing to convolve or to compare.
    if (padding < 0 || padding >= std::min(kernel_height, kernel_width))
        refuse(layer, "padding must be at least 0 and less than the kernel");
    SlidingWindow window;
    window.images = x[0];
    window.height = x[1];
    window.width = x[2];
    window.kernel_height = kernel_height;
    window.kernel_width = kernel_width;
    window.stride = stride;
    window.padding = padding;
    window.out_height = SlidingWindow::positions_along(x[1], kernel_height, stride, padding);
    window.out_width = SlidingWindow::positions_along(x[2], kernel_width, stride, padding);
    if (window.out_height < 1 || window.out_width < 1) {
        refuse(layer, "a kernel of " + std::to_string(kernel_height) + " x " + std::to_string(kernel_width) +
                          " does not fit into pictures " + shape_text(x));
    }
    return window;
}

}  // namespace

TensorId GraphBuilder::conv2d(const std::string& name, TensorId x, const Conv2d& shape) {
    const TensorInfo from = float_input(graph_, name, x);
    check_extent(name, "out_channels", shape.out_channels);
    const SlidingWindow window =
        window_over(name, from.shape, shape.kernel, shape.kernel, shape.stride, shape.padding);
    const std::int64_t channels = from.shape.columns(), fan_in = channels * window.taps();
    const Initializer initializer =
        shape.init == WeightInit::fan_in_uniform
            ? Initializer::uniform(inverse_root(fan_in))
            : Initializer::normal(static_cast<float>(std::sqrt(2.0 / static_cast<double>(fan_in))));
    const TensorId weight =
        parameter(name + ".weight", {shape.out_channels, channels, shape.kernel, shape.kernel}, initializer);
    const TensorId y =
        add(described(name, {window.images, window.out_height, window.out_width, shape.out_channels},
                      TensorRole::activation, true));
    Node node{OpKind::conv2d, name, {x, weight}, y, {}, {}};
    node.window = window;
    graph_.nodes_.push_back(std::move(node));
    return y;
}

TensorId GraphBuilder::batch_norm(const std::string& name, TensorId x, float eps, float momentum) {
    const TensorInfo from = float_input(graph_, name, x);
    if (!(eps >= 0.0f)) refuse(name, "eps must not be negative");
    if (!(momentum >= 0.0f && momentum <= 1.0f)) refuse(name, "momentum must lie in [0, 1]");
    const std::int64_t channels = from.shape.columns();
    const TensorId weight = parameter(name + ".weight", {channels}, Initializer::constant(1.0f));
    const TensorId bias = parameter(name + ".bias", {channels}, Initializer::constant(0.0f));
    const TensorId running_mean = buffer(name + ".running_mean", {channels}, 0.0f);
    const TensorId running_var = buffer(name + ".running_var", {channels}, 1.0f);
    const TensorId y = add(described(name, from.shape, TensorRole::activation, true));
    Node node{OpKind::batch_norm, name, {x, weight, bias, running_mean, running_var}, y, {}, {}, eps};
    const Shape row{1, channels};
    node.saved = {statistic(name + ".mean", row), statistic(name + ".inverse_deviation", row),
                  statistic(name + ".gradient_sum", row), statistic(name + ".gradient_product_sum", row)};
    node.momentum = momentum;
    graph_.nodes_.push_back(std::move(node));
    return y;
}

TensorId GraphBuilder::pool(OpKind op, const std::string& name, TensorId x, const SlidingWindow& window) {
    const TensorInfo from = float_input(graph_, name, x);
    const TensorId y =
        add(described(name, {window.images, window.out_height, window.out_width, from.shape.columns()},
                      TensorRole::activation, from.needs_gradient));
    Node node{op, name, {x}, y, {}, {}};
    node.window = window;
    graph_.nodes_.push_back(std::move(node));
    return y;
}

TensorId GraphBuilder::max_pool(const std::string& name, TensorId x, std::int64_t kernel, std::int64_t stride,
                                std::int64_t padding) {
    const Shape shape = float_input(graph_, name, x).shape;
    return pool(OpKind::max_pool, name, x, window_over(name, shape, kernel, kernel, stride, padding));
}

TensorId GraphBuilder::average_pool(const std::string& name, TensorId x, std::int64_t kernel,
                                    std::int64_t stride) {
    const Shape shape = float_input(graph_, name, x).shape;
    return pool(OpKind::average_pool, name, x, window_over(name, shape, kernel, kernel, stride, 0));
}

TensorId GraphBuilder::global_average_pool(const std::string& name, TensorId x) {
    const Shape shape = float_input(graph_, name, x).shape;
    const TensorId y =
        pool(OpKind::average_pool, name, x, window_over(name, shape, shape[1], shape[2], 1, 0));
    // One position a picture: the axes of extent 1 are dropped.
    graph_.tensors_[static_cast<std::size_t>(y)].shape = {shape[0], shape.columns()};
    return y;
}

TensorId GraphBuilder::add(const std::string& name, TensorId a, TensorId b) {
    const TensorInfo first = float_input(graph_, name, a), second = float_input(graph_, name, b);
    if (!(first.shape == second.shape)) {
        refuse(name, "cannot add " + shape_text(first.shape) + " and " + shape_text(second.shape));
    }
    const TensorId y = add(
        described(name, first.shape, TensorRole::activation, first.needs_gradient || second.needs_gradient));
    graph_.nodes_.push_back({OpKind::add, name, {a, b}, y, {}, {}});
    return y;
}

TensorId GraphBuilder::concat(const std::string& name, TensorId a, TensorId b) {
    const TensorInfo first = float_input(graph_, name, a), second = float_input(graph_, name, b);
    const std::int64_t columns = first.shape.columns() + second.shape.columns();
    if (!(with_columns(first.shape, 1) == with_columns(second.shape, 1))) {
        refuse(name, "cannot join " + shape_text(first.shape) + " and " + shape_text(second.shape));
    }
    const TensorId y = add(described(name, with_columns(first.shape, columns), TensorRole::activation,
                                     first.needs_gradient || second.needs_gradient));
    graph_.nodes_.push_back({OpKind::concat, name, {a, b}, y, {}, {}});
    return y;
}

}  // namespace halfscope
