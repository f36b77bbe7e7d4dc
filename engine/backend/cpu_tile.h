// A tile of sums in registers, as the inner loops of both matrix products end it. Included by
// cpu_gemm_kernel.h and cpu_indirect_product.cpp alone.
#pragma once

#include <cstdint>

#include "backend/cpu_simd.h"

namespace halfscope::tile {

/// Products after which an FP16 running sum is rounded (techniques.md "accumulate").
inline constexpr std::int64_t kBlock = 16;

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

/// To c, rows c_pitch apart.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void store_sums(const simd::Vector (&sums)[Rows][Vectors], float* c,
                                                      std::int64_t c_pitch) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) simd::store(c + r * c_pitch + v * simd::kLanes, sums[r][v]);
    }
}

}  // namespace halfscope::tile
