// Where a step's first NaN or infinity arose, what it reached, and which loss scale would have been small
// enough. Made by Lane::examine_overflow, shown by the window. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/tensor.h"
#include "numerics/classes.h"
#include "train/lane.h"

namespace halfscope {

/// A tensor with values that are not finite.
struct OverflownTensor {
    std::string tensor, layer;
    ProbeKind kind = ProbeKind::activation;
    ClassCounts counts;    ///< as stored, against the format it is stored in
    float max_abs = 0.0f;  ///< the largest finite magnitude, as computed
    Shape shape;
    /// The first few elements that are not finite, in order, with what is stored there. Empty where the
    /// tensor is too large to be brought home (kMostExamined).
    std::vector<std::int64_t> elements;
    std::vector<float> stored;
    /// What was computed in FP32 for them before it was stored: of gradients that one node alone makes. Else
    /// empty, for it cannot be told.
    std::vector<float> computed;

    std::uint64_t nonfinite() const { return counts.inf + counts.nan; }
};

struct OverflowReport {
    static constexpr std::size_t kElements = 8;
    /// As many values of gradients are brought home at a time.
    static constexpr std::int64_t kMostExamined = std::int64_t{1} << 24;

    std::int64_t step = 0;
    double loss = 0.0, loss_scale = 1.0;
    /// In the order in which they were made: the first one is where it arose.
    std::vector<OverflownTensor> tensors;
    std::string origin_layer, origin_op;  ///< the node that made the first one; empty: everything is finite
    bool is_forward = false;              ///< it arose in the forward pass: no loss scale helps
    /// Halvings of S after which all weight gradients were finite, as measured; -1: not within kMostHalvings.
    int halvings = -1;
    static constexpr int kMostHalvings = 40;
    double largest_gradient = 0.0;  ///< |g x S| at the scale that was small enough

    bool is_finite() const { return tensors.empty(); }
};

}  // namespace halfscope
