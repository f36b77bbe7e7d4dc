// The few words that let one header serve the host compiler and nvcc: function marks, bit casts, explicit
// fma. Called by every other header of numerics and by every formula of ops. Must not hold numeric policy of
// its own.
#pragma once

#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define HALFSCOPE_HD __host__ __device__
#else
#define HALFSCOPE_HD
#endif

#if defined(__CUDACC__)
#define HALFSCOPE_INLINE HALFSCOPE_HD __forceinline__
#elif defined(__GNUC__)
#define HALFSCOPE_INLINE inline __attribute__((always_inline))
#else
#define HALFSCOPE_INLINE inline
#endif

namespace halfscope {

/// The bits of a float or double, and back. The builtin rather than std::bit_cast: nvcc takes it on the
/// device too.
HALFSCOPE_INLINE constexpr std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
HALFSCOPE_INLINE constexpr std::uint64_t bits_of(double x) { return __builtin_bit_cast(std::uint64_t, x); }
HALFSCOPE_INLINE constexpr float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
HALFSCOPE_INLINE constexpr double double_of(std::uint64_t bits) { return __builtin_bit_cast(double, bits); }

/// 2^exponent, for -1022 <= exponent <= 1023; any other exponent gives some number of no meaning.
HALFSCOPE_INLINE constexpr double power_of_two(int exponent) {
    return double_of(static_cast<std::uint64_t>(static_cast<std::uint32_t>(exponent + 1023)) << 52);
}

/// a * b + c with one rounding, on every machine: contraction is off, so this is the only way to get one.
HALFSCOPE_INLINE float fused_multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
HALFSCOPE_INLINE double fused_multiply_add(double a, double b, double c) { return std::fma(a, b, c); }

}  // namespace halfscope
