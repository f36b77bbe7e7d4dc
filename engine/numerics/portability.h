// What lets one formula run on host and device: function attributes and bit access. Included by every
// numerics header; holds no arithmetic of its own.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define HALFSCOPE_HD __host__ __device__
#define HALFSCOPE_INLINE __host__ __device__ __forceinline__
#else
#define HALFSCOPE_HD
#define HALFSCOPE_INLINE inline __attribute__((always_inline))
#endif

namespace halfscope {

HALFSCOPE_INLINE std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
HALFSCOPE_INLINE float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
HALFSCOPE_INLINE std::uint64_t bits_of(double x) { return __builtin_bit_cast(std::uint64_t, x); }
HALFSCOPE_INLINE double double_of(std::uint64_t bits) { return __builtin_bit_cast(double, bits); }

/// a * b + c with one rounding; the only place where contraction happens, because the flags forbid it
/// elsewhere.
HALFSCOPE_INLINE float fused_multiply_add(float a, float b, float c) { return ::fmaf(a, b, c); }
HALFSCOPE_INLINE double fused_multiply_add(double a, double b, double c) { return ::fma(a, b, c); }

}  // namespace halfscope
