// Rounding of FP32 values to every Format, to nearest even and stochastically, and the codes they are stored
// as. The scalar truth for host and device; backend/cpu_convert.h is its fast twin. Nothing else in the
// project knows bits of formats.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/portability.h"

namespace halfscope {

inline constexpr std::uint32_t kSignBit = 0x80000000u;
inline constexpr std::uint32_t kInfinityBits = 0x7F800000u;
inline constexpr std::uint32_t kQuietBit = 0x00400000u;

/// FP16 value nearest to x, ties to even, as FP32. |x| <= 2^-25 gives zero, |x| >= 65520 infinity.
/// Branch-free.
HALFSCOPE_INLINE float round_to_fp16(float x) {
    const std::uint32_t bits = bits_of(x), sign = bits & kSignBit, magnitude = bits ^ sign;
    const std::uint32_t rounded = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u)) & ~0x1FFFu;
    // Below 2^-14 the spacing is 2^-24, that of FP32 in [0.5, 1): an addition rounds to it.
    const std::uint32_t subnormal = bits_of((float_of(magnitude) + 0.5f) - 0.5f);
    std::uint32_t result = rounded >= 0x47800000u ? kInfinityBits : rounded;
    result = magnitude < 0x38800000u ? subnormal : result;
    result = magnitude > kInfinityBits ? ((magnitude | kQuietBit) & ~0x1FFFu) : result;
    return float_of(result | sign);
}

/// BF16 value nearest to x, ties to even, as FP32. Branch-free.
HALFSCOPE_INLINE float round_to_bf16(float x) {
    const std::uint32_t bits = bits_of(x), magnitude = bits & ~kSignBit;
    const std::uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u;
    return float_of(magnitude > kInfinityBits ? ((bits | kQuietBit) & 0xFFFF0000u) : rounded);
}

/// The FP16 code of x (nearest even); the same as the F16C hardware's, NaN payloads truncated and quieted.
HALFSCOPE_INLINE std::uint16_t encode_fp16(float x) {
    const std::uint32_t bits = bits_of(x), sign = bits & kSignBit, magnitude = bits ^ sign;
    const std::uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
    std::uint32_t code = rounded >= 0x47800000u ? 0x7C00u : (rounded - 0x38000000u) >> 13;
    code = magnitude < 0x38800000u ? bits_of(float_of(magnitude) + 0.5f) - 0x3F000000u : code;
    code = magnitude > kInfinityBits ? 0x7E00u | ((magnitude >> 13) & 0x3FFu) : code;
    return static_cast<std::uint16_t>(code | (sign >> 16));
}

HALFSCOPE_INLINE float decode_fp16(std::uint16_t code) {
    const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x8000u) << 16, magnitude = code & 0x7FFFu;
    const std::uint32_t normal = (magnitude << 13) + 0x38000000u;
    const std::uint32_t subnormal =
        bits_of(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f);
    std::uint32_t result = magnitude < 0x400u ? subnormal : normal;
    result = magnitude >= 0x7C00u ? (magnitude << 13) | kInfinityBits : result;
    result = magnitude > 0x7C00u ? result | kQuietBit : result;
    return float_of(result | sign);
}

HALFSCOPE_INLINE std::uint16_t encode_bf16(float x) {
    return static_cast<std::uint16_t>(bits_of(round_to_bf16(x)) >> 16);
}
HALFSCOPE_INLINE float decode_bf16(std::uint16_t code) {
    return float_of(static_cast<std::uint32_t>(code) << 16);
}

