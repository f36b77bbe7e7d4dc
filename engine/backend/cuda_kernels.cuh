// The kernels of the CUDA executor but the products: formulas over elements, rows and columns, windows,
// tables, and the checks of gradients. Orders of summation are those of ops/executor.h and ops/update_call.h.
#pragma once

#include <cstdint>

#include "backend/cuda_convert.cuh"
#include "backend/cuda_tally.cuh"
#include "graph/sliding_window.h"
#include "numerics/accumulate.h"
#include "ops/update_call.h"

namespace halfscope::cuda {

constexpr int kThreads = 256;
constexpr std::int64_t kColumnChunk = 256;  // part of the contract: ops/executor.h

/// Rounds of a loop in which every thread of the grid takes part, whether there is an element for it or not:
/// what counts, counts by whole warps.
__device__ inline std::int64_t rounds(std::int64_t elements) {
    const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    return (elements + threads - 1) / threads;
}
__device__ inline std::int64_t element_of_round(std::int64_t round) {
    return (round * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
}

/// What store_kernel counts its outputs by; without counts it costs nothing.
template <int N, bool is_counted>
struct Tallies {
    __device__ void start(const Outputs<N>&) {}
    __device__ void add(const Outputs<N>&, int, bool, float, float) {}
    __device__ void finish(const Outputs<N>&) {}
};
template <int N>
struct Tallies<N, true> {
    BlockTally tally[N];
    __device__ void start(const Outputs<N>& out) {
        for (int n = 0; n < N; ++n)
            if (out.view[n].counts) tally[n].start();
    }
    __device__ void add(const Outputs<N>& out, int n, bool is_there, float exact, float stored) {
        if (out.view[n].counts) tally[n].add(is_there, exact, stored, out.view[n].format);
    }
    __device__ void finish(const Outputs<N>& out) {
        for (int n = 0; n < N; ++n)
            if (out.view[n].counts) tally[n].finish(*out.view[n].counts);
    }
};

/// out(e) = store(body(e)) for each element; body returns Values<N>.
template <int N, bool is_counted, class Body>
__global__ void __launch_bounds__(kThreads) store_kernel(Outputs<N> out, Body body_of_any_step) {
    const auto body = bound(body_of_any_step);
    __shared__ Tallies<N, is_counted> tallies;
    tallies.start(out);
    const std::int64_t cols = out.view[0].cols, elements = out.view[0].rows * cols;
    const std::int64_t last = rounds(elements);
    for (std::int64_t round = 0; round < last; ++round) {
        const std::int64_t index = element_of_round(round);
        const bool is_there = index < elements;
        Element e{};
        Values<N> results{};
        if (is_there) {
            e = element_of(index, cols);
            results = body(e);
        }
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const float stored = is_there ? store(out.view[n], e.row, e.col, results.v[n]) : 0.0f;
            tallies.add(out, n, is_there, results.v[n], stored);
        }
    }
    tallies.finish(out);
}

template <int N, class F, class In>
struct MapBody {
    F f;
    In in;
    HALFSCOPE_HD auto bind() const { return MapBody<N, decltype(bound(f)), In>{bound(f), in}; }
    __device__ Values<N> operator()(const Element& e) const { return in.call(f, e); }
};
/// A formula with one result as one with Values.
template <class F>
struct Single {
    F f;
    HALFSCOPE_HD auto bind() const { return Single<decltype(bound(f))>{bound(f)}; }
    template <class... X>
    __device__ Values<1> operator()(std::int64_t index, X... x) const {
        return {{f(index, x...)}};
    }
};

struct Plus {
    __device__ float operator()(std::int64_t, float a, float b) const { return a + b; }
};

// --- Reductions ---

__device__ inline float folded(Fold fold, float a, float b) {
    if (fold == Fold::sum) return a + b;
    if (a != a || b != b) return a + b;
    return a < b ? b : a;
}

/// A row a warp: its lanes are the lanes of the contract. Results to results[row].
template <class F, class In>
__global__ void __launch_bounds__(kThreads)
    row_fold_kernel(float* results, Fold fold, std::int64_t rows, std::int64_t cols, F f, In in) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * (kThreads / 32);
    for (std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32; row < rows;
         row += warps) {
        float sum = fold == Fold::sum ? 0.0f : -INFINITY;
        for (std::int64_t col = lane; col < cols; col += 32)
            sum = folded(fold, sum, in.call(f, Element{row * cols + col, row, col}));
        for (int distance = 16; distance > 0; distance /= 2)
            sum = folded(fold, sum, __shfl_down_sync(kAllLanes, sum, distance));
        if (lane == 0) results[row] = sum;
    }
}

