// Which format every tensor of a graph has under a policy, and which inputs a node reads through a cast copy.
// Worked out by Plan; the lists behind it are those of the frameworks (numerics.md). Allocates nothing.
//
// A node that wants a wider format than its input has needs no copy: values widen exactly on loading, and the
// gradient it stores into the narrow tensor is rounded once, as a cast's backward does.
//
// A node that is kept in FP32 (PrecisionPolicy::kept_fp32) has its parameters, its output, what it saves and
// the gradients of all of these in FP32, and so is what it reads of the batch. What other nodes make and it
// reads stays as they make it; matrix products of 16 bits that read its output read a cast copy.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/precision_policy.h"

namespace halfscope {

/// What a framework's list says of an operation.
enum class OpClass : std::uint8_t {
    low_precision,  ///< computes and answers in 16 bits: matrix products, convolutions, recurrent cells
    fp32,           ///< computes and answers in FP32: softmax, losses, layer norm
    by_input        ///< answers in the widest format among its activations
};
OpClass op_class(OpPolicy policy, OpKind op);

/// Whether the policy keeps this node in FP32.
bool is_kept_fp32(const PrecisionPolicy& policy, const Node& node);
/// The first entry of PrecisionPolicy::kept_fp32 that means no node of the graph; empty: there is none.
std::string unknown_kept_node(const PrecisionPolicy& policy, const Graph& graph);

struct FormatAssignment {
    FormatAssignment(const Graph& graph, const PrecisionPolicy& policy);

    std::vector<Format> values;     ///< by tensor
    std::vector<Format> gradients;  ///< by tensor: that of the value
    /// By tensor: whether some node reads a copy in `storage` of it, whose gradient is in `storage` too.
    std::vector<bool> has_cast;
    /// By node, then input: whether it reads the copy.
    std::vector<std::vector<bool>> reads_cast;
    std::vector<bool> is_kept;  ///< by node: whether it is kept in FP32
};

}  // namespace halfscope