namespace detail {

HALFSCOPE_INLINE double power_of_two(int exponent) {
    return double_of(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

/// Exponent of the spacing of `format` at |x| > 0 finite: x lies on a grid of 2^this.
HALFSCOPE_INLINE int quantum_exponent(const FormatInfo& info, float x) {
    const auto exponent = static_cast<int>((bits_of(static_cast<double>(x)) >> 52) & 0x7FF) - 1023;
    const int lowest = 1 - info.bias;
    return (exponent > lowest ? exponent : lowest) - info.mantissa_bits;
}

/// A magnitude on the format's grid that may lie one step above max: infinity, or max where the format has
/// none.
HALFSCOPE_INLINE float limit_magnitude(const FormatInfo& info, double magnitude) {
    if (magnitude > static_cast<double>(info.max))
        return info.has_infinity ? float_of(kInfinityBits) : info.max;
    return static_cast<float>(magnitude);
}

HALFSCOPE_INLINE float with_sign_of(float magnitude, float x) {
    return float_of((bits_of(magnitude) & ~kSignBit) | (bits_of(x) & kSignBit));
}

/// Nearest even by exact double arithmetic, for formats without a faster way.
HALFSCOPE_INLINE float round_generic(const FormatInfo& info, float x) {
    if (x == 0.0f || x != x) return x;
    const float magnitude = with_sign_of(x, 0.0f);
    if (magnitude == float_of(kInfinityBits))
        return with_sign_of(info.has_infinity ? magnitude : info.max, x);
    const int quantum = quantum_exponent(info, x);
    const double units = static_cast<double>(magnitude) * power_of_two(-quantum);
    const double whole = (units + 0x1p52) - 0x1p52;  // ties to even
    return with_sign_of(limit_magnitude(info, whole * power_of_two(quantum)), x);
}

HALFSCOPE_INLINE float flush_subnormal(const FormatInfo& info, float x, Subnormals subnormals) {
    const bool tiny = x < info.min_normal && x > -info.min_normal;
    return subnormals == Subnormals::flush && tiny ? with_sign_of(0.0f, x) : x;
}

}  // namespace detail

/// x rounded to nearest even in `format`, as FP32. NaN stays NaN; beyond max comes infinity, in E4M3 (which
/// has none) max: the saturating conversion of OCP FP8. Zero keeps its sign.
HALFSCOPE_INLINE float round_to(Format format, float x, Subnormals subnormals = Subnormals::keep) {
    const FormatInfo info = format_info(format);
    float result = x;
    switch (format) {
        case Format::fp32:
            break;
        case Format::fp16:
            result = round_to_fp16(x);
            break;
        case Format::bf16:
            result = round_to_bf16(x);
            break;
        case Format::tf32: {
            const std::uint32_t bits = bits_of(x);
            const std::uint32_t rounded = (bits + 0xFFFu + ((bits >> 13) & 1u)) & ~0x1FFFu;
            result = x != x ? x : float_of(rounded);
            break;
        }
        case Format::e4m3:
        case Format::e5m2:
            result = detail::round_generic(info, x);
            break;
    }
    return detail::flush_subnormal(info, result, subnormals);
}

/// The code `format` stores for x, in its low bits (32 for fp32 and tf32).
HALFSCOPE_INLINE std::uint32_t encode(Format format, float x, Subnormals subnormals = Subnormals::keep) {
    const float value = round_to(format, x, subnormals);
    if (format == Format::fp32 || format == Format::tf32) return bits_of(value);
    if (format == Format::fp16) return encode_fp16(value);
    if (format == Format::bf16) return encode_bf16(value);
    const FormatInfo info = format_info(format);
    const int width = info.exponent_bits + info.mantissa_bits;
    const std::uint32_t sign = (bits_of(value) >> 31) << width;
    // E4M3 has one NaN code a sign, all ones; E5M2's canonical NaN is the quiet one.
    if (value != value) return sign | (info.has_infinity ? 0x7Eu : 0x7Fu);
    const float magnitude = detail::with_sign_of(value, 0.0f);
    if (magnitude == float_of(kInfinityBits))
        return sign | (((1u << info.exponent_bits) - 1u) << info.mantissa_bits);
    if (magnitude == 0.0f) return sign;
    const int quantum = detail::quantum_exponent(info, magnitude);
    const auto units =
        static_cast<std::uint32_t>(static_cast<double>(magnitude) * detail::power_of_two(-quantum));
    const auto step =
        static_cast<std::uint32_t>(quantum + info.mantissa_bits + info.bias - 1);  // 0 for subnormals
    return sign | ((step << info.mantissa_bits) + units);
}

/// The value of a code, exactly.
HALFSCOPE_INLINE float decode(Format format, std::uint32_t code) {
    if (format == Format::fp32 || format == Format::tf32) return float_of(code);
    if (format == Format::fp16) return decode_fp16(static_cast<std::uint16_t>(code));
    if (format == Format::bf16) return decode_bf16(static_cast<std::uint16_t>(code));
    const FormatInfo info = format_info(format);
    const int width = info.exponent_bits + info.mantissa_bits;
    const std::uint32_t sign = ((code >> width) & 1u) << 31, magnitude = code & ((1u << width) - 1u);
    const std::uint32_t exponent = magnitude >> info.mantissa_bits,
                        mantissa = magnitude & ((1u << info.mantissa_bits) - 1u);
    if (info.has_infinity && exponent == (1u << info.exponent_bits) - 1u)
        return float_of(sign | (mantissa == 0 ? kInfinityBits : kInfinityBits | kQuietBit));
    if (!info.has_infinity && magnitude == (1u << width) - 1u)
        return float_of(sign | kInfinityBits | kQuietBit);
    const std::uint32_t units = exponent == 0 ? mantissa : mantissa | (1u << info.mantissa_bits);
    const int quantum = (exponent == 0 ? 1 : static_cast<int>(exponent)) - info.bias - info.mantissa_bits;
    const auto value = static_cast<float>(static_cast<double>(units) * detail::power_of_two(quantum));
    return float_of(bits_of(value) | sign);
}

/// x rounded up in magnitude with probability equal to the discarded fraction of the spacing, subnormals
/// included; exact values stay. `random_bits` are 32 uniform bits. In the last interval above max the upper
/// neighbour is infinity (max where the format has none), by the same rule. NaN and infinities stay.
HALFSCOPE_INLINE float round_stochastic(Format format, float x, std::uint32_t random_bits,
                                        Subnormals subnormals = Subnormals::keep) {
    const FormatInfo info = format_info(format);
    const float magnitude = detail::with_sign_of(x, 0.0f);
    if (x != x || x == 0.0f || format == Format::fp32) return detail::flush_subnormal(info, x, subnormals);
    if (magnitude == float_of(kInfinityBits))
        return info.has_infinity ? x : detail::with_sign_of(info.max, x);
    const int quantum = detail::quantum_exponent(info, x);
    const double units = static_cast<double>(magnitude) * detail::power_of_two(-quantum);
    const double whole = ::floor(units);
    const bool up = static_cast<double>(random_bits) * 0x1p-32 < units - whole;
    const double rounded = (whole + (up ? 1.0 : 0.0)) * detail::power_of_two(quantum);
    const float result = detail::with_sign_of(detail::limit_magnitude(info, rounded), x);
    return detail::flush_subnormal(info, result, subnormals);
}

/// Spacing of the format at |x|: the distance to the next larger magnitude. NaN for NaN and infinity.
HALFSCOPE_INLINE float ulp(Format format, float x) {
    const FormatInfo info = format_info(format);
    if (x - x != 0.0f) return x - x;
    if (x == 0.0f) return info.min_subnormal;
    return static_cast<float>(detail::power_of_two(detail::quantum_exponent(info, x)));
}

}  // namespace halfscope
