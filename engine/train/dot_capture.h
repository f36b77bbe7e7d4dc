// One sum taken from a live layer, addend by addend: a product's dot product, a norm's statistic, a softmax's
// denominator. Made by Lane::capture_dot, added up in several ways by numerics/summation.h. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "numerics/format.h"
#include "numerics/summation.h"

namespace halfscope {

enum class DotKind : std::uint8_t {
    product,                        ///< linear: y[row, column] = x W^T, k over inputs
    weight_gradient,                ///< linear: dW[output, input] = dy^T x, k over the rows of x
    input_gradient,                 ///< linear: dx[row, column] = dy W, k over outputs
    convolution,                    ///< y[position, channel], k over (C, kh, kw)
    convolution_weight_gradient,    ///< dW[output channel, (C, kh, kw)], k over (N, H, W)
    convolution_input_gradient,     ///< dx[pixel, channel], k over (O, kh, kw)
    recurrent_input,                ///< gru: W_ih x[(sequence, time), (gate, unit)], k over inputs
    recurrent_hidden,               ///< gru: W_hh h, likewise, k over units
    recurrent_input_gradient,       ///< gru: dx, k over the gradients of W_ih x
    recurrent_weight_gradient,      ///< gru: dW_ih, k over batch, then time
    recurrent_own_weight_gradient,  ///< gru: dW_hh, likewise
    norm_mean,                      ///< batch norm, layer norm: the sum of a channel's, a row's values
    norm_variance,                  ///< the sum of their squared deviations
    denominator                     ///< softmax: the sum of a row's exponentials (column is 0)
};

/// Something that a row or a column of sums is counted by, outermost first: "image" 32.
struct DotAxis {
    std::string name;
    std::int64_t extent = 1;
    bool operator==(const DotAxis&) const = default;
};

/// A place in the graph where sums are made.
struct DotSource {
    DotKind kind = DotKind::product;
    std::string layer;
    std::int64_t rows = 1, columns = 1;          ///< how many such sums there are
    std::int64_t length = 0;                     ///< addends of each
    std::string over;                            ///< what k runs over: "(C, kh, kw)"
    std::vector<DotAxis> row_axes, column_axes;  ///< their extents multiply to rows, columns

    /// "fc2: y = x W^T, over inputs", as the window lists it; the same without the layer.
    std::string name() const { return layer + ": " + formula(); }
    std::string formula() const;
    bool operator==(const DotSource&) const = default;
};
/// All of a training graph, in graph order.
std::vector<DotSource> dot_sources(const Graph& graph);

struct DotCapture {
    DotSource source;
    std::int64_t row = 0, column = 0, step = 0;
    Format format = Format::fp32;  ///< in which the layer reads its operands
    std::vector<float> a, b;       ///< addend k is a[k] b[k]; a[k] where b is empty
    double bias = 0.0;      ///< added to the sum, or to its logarithm (denominator), before it is stored
    double stored = 0.0;    ///< what the layer stored of it; gradients contain S
    std::string stored_as;  ///< what that is where it is not the sum itself: "the mean"
    /// The way in which the lane itself adds up; nothing: an FP32 tree of its own (ops/executor.h).
    std::optional<Summation> own;
    /// What sums are rounded to in the ways below: the operands' format, or FP16 where that is FP32.
    Format sum_format = Format::fp16;
    std::array<SummedUp, kSummationCount> sums;  ///< by Summation
};

}  // namespace halfscope
