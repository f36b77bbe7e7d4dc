// Where a step's first NaN or infinity arose, what it reached, and which loss scale would have been small
// enough. Made by Lane::examine_overflow, shown by the window. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numerics/classes.h"
#include "train/lane.h"

namespace halfscope {

/// A tensor with values that are not finite.
struct OverflownTensor {
    std::string tensor, layer;
    ProbeKind kind = ProbeKind::activation;
    ClassCounts counts;    ///< as stored, against the format it is stored in
    float max_abs = 0.0f;  ///< the largest finite magnitude, as computed
    /// The first few elements that are not finite, in order. Empty for activation gradients, whose memory is
    /// used again during the pass.
    std::vector<std::int64_t> elements;

    std::uint64_t nonfinite() const { return counts.inf + counts.nan; }
};

struct OverflowReport {
    static constexpr std::size_t kElements = 8;

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
