// How a lane computes: the storage format, which operations leave it, and the arithmetic inside operations.
// Made from Techniques by train/. What that means for each tensor of a graph is worked out by
// format_assignment.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/arithmetic.h"

namespace halfscope {

/// Which operations leave the storage format.
enum class OpPolicy : std::uint8_t {
    uniform,   ///< none
    autocast,  ///< by PyTorch's lists; parameters live in FP32 and are cast for the operations that want 16
               ///< bits
    apex_o1,   ///< the same by Apex's lists
    norm_fp32  ///< parameters of norms stay FP32, and with them the arithmetic between them (Apex O2)
};

struct PrecisionPolicy {
    Format storage = Format::fp32;  ///< compute weights, activations and their gradients, weight gradients
    OpPolicy op_policy = OpPolicy::uniform;
    Arithmetic arithmetic;
    /// What stays in FP32 whatever the above says: nodes by name ("fc1"), or all of an operation ("op:gru").
    std::vector<std::string> kept_fp32;

    bool operator==(const PrecisionPolicy&) const = default;
};

/// Whether parameters live in FP32 and are cast for each operation that wants them otherwise.
inline bool casts_parameters(OpPolicy policy) {
    return policy == OpPolicy::autocast || policy == OpPolicy::apex_o1;
}

/// What stands before an operation's name where all of its nodes are meant.
inline constexpr const char* kOpPrefix = "op:";

}  // namespace halfscope
