// A running sum that is rounded to a storage format after every block of 16 addends: what accumulation in low
// precision loses. Used for reductions=storage and as the oracle of accumulate=fp16. Must not reorder its
// addends.
#pragma once

#include "numerics/format.h"
#include "numerics/portability.h"
#include "numerics/rounding.h"

namespace halfscope {

inline constexpr int kAddendsPerBlock = 16;

/// Adds in FP32 and in the order of the calls, and rounds the running sum to `format` (nearest even) after
/// each 16th addend. Format::fp32 gives the plain ordered FP32 sum.
class BlockRounder {
  public:
    HALFSCOPE_HD explicit BlockRounder(Format format) : format_(format) {}

    /// sum + x, one addend.
    HALFSCOPE_HD void add(float x) {
        sum_ += x;
        count();
    }

    /// sum + a * b with one rounding, one addend.
    HALFSCOPE_HD void add_product(float a, float b) {
        sum_ = fused_multiply_add(a, b, sum_);
        count();
    }

    /// Rounds the shorter tail block and returns the sum.
    HALFSCOPE_HD float finish() {
        if (in_block_ > 0) sum_ = round_to(format_, sum_);
        in_block_ = 0;
        return sum_;
    }

  private:
    HALFSCOPE_HD void count() {
        if (++in_block_ < kAddendsPerBlock) return;
        sum_ = round_to(format_, sum_);
        in_block_ = 0;
    }

    Format format_;
    int in_block_ = 0;
    float sum_ = 0.0f;
};

}  // namespace halfscope
