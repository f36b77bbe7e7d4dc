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

/// How a panel of A lies in memory.
enum class PanelOrder : uint8_t {
    packed_rows,  ///< row by row, kRowPitch apart: pack_a_row_major
    stored_rows,  ///< row by row, `pitch` apart
    steps         ///< one step of k after the other, `pitch` apart: stored, or pack_a_step_major
};

using tile::Start;

/// A panel of an operand and the distance from one step of k to the next; of A by rows, from row to row.
struct Panel {
    const float* data;
    int64_t pitch;
};

/// c[r * c_pitch + j] (+)= a[r, p] * b[p, j] over p < depth, then + bias[j] where there is one, for the
/// tile's Rows x (Vectors * kLanes) elements.
using Kernel = void (*)(const Panel& a, const Panel& b, int64_t depth, float* c, int64_t c_pitch, Start start,
                        const float* bias);

/// Reads one step of A after the other.
template <int Rows, PanelOrder Order>
struct StepCursor;

template <int Rows>
struct StepCursor<Rows, PanelOrder::packed_rows> {
    const float* step;

    explicit StepCursor(const Panel& panel) : step(panel.data) {}
    float element(int row) const { return step[row * kRowPitch]; }
    void advance() { ++step; }
};

/// A pointer for three rows, which lie none, one or two pitches behind it, as one instruction can address
/// them: pointers to all rows would not fit the registers.
template <int Rows>
struct StepCursor<Rows, PanelOrder::stored_rows> {
    static constexpr int kGroup = 3;
    static constexpr int kGroups = (Rows + kGroup - 1) / kGroup;
    const float* groups[kGroups];
    int64_t pitch;

    explicit StepCursor(const Panel& panel) : pitch(panel.pitch) {
        for (int g = 0; g < kGroups; ++g) groups[g] = panel.data + g * kGroup * pitch;
    }
    float element(int row) const { return groups[row / kGroup][row % kGroup * pitch]; }
    void advance() {
        for (int g = 0; g < kGroups; ++g) ++groups[g];
    }
};

template <int Rows>
struct StepCursor<Rows, PanelOrder::steps> {
    const float* step;
    int64_t pitch;

    explicit StepCursor(const Panel& panel) : step(panel.data), pitch(panel.pitch) {}
    float element(int row) const { return step[row]; }
    void advance() { step += pitch; }
};

/// Where steps lie one after the other, they are many: the batch of a weight gradient, which another core has
/// just written. So many steps ahead are asked for (measured: 16 to 64 alike, 128 too many).
constexpr int64_t kStepsAhead = 24;

/// One step of k for the whole tile.
template <int Rows, int Vectors, PanelOrder Order>
inline __attribute__((always_inline)) void step_tile(const StepCursor<Rows, Order>& a, const float* b,
                                                     simd::Vector (&sums)[Rows][Vectors]) {
    simd::Vector columns[Vectors];
    for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        const simd::Vector element = simd::broadcast(a.element(r));
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            sums[r][v] = simd::fused_multiply_add(element, columns[v], sums[r][v]);
        }
    }
}

template <int Rows, int Vectors, PanelOrder Order, Accumulate Sum>
void multiply_tile(const Panel& a_panel, const Panel& b_panel, int64_t depth, float* c, int64_t c_pitch,
                   Start start, const float* bias) {
    StepCursor<Rows, Order> a(a_panel);
    const float* b = b_panel.data;
    const int64_t b_advance = b_panel.pitch;
    simd::Vector sums[Rows][Vectors];
    tile::load_sums(sums, c, c_pitch, start);
    // The FP16 running sum is rounded after each block of 16 products and after the shorter last one.
    for (int64_t p = 0; p < depth;) {
        const int64_t end = Sum == Accumulate::fp16 ? std::min(p + tile::kBlock, depth) : depth;
        for (; p < end; ++p) {
            if constexpr (Order == PanelOrder::steps) {
                __builtin_prefetch(a.step + kStepsAhead * a.pitch);
                for (int v = 0; v < Vectors; ++v)
                    __builtin_prefetch(b + kStepsAhead * b_advance + v * kLanes);
            }
            step_tile<Rows, Vectors, Order>(a, b, sums);
            a.advance();
            b += b_advance;
        }
        if constexpr (Sum == Accumulate::fp16) tile::round_sums_to_fp16(sums);
    }
    if (bias) tile::add_to_rows(sums, bias);
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
