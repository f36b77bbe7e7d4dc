// The kernels of the CUDA executor but the products and the storing of elements: rows and columns, windows,
// tables, and the checks of gradients. Orders of summation are those of ops/executor.h and ops/update_call.h.
#pragma once

#include <cstdint>

#include "backend/cuda_store.cuh"
#include "graph/sliding_window.h"
#include "numerics/accumulate.h"
#include "ops/update_decision.h"

namespace halfscope::cuda {

struct Plus {
    __device__ float operator()(std::int64_t, float a, float b) const { return a + b; }
};

/// Numbers from -1 to 1 of many different bits, for a measurement: products of zeros take less power, and so
/// less time. Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4).
struct Varied {
    __device__ float operator()(std::int64_t i) const {
        return static_cast<float>(static_cast<std::uint32_t>(i) * 2654435761u >> 8) * 0x1p-23f - 1.0f;
    }
};

// --- Reductions ---

__device__ inline float folded(Fold fold, float a, float b) {
    if (fold == Fold::sum) return a + b;
    if (a != a || b != b) return a + b;
    return a < b ? b : a;
}

/// Addends that a thread has under way at once: sums are chains, but what they add is not.
constexpr int kAhead = 8;

/// A row a warp: its lanes are the lanes of the contract. Results to results[row].
template <class F, class In>
__global__ void __launch_bounds__(kThreads)
    row_fold_kernel(float* results, Fold fold, std::int64_t rows, std::int64_t cols, F f, In in) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * (kThreads / 32);
    for (std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32; row < rows;
         row += warps) {
        float sum = fold == Fold::sum ? 0.0f : -INFINITY;
        std::int64_t col = lane;
        for (; col + 32 * (kAhead - 1) < cols; col += 32 * kAhead) {
            typename In::Codes ahead[kAhead];
#pragma unroll
            for (int i = 0; i < kAhead; ++i)
                ahead[i] = in.codes(Element{row * cols + col + 32 * i, row, col + 32 * i});
#pragma unroll
            for (int i = 0; i < kAhead; ++i) {
                const Element e{row * cols + col + 32 * i, row, col + 32 * i};
                sum = folded(fold, sum, in.call(f, e, ahead[i]));
            }
        }
        for (; col < cols; col += 32)
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

constexpr int kColumnTile = 32;  // columns of a block
/// Rows whose addends a block holds at once.
template <int N>
constexpr int kRowTile = static_cast<int>(kColumnChunk) / (N == 3 ? 4 : N);

/// partial[chunk][n][col]: the sum over the chunk's rows. Blocks lie along x alone, whose extent is not
/// limited to 65,535: columns within a chunk, chunk by chunk. All threads make the addends; one for each
/// column and result adds them up in order.
template <int N, class F, class In>
__global__ void __launch_bounds__(kThreads)
    column_chunk_kernel(float* partial, std::int64_t rows, std::int64_t cols, F f, In in) {
    __shared__ float addends[N][kRowTile<N>][kColumnTile];
    const int lane = static_cast<int>(threadIdx.x) % kColumnTile;
    const int group = static_cast<int>(threadIdx.x) / kColumnTile;
    constexpr int kGroups = kThreads / kColumnTile;
    static_assert(N <= kGroups && kRowTile<N> % kGroups == 0);
    const auto col_tiles = static_cast<unsigned>((cols + kColumnTile - 1) / kColumnTile);
    const std::int64_t col = static_cast<std::int64_t>(blockIdx.x % col_tiles) * kColumnTile + lane;
    const std::int64_t chunk = blockIdx.x / col_tiles, first = chunk * kColumnChunk;
    const std::int64_t last = first + kColumnChunk < rows ? first + kColumnChunk : rows;
    float sum = 0.0f;
    for (std::int64_t row = first; row < last; row += kRowTile<N>) {
        const int left = static_cast<int>(last - row < kRowTile<N> ? last - row : kRowTile<N>);
        if (row != first) __syncthreads();
        for (int r = group; col < cols && r < left; r += kGroups * kAhead) {
            typename In::Codes ahead[kAhead];
            const auto element = [&](int i) {
                const std::int64_t at = row + r + i * kGroups;
                return Element{at * cols + col, at, col};
            };
#pragma unroll
            for (int i = 0; i < kAhead; ++i)
                if (r + i * kGroups < left) ahead[i] = in.codes(element(i));
#pragma unroll
            for (int i = 0; i < kAhead; ++i) {
                if (r + i * kGroups >= left) continue;
                const Values<N> terms = in.call(f, element(i), ahead[i]);
#pragma unroll
                for (int n = 0; n < N; ++n) addends[n][r + i * kGroups][lane] = terms.v[n];
            }
        }
        __syncthreads();
        if (group < N) {
#pragma unroll 16
            for (int r = 0; r < left; ++r) sum += addends[group][r][lane];
        }
    }
    if (group < N && col < cols) partial[(chunk * N + group) * cols + col] = sum;
}
template <int N>
struct ChunkSumBody {
    const float* partial;
    std::int64_t chunks, cols;
    __device__ Values<N> operator()(const Element& e) const {
        Values<N> totals{};
#pragma unroll 8
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
    // Of the window's part inside the picture.
    const Division line = divide(position, w.out_width), image = divide(line.quotient, w.out_height);
    const std::int64_t top = image.remainder * w.stride - w.padding;
    const std::int64_t left = line.remainder * w.stride - w.padding;
    const std::int64_t first_row = top < 0 ? 0 : top, first_column = left < 0 ? 0 : left;
    const std::int64_t end_row = top + w.kernel_height < w.height ? top + w.kernel_height : w.height;
    const std::int64_t end_column = left + w.kernel_width < w.width ? left + w.kernel_width : w.width;
    for (std::int64_t row = first_row; row < end_row; ++row) {
#pragma unroll 4
        for (std::int64_t column = first_column; column < end_column; ++column) {
            const std::int64_t from = (image.quotient * w.height + row) * w.width + column;
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
        // Windows that hold the pixel.
        const Division line = divide(e.row, window.width), image = divide(line.quotient, window.height);
        const Range rows = windows_over(image.remainder, window.kernel_height, window.out_height);
        const Range columns = windows_over(line.remainder, window.kernel_width, window.out_width);
        for (std::int64_t row = rows.first; row < rows.end; ++row) {
            for (std::int64_t column = columns.first; column < columns.end; ++column) {
                const std::int64_t position =
                    (image.quotient * window.out_height + row) * window.out_width + column;
                if (pooling == Pooling::maximum &&
                    pooled(x, window, pooling, position, e.col).winner != e.row)
                    continue;
                sum += load(dy, position, e.col);
            }
        }
        return {{pooling == Pooling::average ? sum / static_cast<float>(window.taps()) : sum}};
    }

    struct Range {
        std::int64_t first, end;
    };
    /// Along one axis: the positions whose window holds the pixel `at`.
    __device__ Range windows_over(std::int64_t at, std::int64_t kernel, std::int64_t positions) const {
        const std::int64_t padded = at + window.padding;
        const std::int64_t first = padded < kernel ? 0 : divide(padded - kernel, window.stride).quotient + 1;
        const std::int64_t end = divide(padded, window.stride).quotient + 1;
        return {first, end < positions ? end : positions};
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

/// All threads of a block; `f` is bound.
template <class F, class In>
__device__ inline void count_updates(UpdateCounts* counts, Format format, std::int64_t rows,
                                     std::int64_t cols, const F& f, const In& in, Share share) {
    __shared__ BlockTally tally;
    __shared__ unsigned updates, swallowed;
    if (threadIdx.x == 0) updates = swallowed = 0;
    tally.start(format, Subnormals::keep);
    ThreadTally mine;
    const std::int64_t elements = rows * cols, last = share.rounds(elements);
    for (std::int64_t round = 0; round < last; ++round) {
        const std::int64_t index = share.element(round);
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
        tally.add(mine, is_there, update, round_to(format, update));
    }
    tally.finish(mine, counts->values);
    if (threadIdx.x != 0) return;
    add_to(counts->updates, updates);
    add_to(counts->swallowed, swallowed);
}

/// Folds doubles over the lanes of a warp in the contract's order.
__device__ inline double fold_lanes(double x) {
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_down_sync(kAllLanes, x, distance);
    return x;
}

/// As many gradients as a kernel's arguments hold (4 KiB on all devices), and the chunks of kDoubleChunk
/// elements they are measured in; a chunk a warp, a warp a block.
struct Measured {
    static constexpr int kMost = 24;
    TensorView gradient[kMost], shadow[kMost];
    unsigned first_chunk[kMost];
    int count;
};
/// One lane's elements of the block's chunk: first, first + 32, ... below last.
struct MeasuredChunk {
    TensorView gradient, shadow;
    std::int64_t first, last;
};
__device__ inline MeasuredChunk chunk_of_block(const Measured& measured) {
    int i = 0;
    while (i + 1 < measured.count && blockIdx.x >= measured.first_chunk[i + 1]) ++i;
    const TensorView& gradient = measured.gradient[i];
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x - measured.first_chunk[i]) * kDoubleChunk;
    const std::int64_t end = begin + kDoubleChunk;
    return {gradient, measured.shadow[i], begin + threadIdx.x,
            end < gradient.elements() ? end : gradient.elements()};
}

/// What a chunk adds to a GradientCheck.
__global__ inline void check_kernel(GradientCheck* chunks, const __grid_constant__ Measured measured,
                                    const UpdateValues* values) {
    const float inverse_scale = values->inverse_scale;
    const MeasuredChunk chunk = chunk_of_block(measured);
    double squares = 0.0;
    unsigned nonfinite = 0, nonfinite_unscaled = 0;
    float largest = 0.0f;
    const auto add = [&](float value) {
        const float unscaled = value * inverse_scale;
        squares += static_cast<double>(unscaled) * static_cast<double>(unscaled);
        const bool is_finite = isfinite(value), is_finite_unscaled = isfinite(unscaled);
        nonfinite += is_finite ? 0u : 1u;
        nonfinite_unscaled += is_finite && !is_finite_unscaled ? 1u : 0u;
        if (is_finite_unscaled && fabsf(unscaled) > largest) largest = fabsf(unscaled);
    };
    std::int64_t i = chunk.first;
    for (; i + 32 * (kAhead - 1) < chunk.last; i += 32 * kAhead) {
        std::uint32_t ahead[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) ahead[k] = code_at(chunk.gradient, 0, i + 32 * k);
#pragma unroll
        for (int k = 0; k < kAhead; ++k) add(value_of_code(chunk.gradient.format, ahead[k]));
    }
    for (; i < chunk.last; i += 32) add(load(chunk.gradient, 0, i));
    squares = fold_lanes(squares);
    for (int distance = 16; distance > 0; distance /= 2) {
        nonfinite += __shfl_down_sync(kAllLanes, nonfinite, distance);
        nonfinite_unscaled += __shfl_down_sync(kAllLanes, nonfinite_unscaled, distance);
        const float other = __shfl_down_sync(kAllLanes, largest, distance);
        if (other > largest) largest = other;
    }
    if (threadIdx.x == 0) chunks[blockIdx.x] = {nonfinite, nonfinite_unscaled, squares, largest};
}

/// totals[first_gradient + blockIdx.x]: the chunks of a gradient added up, in order; a gradient a block of
/// kThreads.
__global__ inline void fold_checks_kernel(GradientCheck* totals, int first_gradient,
                                          const GradientCheck* chunks, unsigned chunk_count,
                                          const __grid_constant__ Measured measured) {
    __shared__ double squares[kThreads];
    __shared__ unsigned largest;
    __shared__ unsigned long long nonfinite, nonfinite_unscaled;
    const int i = static_cast<int>(blockIdx.x);
    const unsigned begin = measured.first_chunk[i];
    const unsigned end = i + 1 < measured.count ? measured.first_chunk[i + 1] : chunk_count;
    if (threadIdx.x == 0) largest = nonfinite = nonfinite_unscaled = 0;
    double sum = 0.0;
    for (unsigned first = begin; first < end; first += kThreads) {
        __syncthreads();
        if (first + threadIdx.x < end) {
            const GradientCheck part = chunks[first + threadIdx.x];
            squares[threadIdx.x] = part.sum_of_squares;
            if (part.nonfinite != 0) atomicAdd(&nonfinite, part.nonfinite);
            if (part.nonfinite_unscaled != 0) atomicAdd(&nonfinite_unscaled, part.nonfinite_unscaled);
            atomicMax(&largest,
                      bits_of(part.max_abs));  // the order of positive numbers is that of their bits
        }
        __syncthreads();
        if (threadIdx.x != 0) continue;
        const unsigned count = end - first < kThreads ? end - first : kThreads;
#pragma unroll 16
        for (unsigned chunk = 0; chunk < count; ++chunk) sum += squares[chunk];
    }
    if (threadIdx.x == 0)
        totals[first_gradient + i] = {nonfinite, nonfinite_unscaled, sum, float_of(largest)};
}
__global__ inline void decide_kernel(const GradientCheck* totals, std::size_t count, UpdateValues* values) {
    values->decision = decide_update(totals, count, *values);
}

/// What a chunk adds to a GradientComparison.
__global__ inline void compare_kernel(GradientComparison* chunks, const __grid_constant__ Measured measured,
                                      float inverse_scale) {
    const MeasuredChunk chunk = chunk_of_block(measured);
    GradientComparison sums;
#pragma unroll 8
    for (std::int64_t i = chunk.first; i < chunk.last; i += 32) {
        const double g = load(chunk.gradient, 0, i) * inverse_scale, s = load(chunk.shadow, 0, i);
        sums.difference_square += (g - s) * (g - s);
        sums.gradient_square += g * g;
        sums.shadow_square += s * s;
        sums.product += g * s;
    }
    sums.difference_square = fold_lanes(sums.difference_square);
    sums.gradient_square = fold_lanes(sums.gradient_square);
    sums.shadow_square = fold_lanes(sums.shadow_square);
    sums.product = fold_lanes(sums.product);
    if (threadIdx.x == 0) chunks[blockIdx.x] = sums;
}

}  // namespace halfscope::cuda
