// The matrix products of a training step, from shapes alone: how much arithmetic they are, and which of their
// extents Tensor Cores are slow with. Knows no formats and no device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace halfscope {

/// An extent that is no multiple of 8. (NVIDIA, "Matrix Multiplication Background": Tensor Cores are at their
/// best with FP16 where m, n and k are multiples of 16 bytes.)
struct OddExtent {
    std::string node;
    std::string what;  ///< "rows", "inputs", "outputs"
    std::int64_t extent = 0;
    bool operator==(const OddExtent&) const = default;
};

struct MatrixWork {
    /// Of one forward and backward pass: 2 m n k for each product; element-wise work is not in it.
    double flops = 0.0;
    std::vector<OddExtent> odd_extents;  ///< in the order of the nodes
};

MatrixWork matrix_work(const Graph& graph);

}  // namespace halfscope
