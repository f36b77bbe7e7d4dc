// Rows become columns, a square of vectors at a time. Called by cpu_gemm_pack.h and the convolutions of the
// CPU executor; must not round.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/cpu_simd.h"

namespace halfscope {

/// out[s * width + r] = element s of row r, for r < rows and s < steps, and zero for rows <= r < width, a
/// multiple of simd::kLanes. load(r, s, count) gives elements s to s + count - 1 of row r, count of them at
/// most simd::kLanes.
template <class Load>
void transpose_rows(std::int64_t rows, std::int64_t steps, std::int64_t width, float* out, Load load) {
    constexpr std::int64_t kLanes = simd::kLanes;
    for (std::int64_t r = 0; r < width; r += kLanes) {
        for (std::int64_t s = 0; s < steps; s += kLanes) {
            const std::int64_t count = std::min(kLanes, steps - s);
            simd::Vector square[kLanes];
            for (std::int64_t i = 0; i < kLanes; ++i)
                square[i] = r + i < rows ? load(r + i, s, count) : simd::zero();
            simd::transpose(square);
            for (std::int64_t i = 0; i < count; ++i) simd::store(out + (s + i) * width + r, square[i]);
        }
    }
}

/// The same for rows in memory, one behind the other.
inline void transpose_rows(const float* in, std::int64_t rows, std::int64_t steps, std::int64_t width,
                           float* out) {
    transpose_rows(rows, steps, width, out, [&](std::int64_t row, std::int64_t step, std::int64_t count) {
        return simd::load_fp32(in + row * steps + step, count);
    });
}

}  // namespace halfscope
