// A tile of sums in registers, as the inner loops of the matrix products begin and end it, and how rows are
// cut into tiles. Included by cpu_gemm_kernel.h, cpu_indirect_product.cpp and cpu_weight_gradient.cpp alone.
#pragma once

#include <cstdint>

#include "backend/cpu_simd.h"

namespace halfscope::tile {

/// Products after which an FP16 running sum is rounded (techniques.md "accumulate").
inline constexpr std::int64_t kBlock = 16;

/// Taps of a line of a window that a tile works at once where its stride is 1 and so they share the pixels
/// they read: those of a 3 x 3 window.
inline constexpr int kSharingTaps = 3;
/// Whether registers suffice for that. With one vector of columns, a multiplication that reads its own pixel
/// is bound by reading: AVX-512 reached 75% of the peak without and 95% with sharing (two vectors: 89% and
/// 97%). With 16 registers sharing lost up to a fifth.
inline constexpr bool kShares = simd::kRegisters >= 32;
/// Registers for the sums and the columns of such a tile: all but that of the pixel and a spare one.
inline constexpr int kSharingRegisters = simd::kRegisters - 2;

template <int Rows, int Vectors>
inline __attribute__((always_inline)) void round_sums_to_fp16(simd::Vector (&sums)[Rows][Vectors]) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[r][v] = simd::round_to_fp16(sums[r][v]);
    }
}

/// sums[r][v] + bias[v], to every row.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void add_to_rows(simd::Vector (&sums)[Rows][Vectors],
                                                       const float* bias) {
    simd::Vector columns[Vectors];
    for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(bias + v * simd::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[r][v] = simd::add(sums[r][v], columns[v]);
    }
}

/// Whether sums start at zero (first pass over k) or go on from what C holds.
enum class Start : std::uint8_t { zero, resume };

/// From c, rows c_pitch apart, where sums go on from there.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void load_sums(simd::Vector (&sums)[Rows][Vectors], const float* c,
                                                     std::int64_t c_pitch, Start start) {
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v)
            sums[r][v] = start == Start::zero ? simd::zero() : simd::load(c + r * c_pitch + v * simd::kLanes);
    }
}

/// To c, rows c_pitch apart.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void store_sums(const simd::Vector (&sums)[Rows][Vectors], float* c,
                                                      std::int64_t c_pitch) {
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) simd::store(c + r * c_pitch + v * simd::kLanes, sums[r][v]);
    }
}

/// body(row, height) of tiles of at most `most` rows, of about equal height: a kernel is fastest when none is
/// a sliver.
template <class Body>
void for_tiles(std::int64_t first, std::int64_t rows, std::int64_t most, Body body) {
    const std::int64_t tiles = (rows + most - 1) / most;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t from = rows * tile / tiles;
        body(first + from, rows * (tile + 1) / tiles - from);
    }
}

}  // namespace halfscope::tile