/// Running sums rounded after each block of 16 addends: a row a thread.
template <class F, class In>
struct RowBlocksBody {
    Format rounding;
    std::int64_t cols;
    F f;
    In in;
    __device__ Values<1> operator()(const Element& e) const {
        BlockRounder sum(rounding);
        for (std::int64_t col = 0; col < cols; ++col)
            sum.add(in.call(f, Element{e.row * cols + col, e.row, col}));
        return {{sum.finish()}};
    }
};
template <class F, class In>
struct ColumnBlocksBody {
    Format rounding;
    std::int64_t rows, cols;
    F f;
    In in;
    __device__ Values<1> operator()(const Element& e) const {
        BlockRounder sum(rounding);
        for (std::int64_t row = 0; row < rows; ++row)
            sum.add(in.call(f, Element{row * cols + e.col, row, e.col}));
        return {{sum.finish()}};
    }
};

/// partial[chunk][n][col]: the sum over the chunk's rows. blockIdx.y: chunk.
template <int N, class F, class In>
__global__ void __launch_bounds__(kThreads)
    column_chunk_kernel(float* partial, std::int64_t rows, std::int64_t cols, F f, In in) {
    const std::int64_t col = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (col >= cols) return;
    const std::int64_t chunk = blockIdx.y, first = chunk * kColumnChunk;
    const std::int64_t last = first + kColumnChunk < rows ? first + kColumnChunk : rows;
    Values<N> sums{};
    for (std::int64_t row = first; row < last; ++row) {
        const Values<N> terms = in.call(f, Element{row * cols + col, row, col});
#pragma unroll
        for (int n = 0; n < N; ++n) sums.v[n] += terms.v[n];
    }
#pragma unroll
    for (int n = 0; n < N; ++n) partial[(chunk * N + n) * cols + col] = sums.v[n];
}
template <int N>
struct ChunkSumBody {
    const float* partial;
    std::int64_t chunks, cols;
    __device__ Values<N> operator()(const Element& e) const {
        Values<N> totals{};
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
#pragma unroll
            for (int n = 0; n < N; ++n) totals.v[n] += partial[(chunk * N + n) * cols + e.col];
        return totals;
    }
};

// --- Windows and tables ---

struct Pooled {
    float value;
    std::int64_t winner;  ///< pixel of the maximum
};
__device__ inline Pooled pooled(const TensorView& x, const SlidingWindow& w, Pooling pooling,
                                std::int64_t position, std::int64_t channel) {
    Pooled result{0.0f, -1};
    for (std::int64_t y = 0; y < w.kernel_height; ++y) {
        for (std::int64_t column = 0; column < w.kernel_width; ++column) {
            const std::int64_t from = w.pixel_under(position, y, column);
            if (from < 0) continue;
            const float v = load(x, from, channel);
            if (pooling == Pooling::average) {
                result.value += v;
            } else if (result.winner < 0 || v > result.value || (v != v && result.value == result.value)) {
                result = {v, from};
            }
        }
    }
    return result;
}

struct PoolBody {
    TensorView x;
    SlidingWindow window;
    Pooling pooling;
    __device__ Values<1> operator()(const Element& e) const {
        const float result = pooled(x, window, pooling, e.row, e.col).value;
        return {{pooling == Pooling::average ? result / static_cast<float>(window.taps()) : result}};
    }
};

struct PoolGradientBody {
    TensorView dy, x;
    SlidingWindow window;
    Pooling pooling;
    __device__ Values<1> operator()(const Element& e) const {
        float sum = 0.0f;
        // A later tap lies on an earlier window: taps from the last one are windows ascending.
        for (std::int64_t tap = window.taps(); tap-- > 0;) {
            const std::int64_t position =
                window.position_over(e.row, tap / window.kernel_width, tap % window.kernel_width);
            if (position < 0) continue;
            if (pooling == Pooling::maximum && pooled(x, window, pooling, position, e.col).winner != e.row)
                continue;
            sum += load(dy, position, e.col);
        }
        return {{pooling == Pooling::average ? sum / static_cast<float>(window.taps()) : sum}};
    }
};

struct GatherBody {
    TensorView table;
    const std::int32_t* tokens;
    __device__ Values<1> operator()(const Element& e) const { return {{load(table, tokens[e.row], e.col)}}; }
};

struct ScatterAddBody {
    TensorView gradient;
    const std::int32_t* tokens;
    __device__ Values<1> operator()(const Element& e) const {
        float sum = 0.0f;
        for (std::int64_t row = 0; row < gradient.rows; ++row)
            if (tokens[row] == e.row) sum += load(gradient, row, e.col);
        return {{sum}};
    }
};

