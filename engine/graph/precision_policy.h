// Which format each tensor of a graph is stored in, and how each node computes. Made from Techniques by
// train/. The uniform policy stores everything a network computes in one format; other policies (autocast,
// apex) differ by node.
#pragma once

#include "graph/arithmetic.h"
#include "graph/graph.h"

namespace halfscope {

struct PrecisionPolicy {
    Format storage = Format::fp32;  ///< compute weights, activations and their gradients, weight gradients
    Arithmetic arithmetic;

    /// The format of a tensor's value: storage, except targets, statistics and buffers, which are always
    /// FP32.
    Format value_format(const TensorInfo& info) const {
        const bool always_fp32 = info.role == TensorRole::target || info.role == TensorRole::statistic ||
                                 info.role == TensorRole::buffer;
        return always_fp32 ? Format::fp32 : storage;
    }
    /// The format of its gradient.
    Format gradient_format(const TensorInfo&) const { return storage; }
    bool operator==(const PrecisionPolicy&) const = default;
};

}  // namespace halfscope
