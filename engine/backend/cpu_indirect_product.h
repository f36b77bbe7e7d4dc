// Matrix product whose left operand is read through offsets: what convolutions need, without a copy of every
// window. Called by cpu_convolution.cpp only. The order of summation is that of cpu_gemm.h: one chain of
// fused multiply-adds in ascending s for each element, whatever the threads and blocks. It must not round,
// count or store results.
#pragma once

#include <cstdint>

#include "backend/cpu_gemm.h"
#include "backend/thread_pool.h"

namespace halfscope {

/// C[i, j] = sum over s of a[row_offset[i] + step_offset[s]] * b[s * b_pitch + j]. The columns of b are
/// padded with zeros to b_pitch, a multiple of indirect_column_multiple().
struct IndirectProduct {
    const float* a = nullptr;
    const std::int64_t* row_offset = nullptr;   ///< m of them, in elements
    const std::int64_t* step_offset = nullptr;  ///< k of them
    /// Rows 0 to row_run - 1, the next row_run of them and so on lie evenly, row_distance elements apart, as
    /// the positions of a line do; 1: they lie anyhow.
    std::int64_t row_run = 1, row_distance = 0;
    /// Steps 0 to step_run - 1, the next step_run of them and so on: each reads what the step before it reads
    /// one row further on (step_back: one row before), as the taps of a window's line do. 1, or no
    /// step at all: they read anyhow.
    std::int64_t step_run = 1;
    bool step_back = false;
    const float* b = nullptr;
    std::int64_t b_pitch = 0;
    std::int64_t m = 0, n = 0, k = 0;
    Accumulate accumulate = Accumulate::fp32;
    /// Where C may be built up in place, rows this far apart: only where n equals b_pitch. The sink gets it
    /// all the same.
    float* c = nullptr;
    std::int64_t c_pitch = 0;
};

std::int64_t indirect_column_multiple();

/// Hands whole rows to `sink`, as cpu_gemm does.
void cpu_indirect_product(ThreadPool& pool, const IndirectProduct& product, GemmSink sink);

}  // namespace halfscope
