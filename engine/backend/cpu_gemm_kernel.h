// The inner loop of the matrix product: one tile of C in registers over a panel of A and a panel of B. Called
// by cpu_gemm.cpp only. Each element's sum goes through its products in ascending k; the tile's shape must
// not matter.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "backend/cpu_gemm_pack.h"
#include "backend/cpu_tile.h"

namespace halfscope::gemm {

/// How a packed panel of A lies in memory: see pack_a_row_major and pack_a_step_major.
enum class PanelOrder : uint8_t { row_major, step_major };

/// Whether sums start at zero (first pass over k) or go on from what the C buffer holds.
enum class Start : uint8_t { zero, resume };

/// A panel of an operand and the distance from one step of k to the next; a row-major panel of A has
/// kRowPitch from row to row instead.
struct Panel {
    const float* data;
    int64_t pitch;
};

/// c[r * c_pitch + j] (+)= a[r, p] * b[p, j] over p < depth, for the tile's Rows x (Vectors * kLanes)
/// elements.
using Kernel = void (*)(const Panel& a, const Panel& b, int64_t depth, float* c, int64_t c_pitch,
                        Start start);

/// Where row `row` of a step begins, from the step's first element on.
template <PanelOrder Order>
inline int64_t panel_index(int row) {
    return Order == PanelOrder::row_major ? row * kRowPitch : row;
}

/// One step of k for the whole tile.
template <int Rows, int Vectors, PanelOrder Order>
inline __attribute__((always_inline)) void step_tile(const float* a, const float* b,
                                                     simd::Vector (&sums)[Rows][Vectors]) {
    simd::Vector columns[Vectors];
    for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        const simd::Vector element = simd::broadcast(a[panel_index<Order>(r)]);
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            sums[r][v] = simd::fused_multiply_add(element, columns[v], sums[r][v]);
        }
    }
}

template <int Rows, int Vectors, PanelOrder Order, Accumulate Sum>
void multiply_tile(const Panel& a_panel, const Panel& b_panel, int64_t depth, float* c, int64_t c_pitch,
                   Start start) {
    const float* a = a_panel.data;
    const float* b = b_panel.data;
    const int64_t a_advance = Order == PanelOrder::row_major ? 1 : a_panel.pitch;
    const int64_t b_advance = b_panel.pitch;
    simd::Vector sums[Rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            sums[r][v] = start == Start::zero ? simd::zero() : simd::load(c + r * c_pitch + v * kLanes);
        }
    }
    // The FP16 running sum is rounded after each block of 16 products and after the shorter last one.
    for (int64_t p = 0; p < depth;) {
        const int64_t end = Sum == Accumulate::fp16 ? std::min(p + tile::kBlock, depth) : depth;
        for (; p < end; ++p) {
            step_tile<Rows, Vectors, Order>(a, b, sums);
            a += a_advance;
            b += b_advance;
        }
        if constexpr (Sum == Accumulate::fp16) tile::round_sums_to_fp16(sums);
    }
    tile::store_sums(sums, c, c_pitch);
}

/// Kernels of one order and accumulation by [rows - 1][vectors - 1].
using KernelTable = std::array<std::array<Kernel, kTileVectors>, kTileRows>;

template <PanelOrder Order, Accumulate Sum>
constexpr KernelTable make_kernel_table() {
    static_assert(kTileVectors == 2);
    return []<int... R>(std::integer_sequence<int, R...>) {
        return KernelTable{std::array<Kernel, kTileVectors>{&multiply_tile<R + 1, 1, Order, Sum>,
                                                            &multiply_tile<R + 1, 2, Order, Sum>}...};
    }
    (std::make_integer_sequence<int, kTileRows>{});
}

}  // namespace halfscope::gemm
