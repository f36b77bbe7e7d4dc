// The executor contract: the primitives an op's formula is written against, once, for two devices. An op is a
// struct with `template <class Executor> static void forward(Executor&, const OpCall&)` and `backward`;
// CpuExecutor (backend/cpu_executor.h) runs it on threads, CudaExecutor (backend/cuda_executor.cuh) as
// kernels. Ops never load, round, store or count by themselves.
//
//   map(out, f, in...)
//       out(i) = store(f(i, in(i)...)) for every element i = row * cols + col of `out`.
//   map(Outputs<N>, f, in...)
//       The same with N outputs of equal extents, at most four; f returns Values<N>.
//   row_reduce(out, reduction, f, in...)
//       out(row, 0) = store(fold over columns of f(i, in(i)...)); out is rows x 1, FP32; the extents are
//       those of the first in..., a TensorView.
//   column_reduce(out, f, in...)
//       out(0, col) = store(sum over rows of f(i, in(i)...)); out is 1 x cols; extents as above.
//   column_reduce(Outputs<N>, f, in...)
//       The same with N outputs, at most four, in one pass; f returns Values<N>.
//   column_reduce(out, reduction, f, in...)
//       The same, summed as `reduction` says (sum only).
//   gemm(out, Operand a, Operand b, GemmOptions)
//       out = store(a b + bias); one chain of fused multiply-adds in ascending k from 0 for each element,
//       then the bias (1 x cols) is added in FP32.
//   gemm_pair(MatrixProduct first, MatrixProduct second)
//       Both, with the bits of two calls of gemm. Neither reads what the other stores, so that they may be
//       worked side by side.
//   convolve(out, x, weight, window, GemmOptions)
//       out(p, o) = store(sum over c, tap of x(pixel under tap of p, c) * weight(o, (c, tap))): the gemm of
//       the matrix of windows, k over (C, kh, kw). x is pixels x C, weight O x (C kh kw), out positions x O.
//       In the padding x is 0, and 0 times infinity is NaN. All three products take accumulate and operands
//       from GemmOptions; no bias.
//   convolve_input_gradient(out, dy, weight, window, GemmOptions)
//       out(pixel, c) = store(sum over o, tap of dy(position whose tap lies on pixel, o) * weight(o, (c,
//       tap))), k over (O, kh, kw); where no position has that tap on the pixel dy is 0. With a stride above
//       1 a sum of zero is +0, so that taps which no position has may be left out.
//   convolve_weight_gradient(out, dy, x, window, GemmOptions)
//       out(o, (c, tap)) = store(sum over p of dy(p, o) * x(pixel under tap of p, c)), k over positions (N,
//       OH, OW). With padding a sum of zero is +0, so that positions whose tap lies in it may be left out.
//   pool(out, x, window, Pooling)
//       Each channel for itself. average: sum over the window's taps in row-major order, in FP32, / taps.
//       maximum: the largest value inside the picture; NaN wins.
//   pool_gradient(out, dy, x, window, Pooling)
//       out(pixel) = store(sum over windows that hold it, ascending, in FP32): average: dy, and the sum /
//       taps; maximum: dy of the windows whose first maximum it is.
//   gather_rows(out, table, tokens)
//       out(row, :) = store(table(tokens[row], :))
//   scatter_add_rows(out, tokens, gradient)
//       out(v, :) = store(sum over rows with tokens[row] == v, ascending, FP32)
//   copy(out, in)
//       out(i) = store(in(i))
//   count_updates(counts, weight_format, f, in...)
//       f returns {update, weight, weight after it as stored}; adds every element to UpdateCounts as
//       ops/update_call.h defines it; stores nothing; extents as above.
//
// A formula may have `bind() const`, which returns it with what changes from step to step filled in: map and
// count_updates call it once before the elements, where they run (bound() below). Likewise `bool is_idle()
// const`: where it says so, nothing is stored and nothing counted (idle() below).
//
// A formula of one value that is dear to compute and does not read the index may say so (IsTabulable below):
// an executor may then look results up.
//
// An input is a TensorView of the extents of `out`, PerRow{rows x 1}, PerColumn{1 x cols} or OneHot{labels,
// one for each row} (1 where col == labels[row], else 0). Values arrive as FP32. f must be a pure
// HALFSCOPE_HD function object whose captures are plain values. Inputs may alias the output element for
// element.
//
// Orders of summation are part of the contract, so that threads, vector widths and devices give the same
// bits:
//   row_reduce, reduction.rounding == fp32
//       32 lanes, lane l folds columns l, l+32, ... ascending from the neutral element (0 for sum, -inf for
//       maximum); then lane l folds lane l+16, then l+8, 4, 2, 1. Maximum propagates NaN.
//   row_reduce otherwise (sum only)
//       Ascending, the running sum rounded to that format after each block of 16 addends (and at the end).
//   column_reduce
//       Rows in chunks of 256, ascending within a chunk from 0, chunk sums added ascending from 0, all in
//       FP32. With a reduction in another format: rows ascending, the running sum rounded to it after each
//       block of 16 addends (and at the end).
#pragma once

#include <cstdint>

#include "graph/arithmetic.h"
#include "graph/sliding_window.h"
#include "ops/tensor_view.h"

namespace halfscope {

/// The formula as it is for this step.
template <class F>
HALFSCOPE_HD auto bound(const F& f) {
    if constexpr (requires { f.bind(); }) {
        return f.bind();
    } else {
        return f;
    }
}

/// Whether the formula has nothing to do in this step.
template <class F>
HALFSCOPE_HD bool idle(const F& f) {
    if constexpr (requires { f.is_idle(); }) {
        return f.is_idle();
    } else {
        return false;
    }
}

/// A formula with `static constexpr bool kTabulable = true`.
template <class F>
concept IsTabulable = requires {
    requires F::kTabulable;
};

// The contract's numbers: lanes of row_reduce, rows of a chunk of column_reduce, outputs of one call at most.
inline constexpr int kFoldLanes = 32;
inline constexpr std::int64_t kColumnChunk = 256;
inline constexpr int kMostOutputs = 4;

/// A rows x 1 view read by every element of its row.
struct PerRow {
    TensorView view;
};
/// A 1 x cols view read by every element of its column.
struct PerColumn {
    TensorView view;
};
/// 1 where the column equals the row's label, else 0.
struct OneHot {
    const std::int32_t* labels;
};

template <int N>
struct Values {
    float v[N];
};
template <int N>
struct Outputs {
    static_assert(N >= 1 && N <= kMostOutputs);
    TensorView view[N];
};
template <class... Views>
Outputs(Views...) -> Outputs<static_cast<int>(sizeof...(Views))>;

enum class Fold : std::uint8_t { sum, maximum };
enum class Pooling : std::uint8_t { average, maximum };
struct Reduction {
    Fold fold = Fold::sum;
    Format rounding = Format::fp32;
};

struct Operand {
    TensorView view;
    Transpose transpose = Transpose::no;
};
struct GemmOptions {
    Accumulate accumulate = Accumulate::fp32;
    Format operands = Format::fp32;  ///< Format::tf32: FP32 operands are rounded to TF32
    TensorView bias;                 ///< 1 x cols, optional
};
/// The arguments of a gemm.
struct MatrixProduct {
    TensorView out;
    Operand a, b;
    GemmOptions options;
};

}  // namespace halfscope
