// Tensors as the static graph knows them: a name, a shape, a role and, for parameters, how they are
// initialised. Used by Graph, Plan and everything above. Holds no data and no format: data lives in a lane,
// formats in its Plan.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace halfscope {

/// Index of a tensor in its Graph.
using TensorId = std::int32_t;
inline constexpr TensorId kNoTensor = -1;

/// Up to four extents, outermost first, row-major.
struct Shape {
    std::array<std::int64_t, 4> extents{1, 1, 1, 1};
    int rank = 0;

    Shape() = default;
    Shape(std::initializer_list<std::int64_t> list) {
        for (std::int64_t extent : list) extents[static_cast<std::size_t>(rank++)] = extent;
    }
    std::int64_t operator[](int axis) const { return extents[static_cast<std::size_t>(axis)]; }
    std::int64_t elements() const {
        std::int64_t product = 1;
        for (int axis = 0; axis < rank; ++axis) product *= (*this)[axis];
        return product;
    }
    /// Extent of the innermost axis: the row length of the matrix view that ops work on.
    std::int64_t columns() const { return rank == 0 ? 1 : (*this)[rank - 1]; }
    /// Product of all outer extents: the row count of that matrix view.
    std::int64_t rows() const { return columns() == 0 ? 0 : elements() / columns(); }
    bool operator==(const Shape&) const = default;
};

/// What a tensor is for; decides its format under a PrecisionPolicy and its byte category.
enum class TensorRole : std::uint8_t {
    input,       ///< floats fed from a batch, stored in the lane's storage format
    target,      ///< floats fed from a batch that a loss reads, always FP32
    tokens,      ///< 32-bit integers fed from a batch: token ids or class labels
    parameter,   ///< trained
    buffer,      ///< FP32, kept from step to step beside the parameters, not trained (running statistics)
    activation,  ///< computed by a node, stored in the lane's storage format, has a gradient
    saved,  ///< computed by a node for its own backward pass, in storage format, without a gradient buffer
    statistic,  ///< computed by a node, always FP32 (row statistics, losses)
    workspace   ///< scratch of a node's backward pass, in storage format (counts as gradients)
};

/// How a parameter starts. Values depend only on (seed, name, element), so lanes share them bit for bit.
struct Initializer {
    enum class Kind : std::uint8_t { constant, uniform, normal };
    Kind kind = Kind::constant;
    float amount = 0.0f;  ///< the constant, the bound b of U(-b, b), or the standard deviation of N(0, sd)

    static Initializer constant(float value) { return {Kind::constant, value}; }
    static Initializer uniform(float bound) { return {Kind::uniform, bound}; }
    static Initializer normal(float deviation) { return {Kind::normal, deviation}; }
};

struct TensorInfo {
    std::string name;  ///< unique in its graph; parameters use PyTorch's names ("fc1.weight")
    Shape shape;
    TensorRole role = TensorRole::activation;
    bool needs_gradient = false;
    Initializer initializer;  ///< parameters and buffers
};

}  // namespace halfscope
