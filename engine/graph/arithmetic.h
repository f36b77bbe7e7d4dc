// How the arithmetic inside operations is done: what techniques.md calls accumulate, reductions,
// matmul_input, eps_format, loss_reduction and subnormals. Made from Techniques by train/, carried by the
// Plan, read by every op. Says nothing about where tensors are stored: that is PrecisionPolicy.
#pragma once

#include <cstdint>

#include "numerics/format.h"

namespace halfscope {

/// GEMM accumulation. fp16: the running sum is rounded to FP16 after each block of 16 products counted from k
/// = 0.
enum class Accumulate : std::uint8_t { fp32, fp16 };

/// Norm statistics, softmax denominators and loss sums. storage: rounded after each block of 16 addends,
/// index order.
enum class Reductions : std::uint8_t { fp32, storage };

/// Whether a loss is averaged or summed over its rows.
enum class LossReduction : std::uint8_t { mean, sum };

/// Whether a GEMM reads an operand as stored or transposed.
enum class Transpose : std::uint8_t { no, yes };

struct Arithmetic {
    Accumulate accumulate = Accumulate::fp32;
    Format matmul_operands = Format::fp32;   ///< Format::tf32 rounds FP32 GEMM operands to TF32; else fp32.
    Format reduction_format = Format::fp32;  ///< fp32: fixed tree in FP32; otherwise rounded blocks of 16.
    Format eps_format = Format::fp32;        ///< A norm's eps is rounded to, and added in, this format.
    LossReduction loss_reduction = LossReduction::mean;
    Subnormals subnormals = Subnormals::keep;

    bool operator==(const Arithmetic&) const = default;
};

}  // namespace halfscope
