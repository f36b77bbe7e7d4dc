// One sum taken from a live layer, addend by addend: a product's dot product, a norm's statistic, a softmax's
// denominator. Made by Lane::capture_dot, added up in several ways by numerics/summation.h. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "numerics/format.h"
#include "numerics/summation.h"

namespace halfscope {

enum class DotKind : std::uint8_t {
    product,          ///< linear, forward: y[row, column] over inputs
    weight_gradient,  ///< linear, backward: dW[row, column] over the batch
    norm_mean,        ///< batch norm: the sum of a channel's values over the batch (row is 0)
    norm_variance,    ///< batch norm: the sum of their squared deviations
    denominator       ///< softmax: the sum of a row's exponentials (column is 0)
};

/// A place in the graph where sums are made.
struct DotSource {
    DotKind kind = DotKind::product;
    std::string layer;
    std::int64_t rows = 1, columns = 1;  ///< how many such sums there are
    std::int64_t length = 0;             ///< addends of each

    /// "fc2: y = x W^T", as the window lists it.
    std::string name() const;
    bool operator==(const DotSource&) const = default;
};
/// All of a training graph, in graph order.
std::vector<DotSource> dot_sources(const Graph& graph);

struct DotCapture {
    DotSource source;
    std::int64_t row = 0, column = 0, step = 0;
    Format format = Format::fp32;  ///< in which the operands are stored
    std::vector<float> a, b;       ///< addend k is a[k] b[k]; a[k] where b is empty
    double bias = 0.0;             ///< added to the sum before it is stored: product
    bool has_stored = false;
    double stored = 0.0;  ///< what the layer stored of it: product, weight_gradient (times S)
    /// What sums are rounded to in the ways below: the operands' format, or FP16 where that is FP32.
    Format sum_format = Format::fp16;
    std::array<SummedUp, kSummationCount> sums;  ///< by Summation
};

}  // namespace halfscope
