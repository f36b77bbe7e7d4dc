// Matrix products and convolutions in the order of ops/executor.h: for each element one chain of fused
// multiply-adds in ascending k, so that the bits are the CPU's. Operands come through loaders, by (row, k)
// and by (k, column), which is how the three products of a convolution are the same kernel. Slower than
// cuBLAS: for exact runs, and for what cuBLAS has no product for.
#pragma once

#include <cstdint>

#include "backend/cuda_convert.cuh"
#include "backend/cuda_tally.cuh"
#include "graph/sliding_window.h"
#include "numerics/accumulate.h"

namespace halfscope::cuda {

constexpr int kTile = 64, kTileDepth = kAddendsPerBlock, kPerThread = 4;
constexpr int kProductThreads = (kTile / kPerThread) * (kTile / kPerThread);

struct ProductExtents {
    std::int64_t rows, cols, depth;
    bool is_zero_positive = false;  ///< a sum of -0 becomes +0
};

/// One tile of kTile x kTile results a block, kPerThread x kPerThread a thread; blocks lie along x alone,
/// whose extent is not limited to 65,535, row of tiles by row of tiles. The depth of a tile is one block of
/// addends, after which FP16 accumulation rounds.
template <class LoadA, class LoadB>
__global__ void __launch_bounds__(kProductThreads)
    product_kernel(TensorView out, TensorView bias, ProductExtents extents, LoadA load_a, LoadB load_b,
                   Accumulate accumulate) {
    __shared__ float a_tile[kTileDepth][kTile + 1], b_tile[kTileDepth][kTile + 1];
    __shared__ BlockTally tally;
    ThreadTally mine;
    if (out.counts) tally.start(out.format, out.subnormals);
    const int thread_row = static_cast<int>(threadIdx.x) / (kTile / kPerThread);
    const int thread_col = static_cast<int>(threadIdx.x) % (kTile / kPerThread);
    const auto col_tiles = static_cast<unsigned>((extents.cols + kTile - 1) / kTile);
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x / col_tiles) * kTile;
    const std::int64_t first_col = static_cast<std::int64_t>(blockIdx.x % col_tiles) * kTile;
    float sums[kPerThread][kPerThread] = {};
    constexpr int kLoads = kTile * kTileDepth / kProductThreads;
    std::uint32_t next_a[kLoads], next_b[kLoads];
    const auto load_tiles = [&](std::int64_t first_k) {
#pragma unroll
        for (int n = 0; n < kLoads; ++n) {
            const int i = static_cast<int>(threadIdx.x) + n * kProductThreads;
            const std::int64_t row = first_row + i / kTileDepth, k = first_k + i % kTileDepth;
            next_a[n] = row < extents.rows && k < extents.depth ? load_a.code(row, k) : 0;
        }
#pragma unroll
        for (int n = 0; n < kLoads; ++n) {
            const int i = static_cast<int>(threadIdx.x) + n * kProductThreads;
            const std::int64_t col = first_col + i % kTile, k = first_k + i / kTile;
            next_b[n] = col < extents.cols && k < extents.depth ? load_b.code(k, col) : 0;
        }
    };
    load_tiles(0);
    for (std::int64_t first_k = 0; first_k < extents.depth; first_k += kTileDepth) {
#pragma unroll
        for (int n = 0; n < kLoads; ++n) {
            const int i = static_cast<int>(threadIdx.x) + n * kProductThreads;
            a_tile[i % kTileDepth][i / kTileDepth] = load_a.value(next_a[n]);
            b_tile[i / kTile][i % kTile] = load_b.value(next_b[n]);
        }
        __syncthreads();
        // Under way while this tile is worked on.
        if (first_k + kTileDepth < extents.depth) load_tiles(first_k + kTileDepth);
        const std::int64_t left = extents.depth - first_k;
        const int depth = left < kTileDepth ? static_cast<int>(left) : kTileDepth;
        for (int k = 0; k < depth; ++k) {
            float a[kPerThread], b[kPerThread];
#pragma unroll
            for (int i = 0; i < kPerThread; ++i) {
                a[i] = a_tile[k][thread_row + i * (kTile / kPerThread)];
                b[i] = b_tile[k][thread_col + i * (kTile / kPerThread)];
            }
#pragma unroll
            for (int i = 0; i < kPerThread; ++i)
#pragma unroll
                for (int j = 0; j < kPerThread; ++j) sums[i][j] = fused_multiply_add(a[i], b[j], sums[i][j]);
        }
        if (accumulate == Accumulate::fp16) {
#pragma unroll
            for (int i = 0; i < kPerThread; ++i)
#pragma unroll
                for (int j = 0; j < kPerThread; ++j) sums[i][j] = round_to_fp16(sums[i][j]);
        }
        __syncthreads();
    }
    for (int i = 0; i < kPerThread; ++i) {
        for (int j = 0; j < kPerThread; ++j) {
            const std::int64_t row = first_row + thread_row + i * (kTile / kPerThread);
            const std::int64_t col = first_col + thread_col + j * (kTile / kPerThread);
            const bool is_there = row < extents.rows && col < extents.cols;
            float exact = sums[i][j], stored = 0.0f;
            if (is_there) {
                if (extents.is_zero_positive) exact += 0.0f;
                if (bias) exact += load(bias, 0, col);
                stored = store(out, row, col, exact);
            }
            if (out.counts) tally.add(mine, is_there, exact, stored);
        }
    }
    if (out.counts) tally.finish(mine, *out.counts);
}

