// Sums whose running value is rounded after each block of 16 addends: techniques.md's reductions=storage, and
// the plain form of accumulate=fp16. Used by reductions and as the oracle of the GEMM kernels.
#pragma once

#include "numerics/rounding.h"

namespace halfscope {

/// Starts at 0. The tail block may be shorter than 16.
class BlockRounder {
  public:
    static constexpr int kBlock = 16;

    HALFSCOPE_HD explicit BlockRounder(Format format) : format_(format) {}

    HALFSCOPE_INLINE void add(float addend) { advance(sum_ + addend); }
    /// Adds a * b by one fused multiply-add.
    HALFSCOPE_INLINE void add_product(float a, float b) { advance(fused_multiply_add(a, b, sum_)); }
    /// The sum, the tail block rounded.
    HALFSCOPE_INLINE float finish() const { return in_block_ == 0 ? sum_ : round_to(format_, sum_); }

  private:
    HALFSCOPE_INLINE void advance(float sum) {
        sum_ = sum;
        if (++in_block_ == kBlock) {
            sum_ = round_to(format_, sum_);
            in_block_ = 0;
        }
    }
    Format format_;
    float sum_ = 0.0f;
    int in_block_ = 0;
};

}  // namespace halfscope