// --- Measuring ---

template <class F, class In>
__global__ void __launch_bounds__(kThreads)
    count_updates_kernel(UpdateCounts* counts, Format format, std::int64_t rows, std::int64_t cols, F formula,
                         In in) {
    const auto f = bound(formula);
    __shared__ BlockTally tally;
    __shared__ unsigned updates, swallowed;
    if (threadIdx.x == 0) updates = swallowed = 0;
    tally.start();
    const std::int64_t elements = rows * cols, last = rounds(elements);
    for (std::int64_t round = 0; round < last; ++round) {
        const std::int64_t index = element_of_round(round);
        const bool is_there = index < elements;
        Values<3> measured{};
        if (is_there) measured = in.call(f, element_of(index, cols));
        const float update = measured.v[0], before = measured.v[1], after = measured.v[2];
        const bool is_update = is_there && update != 0.0f && before != 0.0f;
        const unsigned updated = __ballot_sync(kAllLanes, is_update);
        const unsigned lost = __ballot_sync(kAllLanes, is_update && after == before);
        if (threadIdx.x % 32 == 0) {
            atomicAdd(&updates, static_cast<unsigned>(__popc(updated)));
            atomicAdd(&swallowed, static_cast<unsigned>(__popc(lost)));
        }
        tally.add(is_there, update, round_to(format, update), format);
    }
    tally.finish(counts->values);
    if (threadIdx.x != 0) return;
    add_to(counts->updates, updates);
    add_to(counts->swallowed, swallowed);
}

/// Folds doubles over the lanes of a warp in the contract's order.
__device__ inline double fold_lanes(double x) {
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_down_sync(kAllLanes, x, distance);
    return x;
}

/// What a chunk of kDoubleChunk elements adds to a GradientCheck; a chunk a warp.
__global__ inline void check_kernel(GradientCheck* chunks, TensorView gradient, const UpdateValues* values) {
    const float inverse_scale = values->inverse_scale;
    const std::int64_t elements = gradient.rows * gradient.cols, chunk = blockIdx.x;
    const std::int64_t first = chunk * kDoubleChunk;
    const std::int64_t last = first + kDoubleChunk < elements ? first + kDoubleChunk : elements;
    double squares = 0.0;
    unsigned nonfinite = 0, nonfinite_unscaled = 0;
    float largest = 0.0f;
    for (std::int64_t i = first + threadIdx.x; i < last; i += 32) {
        const float value = load(gradient, 0, i), unscaled = value * inverse_scale;
        squares += static_cast<double>(unscaled) * static_cast<double>(unscaled);
        const bool is_finite = isfinite(value), is_finite_unscaled = isfinite(unscaled);
        nonfinite += is_finite ? 0u : 1u;
        nonfinite_unscaled += is_finite && !is_finite_unscaled ? 1u : 0u;
        if (is_finite_unscaled && fabsf(unscaled) > largest) largest = fabsf(unscaled);
    }
    squares = fold_lanes(squares);
    for (int distance = 16; distance > 0; distance /= 2) {
        nonfinite += __shfl_down_sync(kAllLanes, nonfinite, distance);
        nonfinite_unscaled += __shfl_down_sync(kAllLanes, nonfinite_unscaled, distance);
        const float other = __shfl_down_sync(kAllLanes, largest, distance);
        if (other > largest) largest = other;
    }
    if (threadIdx.x == 0) chunks[chunk] = {nonfinite, nonfinite_unscaled, squares, largest};
}

__global__ inline void compare_kernel(GradientComparison* chunks, TensorView gradient, float inverse_scale,
                                      TensorView shadow) {
    const std::int64_t elements = gradient.rows * gradient.cols, chunk = blockIdx.x;
    const std::int64_t first = chunk * kDoubleChunk;
    const std::int64_t last = first + kDoubleChunk < elements ? first + kDoubleChunk : elements;
    GradientComparison sums;
    for (std::int64_t i = first + threadIdx.x; i < last; i += 32) {
        const double g = load(gradient, 0, i) * inverse_scale, s = load(shadow, 0, i);
        sums.difference_square += (g - s) * (g - s);
        sums.gradient_square += g * g;
        sums.shadow_square += s * s;
        sums.product += g * s;
    }
    sums.difference_square = fold_lanes(sums.difference_square);
    sums.gradient_square = fold_lanes(sums.gradient_square);
    sums.shadow_square = fold_lanes(sums.shadow_square);
    sums.product = fold_lanes(sums.product);
    if (threadIdx.x == 0) chunks[chunk] = sums;
}

}  // namespace halfscope::cuda
