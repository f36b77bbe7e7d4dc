// Small formulas and settings that several operations share. Included by ops/*.h alone; an op's own formula
// stays in its file.
#pragma once

#include "ops/executor.h"
#include "ops/op_call.h"

namespace halfscope {

/// Hands a value through: the term of a plain sum.
struct Identity {
    HALFSCOPE_HD float operator()(std::int64_t, float x) const { return x; }
};

/// Turns a sum over `count` addends into their mean.
struct DivideBy {
    float count;
    HALFSCOPE_HD float operator()(std::int64_t, float sum) const { return sum / count; }
};

/// The GEMM options every op takes from its call; no bias.
inline GemmOptions gemm_options(const OpCall& call) {
    GemmOptions options;
    options.accumulate = call.arithmetic.accumulate;
    options.operands = call.arithmetic.matmul_operands;
    return options;
}

}  // namespace halfscope
