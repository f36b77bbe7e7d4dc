// Matrix product of the CPU backend with a fixed order of additions: each element of C is one chain of fused
// multiply-adds in ascending k, so its bits depend on no thread count, blocking or vector width. Called by
// the CPU backend's linear, convolution, recurrent and attention operations. It must not round, count or
// store results: that is the caller's sink.
#pragma once

#include <cstdint>

#include "backend/function_ref.h"
#include "backend/thread_pool.h"
#include "graph/arithmetic.h"
#include "numerics/format.h"

namespace halfscope {

/// A matrix in memory, row-major as stored: element (r, c) lies at data + (r * row_stride + c) elements of
/// `format` (tf32 is stored as fp32). `row_stride` may be larger than `cols`, or 0 to repeat one row.
struct MatrixView {
    const void* data = nullptr;
    Format format = Format::fp32;
    int64_t rows = 0;
    int64_t cols = 0;
    int64_t row_stride = 0;
};

/// C [m, n] = op(a) [m, k] * op(b) [k, n]. `a` is stored as [m, k], or [k, m] under Transpose::yes; `b` as
/// [k, n], or [n, k] under Transpose::yes.
struct GemmArguments {
    MatrixView a;
    MatrixView b;
    Transpose transpose_a = Transpose::no;
    Transpose transpose_b = Transpose::no;
    int64_t m = 0;
    int64_t n = 0;
    int64_t k = 0;
    Accumulate accumulate = Accumulate::fp32;
    Format operand_format =
        Format::fp32;  ///< tf32: operands are rounded to TF32 on the way in; else as they are
    /// Where C may be built up in place, rows c_pitch apart: only where n is a multiple of
    /// gemm_column_multiple(). The sink gets it all the same.
    float* c = nullptr;
    int64_t c_pitch = 0;
    /// n numbers, added in FP32 to each finished row of c; without c a bias is the sink's work.
    const float* bias = nullptr;
};

/// Columns that the kernel computes together: the width of a vector.
int64_t gemm_column_multiple();

/// A finished part of C: C[row + r, col + c] = sums[r * pitch + c] for r < rows, c < cols, in FP32 (FP16
/// values under Accumulate::fp16).
struct GemmBlock {
    int64_t row, rows, col, cols;
    const float* sums;
    int64_t pitch;
};

/// Receives the parts of C: exactly once for each element, from several threads. `sums` is valid during the
/// call only.
using GemmSink = FunctionRef<void(const GemmBlock& block)>;

/// Computes c[i, j] = fma(a[i, k-1], b[k-1, j], ... fma(a[i, 0], b[0, j], +0)) for all i, j and hands the
/// results to `sink`. Accumulate::fp16 rounds the running sum to FP16 (nearest, ties to even) after each
/// block of 16 products counted from k = 0, the shorter last block included. k = 0 gives +0. NaN and infinity
/// propagate as in the chain. Small products run inline on the caller; so does a call from inside a body of
/// pool.parallel_for. No allocation after a thread's first call. Throws std::invalid_argument where the views
/// do not match m, n, k, and where c is asked for and n or c_pitch does not allow it.
void cpu_gemm(ThreadPool& pool, const GemmArguments& arguments, GemmSink sink);

/// Two products of which neither reads what the other writes: the same bits as two calls. They are worked
/// side by side where the second is the weight gradient of a narrow layer, each element of which is a chain
/// through the whole batch: threads work parts of the first while they would wait for each other's part of
/// the chains. Errors as above; where the arguments of either do not match, neither is begun.
void cpu_gemm_pair(ThreadPool& pool, const GemmArguments& first, GemmSink first_sink,
                   const GemmArguments& second, GemmSink second_sink);

}  // namespace halfscope
