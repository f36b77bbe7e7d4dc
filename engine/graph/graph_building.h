// What every method of GraphBuilder checks and describes in the same way. Included by graph_builder*.cpp
// alone.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "graph/graph.h"

namespace halfscope::building {

// Bounds that keep every product of extents below within 64 bits; what fits into memory is the Plan's and the
// backend's say.
inline constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 60;

[[noreturn]] inline void refuse(const std::string& layer, const std::string& reason) {
    throw std::invalid_argument(layer + ": " + reason);
}

inline std::string shape_text(const Shape& shape) {
    std::string text = "[";
    for (int axis = 0; axis < shape.rank; ++axis) {
        if (axis > 0) text += ", ";
        text += std::to_string(shape[axis]);
    }
    return text + "]";
}

inline void check_extent(const std::string& layer, const char* what, std::int64_t extent) {
    if (extent < 1) refuse(layer, std::string(what) + " must be at least 1, not " + std::to_string(extent));
    if (extent > kMaxExtent) throw std::length_error(layer + ": " + what + " is too large");
}

inline void check_shape(const std::string& layer, const Shape& shape) {
    if (shape.rank < 1) refuse(layer, "a tensor needs at least one axis");
    std::int64_t elements = 1;
    for (int axis = 0; axis < shape.rank; ++axis) {
        check_extent(layer, "every extent", shape[axis]);
        if (__builtin_mul_overflow(elements, shape[axis], &elements) || elements > kMaxElements) {
            throw std::length_error(layer + ": a tensor of shape " + shape_text(shape) + " is too large");
        }
    }
}

/// The shape with another innermost extent.
inline Shape with_columns(Shape shape, std::int64_t columns) {
    shape.extents[static_cast<std::size_t>(shape.rank - 1)] = columns;
    return shape;
}

/// Checks that an op can compute with this tensor and hands back its description by value: adding tensors
/// moves them.
inline TensorInfo float_input(const Graph& graph, const std::string& layer, TensorId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= graph.tensors().size())
        refuse(layer, "its input does not exist");
    const TensorInfo& info = graph.tensor(id);
    const bool fits = info.role == TensorRole::input || info.role == TensorRole::activation ||
                      info.role == TensorRole::parameter;
    if (!fits) refuse(layer, "cannot compute with tensor '" + info.name + "'");
    return info;
}

inline TensorInfo token_input(const Graph& graph, const std::string& layer, TensorId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= graph.tensors().size())
        refuse(layer, "its tokens do not exist");
    const TensorInfo& info = graph.tensor(id);
    if (info.role != TensorRole::tokens) refuse(layer, "'" + info.name + "' does not hold tokens");
    return info;
}

inline TensorInfo described(std::string name, const Shape& shape, TensorRole role,
                            bool needs_gradient = false, Initializer initializer = {}) {
    TensorInfo info;
    info.name = std::move(name);
    info.shape = shape;
    info.role = role;
    info.needs_gradient = needs_gradient;
    info.initializer = initializer;
    return info;
}

inline float inverse_root(std::int64_t extent) {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(extent)));
}

}  // namespace halfscope::building
