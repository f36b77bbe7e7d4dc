// Elementary functions with the same bits on host, device and every machine: additions, multiplications,
// explicit fused multiply-adds, correctly rounded square roots and integer work only. Everything that touches
// training, data or schedules uses these, never the C library's. Written without branches, so that loops over
// them vectorise.
#pragma once

#include <cmath>
#include <cstdint>

#include "numerics/portability.h"

namespace halfscope::math {

namespace detail {

/// 2^exponent for -1022 <= exponent <= 1023.
HALFSCOPE_INLINE double exponent_scale(std::int64_t exponent) {
    return double_of(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

/// exp in double for |x| <= 700, relative error below 1e-15: Taylor to degree 13 on |r| <= ln2/2.
HALFSCOPE_INLINE double exp_double(double x) {
    const double shifted = fused_multiply_add(x, 1.4426950408889634, 0x1.8p52);
    const double n = shifted - 0x1.8p52;
    double r = fused_multiply_add(n, -6.93147180369123816490e-01, x);  // ln 2 in two parts (fdlibm)
    r = fused_multiply_add(n, -1.90821492927058770002e-10, r);
    double p = 1.0 / 6227020800.0;
    p = fused_multiply_add(p, r, 1.0 / 479001600.0);
    p = fused_multiply_add(p, r, 1.0 / 39916800.0);
    p = fused_multiply_add(p, r, 1.0 / 3628800.0);
    p = fused_multiply_add(p, r, 1.0 / 362880.0);
    p = fused_multiply_add(p, r, 1.0 / 40320.0);
    p = fused_multiply_add(p, r, 1.0 / 5040.0);
    p = fused_multiply_add(p, r, 1.0 / 720.0);
    p = fused_multiply_add(p, r, 1.0 / 120.0);
    p = fused_multiply_add(p, r, 1.0 / 24.0);
    p = fused_multiply_add(p, r, 1.0 / 6.0);
    p = fused_multiply_add(p, r, 0.5);
    p = fused_multiply_add(p, r, 1.0);
    p = fused_multiply_add(p, r, 1.0);
    const auto exponent =
        static_cast<std::int64_t>(bits_of(shifted) << 12) >> 12;  // the low bits of the shifted sum
    return p * double_of(static_cast<std::uint64_t>((exponent + 1023) & 0x7FF) << 52);
}

/// ln of a positive finite double that is not subnormal, relative error below 1e-15 (absolute near 1): 2
/// artanh(s).
HALFSCOPE_INLINE double log_double(double x) {
    // Mantissa to [sqrt(1/2), sqrt(2)): subtracting sqrt(1/2)'s bits carries into the exponent at the right
    // place.
    const std::uint64_t shifted = bits_of(x) - 0x3FE6A09E667F3BCDull;
    const std::int64_t exponent = static_cast<std::int64_t>(shifted) >> 52;
    const double m = double_of(bits_of(x) - (static_cast<std::uint64_t>(exponent) << 52));
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 1.0 / 23.0;
    p = fused_multiply_add(p, z, 1.0 / 21.0);
    p = fused_multiply_add(p, z, 1.0 / 19.0);
    p = fused_multiply_add(p, z, 1.0 / 17.0);
    p = fused_multiply_add(p, z, 1.0 / 15.0);
    p = fused_multiply_add(p, z, 1.0 / 13.0);
    p = fused_multiply_add(p, z, 1.0 / 11.0);
    p = fused_multiply_add(p, z, 1.0 / 9.0);
    p = fused_multiply_add(p, z, 1.0 / 7.0);
    p = fused_multiply_add(p, z, 1.0 / 5.0);
    p = fused_multiply_add(p, z, 1.0 / 3.0);
    const double series = fused_multiply_add(p * z, s, s);
    return fused_multiply_add(static_cast<double>(exponent), 6.93147180559945286227e-01, 2.0 * series);
}

/// sin(x + quarter_turns * pi/2) for finite x.
HALFSCOPE_INLINE float sine(float x, int quarter_turns) {
    const double wide = x;
    const double n = ::floor(fused_multiply_add(wide, 0.63661977236758134308, 0.5));
    double r = fused_multiply_add(n, -1.57079632679489655800e+00, wide);  // pi/2 in two parts
    r = fused_multiply_add(n, -6.12323399573676603587e-17, r);
    const double z = r * r;
    double s = -1.0 / 1307674368000.0;
    s = fused_multiply_add(s, z, 1.0 / 6227020800.0);
    s = fused_multiply_add(s, z, -1.0 / 39916800.0);
    s = fused_multiply_add(s, z, 1.0 / 362880.0);
    s = fused_multiply_add(s, z, -1.0 / 5040.0);
    s = fused_multiply_add(s, z, 1.0 / 120.0);
    s = fused_multiply_add(s, z, -1.0 / 6.0);
    s = fused_multiply_add(s * z, r, r);
    double c = 1.0 / 20922789888000.0;
    c = fused_multiply_add(c, z, -1.0 / 87178291200.0);
    c = fused_multiply_add(c, z, 1.0 / 479001600.0);
    c = fused_multiply_add(c, z, -1.0 / 3628800.0);
    c = fused_multiply_add(c, z, 1.0 / 40320.0);
    c = fused_multiply_add(c, z, -1.0 / 720.0);
    c = fused_multiply_add(c, z, 1.0 / 24.0);
    c = fused_multiply_add(c, z, -0.5);
    c = fused_multiply_add(c, z, 1.0);
    const double turns = n + quarter_turns;
    const double quadrant = turns - 4.0 * ::floor(turns * 0.25);
    const double magnitude = quadrant == 1.0 || quadrant == 3.0 ? c : s;
    return static_cast<float>(quadrant >= 2.0 ? -magnitude : magnitude);
}

}  // namespace detail

/// Correctly rounded (IEEE 754).
HALFSCOPE_INLINE float sqrt(float x) {
#if defined(__CUDA_ARCH__)
    return __fsqrt_rn(x);
#else
    return std::sqrt(x);
#endif
}

/// e^x, at most 1.1 ulp (measured); infinity above 88.73, subnormals down to 2^-149, then 0.
HALFSCOPE_INLINE float exp(float x) {
    float clamped = x > 89.0f ? 89.0f : x;
    clamped = clamped < -105.0f ? -105.0f : clamped;
    const float shifted = fused_multiply_add(clamped, 1.44269504f, 0x1.8p23f);
    const float n = shifted - 0x1.8p23f;
    float r = fused_multiply_add(n, -0.693359375f, clamped);  // ln 2 in two parts (Cephes)
    r = fused_multiply_add(n, 2.12194440e-4f, r);
    float p = 1.0f / 5040.0f;
    p = fused_multiply_add(p, r, 1.0f / 720.0f);
    p = fused_multiply_add(p, r, 1.0f / 120.0f);
    p = fused_multiply_add(p, r, 1.0f / 24.0f);
    p = fused_multiply_add(p, r, 1.0f / 6.0f);
    p = fused_multiply_add(p, r, 0.5f);
    p = fused_multiply_add(p * r, r, r) + 1.0f;
    // 2^n in two factors, each a normal number, so that only the last product rounds.
    const auto exponent = static_cast<std::int32_t>(bits_of(shifted) - 0x4B400000u);
    const std::int32_t half = exponent >> 1, rest = exponent - half;
    const float scale1 = float_of(static_cast<std::uint32_t>(half + 127) << 23);
    const float scale2 = float_of(static_cast<std::uint32_t>(rest + 127) << 23);
    return p * scale1 * scale2;
}

/// ln x, correctly rounded but for rare last-bit cases; -inf at 0, NaN below.
HALFSCOPE_INLINE float log(float x) {
    const float inf = float_of(0x7F800000u);
    const float result = static_cast<float>(detail::log_double(static_cast<double>(x)));
    const float special = x == 0.0f ? -inf : x < 0.0f ? float_of(0x7FC00000u) : x;  // inf and NaN as they are
    return x > 0.0f && x < inf ? result : special;
}

/// log2 x, as log.
HALFSCOPE_INLINE float log2(float x) {
    const float inf = float_of(0x7F800000u);
    const auto result = static_cast<float>(detail::log_double(static_cast<double>(x)) * 1.4426950408889634);
    const float special = x == 0.0f ? -inf : x < 0.0f ? float_of(0x7FC00000u) : x;
    return x > 0.0f && x < inf ? result : special;
}

/// 1 / (1 + e^-x), at most 2.3 ulp (measured); small results keep their relative precision.
HALFSCOPE_INLINE float sigmoid(float x) {
    const float e = exp(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/// At most 1.3 ulp (measured). Below 0.625 the odd polynomial of Cephes' tanhf (Moshier), above by e^2x.
HALFSCOPE_INLINE float tanh(float x) {
    const float magnitude = float_of(bits_of(x) & 0x7FFFFFFFu), z = x * x;
    float p = -5.70498872745e-3f;
    p = fused_multiply_add(p, z, 2.06390887954e-2f);
    p = fused_multiply_add(p, z, -5.37397155531e-2f);
    p = fused_multiply_add(p, z, 1.33314422036e-1f);
    p = fused_multiply_add(p, z, -3.33332819422e-1f);
    const float small = fused_multiply_add(p * z, x, x);
    const float large = 1.0f - 2.0f / (exp(2.0f * magnitude) + 1.0f);
    const float signed_large = float_of(bits_of(large) | (bits_of(x) & 0x80000000u));
    return magnitude < 0.625f ? small : signed_large;
}

/// At most 1 ulp: erf(x) = 2/sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (2n+1)!! (Abramowitz & Stegun 7.1.6), all
/// terms positive.
HALFSCOPE_INLINE float erf(float x) {
    float clamped = x > 4.0f ? 4.0f : x;
    clamped = clamped < -4.0f ? -4.0f : clamped;
    const double wide = clamped, z = wide * wide;
    double sum = 1.0;
    for (int n = 60; n >= 1; --n) sum = fused_multiply_add(sum, z * (2.0 / (2 * n + 1)), 1.0);
    return static_cast<float>(1.1283791670955126 * wide * sum * detail::exp_double(-z));
}

/// At most 1 ulp for |x| <= 1e5; beyond that less exact but the same everywhere. NaN at infinity.
HALFSCOPE_INLINE float sin(float x) { return detail::sine(x, 0); }
HALFSCOPE_INLINE float cos(float x) { return detail::sine(x, 1); }

/// x^y for x >= 0, at most 1 ulp; x < 0 gives NaN but for y == 0, which gives 1.
HALFSCOPE_INLINE float pow(float x, float y) {
    if (y == 0.0f || x == 1.0f) return 1.0f;
    if (x != x || y != y) return x + y;
    const float inf = float_of(0x7F800000u);
    if (x < 0.0f) return float_of(0x7FC00000u);
    if (x == 0.0f) return y > 0.0f ? 0.0f : inf;
    if (x == inf) return y > 0.0f ? inf : 0.0f;
    double exponent = static_cast<double>(y) * detail::log_double(static_cast<double>(x));
    exponent = exponent > 200.0 ? 200.0 : exponent;
    exponent = exponent < -200.0 ? -200.0 : exponent;
    return static_cast<float>(detail::exp_double(exponent));
}

}  // namespace halfscope::math