/// The value of an operand's code, where a code of 0 is +0 in every format; FP32 operands are rounded to TF32
/// where asked for.
struct OperandValue {
    Format format;
    bool to_tf32;
    __device__ float operator()(std::uint32_t code) const {
        const float x = value_of_code(format, code);
        return to_tf32 ? round_to(Format::tf32, x) : x;
    }
};

// Loaders: code(row, k), or code(k, column), and the value of a code.

/// Of a matrix, or of its transpose: element (i, j).
struct MatrixLoader {
    TensorView view;
    bool is_transposed;
    OperandValue value;
    __device__ std::uint32_t code(std::int64_t i, std::int64_t j) const {
        return is_transposed ? code_at(view, j, i) : code_at(view, i, j);
    }
};

/// k of a convolution's products: (channel, tap), the tap by its row and column in the window.
struct ChannelTap {
    std::int64_t channel, tap, tap_row, tap_column;
};
__device__ inline ChannelTap channel_tap(const SlidingWindow& window, std::int64_t k) {
    const Division channel = divide(k, window.taps());
    const Division tap = divide(channel.remainder, window.kernel_width);
    return {channel.quotient, channel.remainder, tap.quotient, tap.remainder};
}

/// Convolution, left, and its gradient with respect to the weight, right: (position, (c, tap)) is the pixel
/// under that tap.
struct WindowLoader {
    TensorView x;
    SlidingWindow window;
    OperandValue value;
    __device__ std::uint32_t code(std::int64_t position, std::int64_t k) const {
        const ChannelTap at = channel_tap(window, k);
        const std::int64_t pixel = window.pixel_under(position, at.tap_row, at.tap_column);
        return pixel < 0 ? 0 : code_at(x, pixel, at.channel);
    }
};
/// Its gradient with respect to the picture, left: (pixel, (o, tap)) is dy of the position whose tap lies
/// there.
struct PositionLoader {
    TensorView dy;
    SlidingWindow window;
    OperandValue value;
    __device__ std::uint32_t code(std::int64_t pixel, std::int64_t k) const {
        const ChannelTap at = channel_tap(window, k);
        const std::int64_t position = window.position_over(pixel, at.tap_row, at.tap_column);
        return position < 0 ? 0 : code_at(dy, position, at.channel);
    }
};
/// The same, right: ((o, tap), c).
struct TapWeightLoader {
    TensorView weight;
    SlidingWindow window;
    OperandValue value;
    __device__ std::uint32_t code(std::int64_t k, std::int64_t channel) const {
        const ChannelTap at = channel_tap(window, k);
        return code_at(weight, at.channel, channel * window.taps() + at.tap);
    }
};

/// A loader's elements, to be stored.
template <class Load>
struct LoadedBody {
    Load load_element;
    __device__ Values<1> operator()(const Element& e) const {
        return {{load_element.value(load_element.code(e.row, e.col))}};
    }
};

}  // namespace halfscope::cuda
