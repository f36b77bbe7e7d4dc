// Elementary functions with the same bits on the host, on the device and on every machine: + - * / and sqrt,
// which IEEE 754 rounds correctly, explicit fma, integer work, and nothing of a libm. Called wherever
// training, data or schedules need them. Must not branch on values in exp, log, tanh, sigmoid, erf: loops
// over those vectorise.
//
// Polynomials: minimax fits (Remez) of the functions named beside them. Errors are the largest found against
// long double, in units in the last place of the result; tests/numerics holds them to the bounds.
#pragma once

#include <cmath>
#include <cstdint>

#include "numerics/portability.h"

namespace halfscope::math {
namespace detail {

inline constexpr float kInfinity = __builtin_huge_valf();

HALFSCOPE_INLINE float quiet_nan() { return float_of(0x7fc00000u); }
HALFSCOPE_INLINE float magnitude(float x) { return float_of(bits_of(x) & 0x7fffffffu); }
HALFSCOPE_INLINE float with_sign_of(float magnitude_value, float sign) {
    return float_of(bits_of(magnitude_value) | (bits_of(sign) & 0x80000000u));
}

/// log2(x) of a positive finite x, relative error below 1e-14: ln m = 2 atanh((m-1)/(m+1)) by its series.
HALFSCOPE_INLINE double log2_of_positive(double x) {
    constexpr double kLog2E = 0x1.71547652b82fep0;
    const std::int64_t shifted =
        static_cast<std::int64_t>(bits_of(x) - 0x3fe6a09e667f3bcdull);  // bits of sqrt(1/2)
    const std::int64_t exponent = shifted >> 52;
    const double m = double_of(bits_of(x) - (static_cast<std::uint64_t>(exponent) << 52));
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double series = 1.0 / 19.0;
    series = fused_multiply_add(series, z, 1.0 / 17.0);
    series = fused_multiply_add(series, z, 1.0 / 15.0);
    series = fused_multiply_add(series, z, 1.0 / 13.0);
    series = fused_multiply_add(series, z, 1.0 / 11.0);
    series = fused_multiply_add(series, z, 1.0 / 9.0);
    series = fused_multiply_add(series, z, 1.0 / 7.0);
    series = fused_multiply_add(series, z, 1.0 / 5.0);
    series = fused_multiply_add(series, z, 1.0 / 3.0);
    series = fused_multiply_add(series, z, 1.0);
    return fused_multiply_add(2.0 * s * series, kLog2E,
                              static_cast<double>(static_cast<std::int32_t>(exponent)));
}

/// 2^t for any t, NaN included, relative error below 1e-13 before the result is rounded to FP32.
HALFSCOPE_INLINE float exp2_of(double t) {
    constexpr double kLn2 = 0x1.62e42fefa39efp-1, kAnchor = 0x1.8p52;
    t = t < -300.0 ? -300.0 : t;
    t = t > 300.0 ? 300.0 : t;
    const double anchored = t + kAnchor;
    const int n = static_cast<int>(static_cast<std::uint32_t>(bits_of(anchored)));
    const double r = (t - (anchored - kAnchor)) * kLn2;
    double p = 1.0 / 39916800.0;
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
    return static_cast<float>(p * power_of_two(n));
}

/// x = quadrant * pi/2 + r with |r| <= pi/4, in double, by two-part pi/2 (Cody and Waite).
struct ReducedAngle {
    double r;
    std::uint32_t quadrant;
};

HALFSCOPE_INLINE ReducedAngle reduce_angle(float angle) {
    constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1, kAnchor = 0x1.8p52;
    constexpr double kHalfPiHigh = 0x1.921fb54442d18p0, kHalfPiLow = 0x1.1a62633145c07p-54;
    const double x = static_cast<double>(magnitude(angle) < 0x1p50f ? angle : angle * 0x1p-80f);
    const double anchored = fused_multiply_add(x, kTwoOverPi, kAnchor);
    const double n = anchored - kAnchor;
    const double r = fused_multiply_add(-n, kHalfPiLow, fused_multiply_add(-n, kHalfPiHigh, x));
    return {r, static_cast<std::uint32_t>(bits_of(anchored)) & 3u};
}

/// sin(r + quadrant * pi/2), Taylor series of sine and cosine; errors below 2e-10.
HALFSCOPE_INLINE float sine_in_quadrant(double r, std::uint32_t quadrant) {
    const double z = r * r;
    double s = -1.0 / 39916800.0;
    s = fused_multiply_add(s, z, 1.0 / 362880.0);
    s = fused_multiply_add(s, z, -1.0 / 5040.0);
    s = fused_multiply_add(s, z, 1.0 / 120.0);
    s = fused_multiply_add(s, z, -1.0 / 6.0);
    s = r * fused_multiply_add(s, z, 1.0);
    double c = 1.0 / 479001600.0;
    c = fused_multiply_add(c, z, -1.0 / 3628800.0);
    c = fused_multiply_add(c, z, 1.0 / 40320.0);
    c = fused_multiply_add(c, z, -1.0 / 720.0);
    c = fused_multiply_add(c, z, 1.0 / 24.0);
    c = fused_multiply_add(c, z, -0.5);
    c = fused_multiply_add(c, z, 1.0);
    const double value = (quadrant & 1u) ? c : s;
    return static_cast<float>((quadrant & 2u) ? -value : value);
}

}  // namespace detail

/// Square root, correctly rounded (error 0.5 ulp); NaN below -0.
HALFSCOPE_INLINE float sqrt(float x) {
#if defined(__CUDA_ARCH__)
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}

namespace detail {

/// e^x = p * 2^exponent, p near 1, for x from -110 to 90.
struct ScaledExponential {
    float p;
    std::int32_t exponent;
};

HALFSCOPE_INLINE ScaledExponential scaled_exponential(float x) {
    constexpr float kLog2E = 0x1.715476p0f, kAnchor = 0x1.8p23f;
    constexpr float kLn2High = 0x1.62e43p-1f, kLn2Low = -0x1.05c61p-29f;
    const float anchored = fused_multiply_add(x, kLog2E, kAnchor);
    const float n = anchored - kAnchor;
    const float r = fused_multiply_add(n, -kLn2Low, fused_multiply_add(n, -kLn2High, x));
    float q = 0x1.6db5d2p-10f;  // (e^r - 1 - r) / r^2 on [-ln2/2, ln2/2]
    q = fused_multiply_add(q, r, 0x1.123c76p-7f);
    q = fused_multiply_add(q, r, 0x1.55545cp-5f);
    q = fused_multiply_add(q, r, 0x1.55548ep-3f);
    q = fused_multiply_add(q, r, 0x1p-1f);
    const float sum = 1.0f + r;
    const float lost = r - (sum - 1.0f);  // exactly what the sum dropped (Fast2Sum)
    const float p = sum + fused_multiply_add(r * r, q, lost);
    return {p, static_cast<std::int32_t>(bits_of(anchored) - 0x4b400000u)};
}

}  // namespace detail

/// e^x. Error 0.85 ulp. inf above 88.72, FP32 subnormals from -87.34 down, 0 below -103.97.
HALFSCOPE_INLINE float exp(float x) {
    x = x < -110.0f ? -110.0f : x;
    x = x > 90.0f ? 90.0f : x;
    const auto [p, exponent] = detail::scaled_exponential(x);
    // 2^n in two factors: n reaches from -159 to 130, beyond what one FP32 number holds.
    const std::int32_t half = exponent >> 1;
    const float first = float_of(static_cast<std::uint32_t>(half + 127) << 23);
    const float second = float_of(static_cast<std::uint32_t>(exponent - half + 127) << 23);
    return p * first * second;
}

/// e^x of an x that is not above 0: the same bits as exp(x), with less work. NaN of NaN.
HALFSCOPE_INLINE float exp_of_nonpositive(float x) {
    x = x < -110.0f ? -110.0f : x;
    const auto [p, exponent] = detail::scaled_exponential(x);
    // The first product is exact, as its exponent lies between -95 and 64: what is rounded is the second.
    const float raised = p * float_of(static_cast<std::uint32_t>(exponent + 64 + 127) << 23);
    return raised * 0x1p-64f;
}

/// Natural logarithm. Error 0.92 ulp. log(0) = -inf, NaN below 0.
HALFSCOPE_INLINE float log(float x) {
    constexpr float kLn2High = 0x1.62e43p-1f, kLn2Low = -0x1.05c61p-29f;
    const bool is_subnormal = x < 0x1p-126f;
    const std::uint32_t bits = bits_of(is_subnormal ? x * 0x1p23f : x);
    const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;  // of sqrt(1/2)
    const float k = static_cast<float>(is_subnormal ? exponent - 23 : exponent);
    const float f = float_of(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0f;
    float p = 0x1.1b5406p-4f;  // (log(1+f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1]
    p = fused_multiply_add(p, f, -0x1.e2f284p-4f);
    p = fused_multiply_add(p, f, 0x1.e64d1cp-4f);
    p = fused_multiply_add(p, f, -0x1.fb41dap-4f);
    p = fused_multiply_add(p, f, 0x1.233304p-3f);
    p = fused_multiply_add(p, f, -0x1.5562ecp-3f);
    p = fused_multiply_add(p, f, 0x1.99a54p-3f);
    p = fused_multiply_add(p, f, -0x1.ffffeep-3f);
    p = fused_multiply_add(p, f, 0x1.555546p-2f);
    const float w = fused_multiply_add(p, f, -0.5f);
    const float tail = fused_multiply_add(f * f, w, fused_multiply_add(k, kLn2Low, f));
    float result = fused_multiply_add(k, kLn2High, tail);
    result = x == 0.0f ? -detail::kInfinity : result;
    result = x < 0.0f ? detail::quiet_nan() : result;
    return x < detail::kInfinity ? result : x;  // inf and NaN are their own logarithm
}

/// Binary logarithm, computed in double. Error 0.51 ulp. log2(0) = -inf, NaN below 0.
HALFSCOPE_INLINE float log2(float x) {
    float result = static_cast<float>(detail::log2_of_positive(static_cast<double>(x)));
    result = x == 0.0f ? -detail::kInfinity : result;
    result = x < 0.0f ? detail::quiet_nan() : result;
    return x < detail::kInfinity ? result : x;
}

/// Hyperbolic tangent. Error 1.4 ulp.
HALFSCOPE_INLINE float tanh(float x) {
    const float a = detail::magnitude(x);
    const float y = a * a;
    float p = 0x1.12fadp-9f;  // (tanh(a)/a - 1) / a^2 as a function of a^2, a <= 0.64
    p = fused_multiply_add(p, y, -0x1.0a6138p-7f);
    p = fused_multiply_add(p, y, 0x1.633bfp-6f);
    p = fused_multiply_add(p, y, -0x1.b9e792p-5f);
    p = fused_multiply_add(p, y, 0x1.111044p-3f);
    p = fused_multiply_add(p, y, -0x1.555554p-2f);
    const float near_zero = fused_multiply_add(a * y, p, a);
    const float clamped = a > 10.0f ? 10.0f : a;  // 1 - tanh(10) is below half an ulp
    const float far = 1.0f - 2.0f / (exp(clamped + clamped) + 1.0f);
    return detail::with_sign_of(a < 0.625f ? near_zero : far, x);
}

/// 1 / (1 + e^-x). Error 2.5 ulp, FP32 subnormals included.
HALFSCOPE_INLINE float sigmoid(float x) {
    const float e = exp_of_nonpositive(-detail::magnitude(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/// Error function. Error 1.2 ulp.
HALFSCOPE_INLINE float erf(float x) {
    const float a = detail::magnitude(x);
    const float y = a * a;
    float p = 0x1.4825cp-14f;  // erf(a)/a - 1 as a function of a^2, a <= 1.01
    p = fused_multiply_add(p, y, -0x1.a3927p-11f);
    p = fused_multiply_add(p, y, 0x1.53fa9ep-8f);
    p = fused_multiply_add(p, y, -0x1.b7f806p-6f);
    p = fused_multiply_add(p, y, 0x1.ce2ceep-4f);
    p = fused_multiply_add(p, y, -0x1.81273ep-2f);
    p = fused_multiply_add(p, y, 0x1.06eba8p-3f);
    const float near_zero = fused_multiply_add(a, p, a);
    const float clamped = a > 4.0f ? 4.0f : a;  // 1 - erf(4) is below half an ulp
    float q = -0x1.70ad88p-20f;                 // -log(1 - erf(a)), 0.99 <= a <= 4
    q = fused_multiply_add(q, clamped, 0x1.5be502p-15f);
    q = fused_multiply_add(q, clamped, -0x1.2739cap-11f);
    q = fused_multiply_add(q, clamped, 0x1.2ef6acp-8f);
    q = fused_multiply_add(q, clamped, -0x1.ab654cp-6f);
    q = fused_multiply_add(q, clamped, 0x1.c0ceb4p-4f);
    q = fused_multiply_add(q, clamped, 0x1.43bbd4p-1f);
    q = fused_multiply_add(q, clamped, 0x1.21476cp0f);
    q = fused_multiply_add(q, clamped, -0x1.19cb2ap-12f);
    const float far = 1.0f - exp(-q);
    return detail::with_sign_of(a < 1.0f ? near_zero : far, x);
}

/// Sine of x radians, computed in double. Error 0.51 ulp for |x| < 2^50. Floats beyond lie 2^27 radians and
/// more apart and have no phase: the result is then that of x * 2^-80, in [-1, 1] and the same everywhere.
/// NaN for inf.
HALFSCOPE_INLINE float sin(float x) {
    const detail::ReducedAngle angle = detail::reduce_angle(x);
    return detail::sine_in_quadrant(angle.r, angle.quadrant);
}

/// Cosine of x radians; error 0.51 ulp, everything else as for sin().
HALFSCOPE_INLINE float cos(float x) {
    const detail::ReducedAngle angle = detail::reduce_angle(x);
    return detail::sine_in_quadrant(angle.r, angle.quadrant + 1u);
}

/// x to the power y, computed in double. Error 0.51 ulp. Special values as in C (IEC 60559): 1 where x is 1
/// or y is 0, whatever the other is, NaN for a finite negative x and a finite y that is not whole.
HALFSCOPE_HD inline float pow(float x, float y) {
    if (x == 1.0f || y == 0.0f) return 1.0f;
    if (x != x || y != y) return x + y;
    const float a = detail::magnitude(x), size = detail::magnitude(y);
    const bool is_whole = size >= 0x1p24f || static_cast<float>(static_cast<std::int32_t>(y)) == y;
    const bool is_odd = size < 0x1p24f && is_whole && (static_cast<std::int32_t>(y) & 1) != 0;
    if (x < 0.0f && a < detail::kInfinity && !is_whole) return detail::quiet_nan();
    if (a == 1.0f) return is_odd ? x : 1.0f;
    double exponent = detail::log2_of_positive(static_cast<double>(a));
    if (a == 0.0f) exponent = -static_cast<double>(detail::kInfinity);
    if (a == detail::kInfinity) exponent = static_cast<double>(detail::kInfinity);
    const float result = detail::exp2_of(static_cast<double>(y) * exponent);
    return is_odd ? detail::with_sign_of(result, x) : result;
}

}  // namespace halfscope::math
