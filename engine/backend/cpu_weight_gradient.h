// Weight gradient of a convolution with FP32 sums, straight from the pictures: each tap of the window meets
// the positions at which it lies inside the picture, line by line, so that neither padding nor offsets are
// written out. Called by cpu_convolution.cpp only. Each element is one chain of fused multiply-adds over
// those positions, ascending; what the padding would add is zero, so the caller must see to it that dy is
// finite (0 times infinity is NaN), and take a sum of zero for +0. It must not round, count or store results.
#pragma once

#include <cstdint>

#include "backend/cpu_gemm.h"
#include "backend/thread_pool.h"
#include "graph/sliding_window.h"

namespace halfscope {

/// C[(tap, c), o] = sum over positions p of x[pixel under tap of p, c] * dy[p * dy_pitch + o], taps in
/// row-major order. The columns of dy are padded with zeros to dy_pitch, a multiple of
/// gemm_column_multiple().
struct WeightGradientProduct {
    SlidingWindow window;
    const float* x = nullptr;  ///< pixels x channels, without gaps
    std::int64_t channels = 0;
    const float* dy = nullptr;  ///< positions x dy_pitch
    std::int64_t dy_pitch = 0;
    std::int64_t outputs = 0;
};

/// Hands whole rows of C to `sink`, as cpu_gemm does.
void cpu_weight_gradient(ThreadPool& pool, const WeightGradientProduct& product, GemmSink sink);

}  // namespace halfscope
