// Rounding of FP32 values into every Format, and the codes they are stored as. The reference that backend
// kernels must match bit for bit. Called by ops, backend, probes and widgets; must not count or allocate.
//
// Conventions. Round to nearest, ties to even (IEEE 754), unless a name says otherwise. Beyond the largest
// number: inf; E4M3 has no inf and saturates to 448, infinities included (the OCP specification's saturating
// mode). NaN stays NaN with its sign, quieted, its payload truncated, as the F16C instructions do it; E4M3
// has one NaN per sign. Subnormals::flush turns a *rounded* result below the smallest normal number into a
// zero of its sign. FP32 itself is never changed.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/portability.h"

namespace halfscope {
namespace rounding_detail {

inline constexpr std::uint32_t kSign = 0x80000000u;
inline constexpr std::uint32_t kMagnitude = 0x7fffffffu;
inline constexpr std::uint32_t kInfinity = 0x7f800000u;
inline constexpr std::uint32_t kQuiet = 0x00400000u;

/// A format narrower than FP32 in exponent: `Mantissa` stored bits, smallest normal number 2^MinExponent,
/// largest number with the FP32 bits `MaxBits`. Integer work and selects only, so that loops over these
/// functions vectorise.
template <int Mantissa, int MinExponent, std::uint32_t MaxBits, bool HasInfinity>
struct NarrowFormat {
    static constexpr int kShift = 23 - Mantissa;
    static constexpr std::uint32_t kDropped = (1u << kShift) - 1;
    static constexpr std::uint32_t kMinNormal = static_cast<std::uint32_t>(127 + MinExponent) << 23;
    /// FP32 bits of 2^n where FP32's own spacing is the format's smallest subnormal: adding it rounds a
    /// subnormal.
    static constexpr std::uint32_t kAnchor = static_cast<std::uint32_t>(127 + MinExponent - Mantissa + 23)
                                             << 23;
    static constexpr std::uint32_t kRebias = static_cast<std::uint32_t>(127 + MinExponent - 1) << 23;
    static constexpr int kExponentBits = HasInfinity ? 5 : 4;
    static constexpr std::uint32_t kInfinityCode = ((1u << kExponentBits) - 1) << Mantissa;
    static constexpr std::uint32_t kOverflowCode =
        (MaxBits - kRebias) / (kDropped + 1) + (HasInfinity ? 1 : 0);
    static constexpr std::uint32_t kSignShift = 31 - (kExponentBits + Mantissa);

    /// Magnitude plus half an ulp (less where the kept part is even): truncation of it is rounding to nearest
    /// even.
    static HALFSCOPE_INLINE constexpr std::uint32_t carried(std::uint32_t magnitude) {
        return magnitude + (kDropped >> 1) + ((magnitude >> kShift) & 1u);
    }

    static HALFSCOPE_INLINE constexpr float round(float x) {
        const std::uint32_t bits = bits_of(x);
        const std::uint32_t magnitude = bits & kMagnitude;
        std::uint32_t normal = carried(magnitude) & ~kDropped;
        normal = normal > MaxBits ? (HasInfinity ? kInfinity : MaxBits) : normal;
        const std::uint32_t subnormal =
            bits_of((float_of(magnitude) + float_of(kAnchor)) - float_of(kAnchor));
        const std::uint32_t nan = HasInfinity ? ((magnitude & ~kDropped) | kQuiet) : (kInfinity | kQuiet);
        std::uint32_t result = magnitude < kMinNormal ? subnormal : normal;
        result = magnitude > kInfinity ? nan : result;
        return float_of(result | (bits & kSign));
    }

    static HALFSCOPE_INLINE constexpr std::uint32_t encode(float x) {
        const std::uint32_t bits = bits_of(x);
        const std::uint32_t magnitude = bits & kMagnitude;
        const std::uint32_t raised = carried(magnitude);
        const std::uint32_t normal =
            raised > (MaxBits | kDropped) ? kOverflowCode : (raised - kRebias) >> kShift;
        const std::uint32_t subnormal = bits_of(float_of(magnitude) + float_of(kAnchor)) - kAnchor;
        const std::uint32_t payload = (magnitude >> kShift) & ((1u << Mantissa) - 1);
        const std::uint32_t nan = HasInfinity ? (kInfinityCode | (1u << (Mantissa - 1)) | payload)
                                              : ((1u << (kExponentBits + Mantissa)) - 1);
        std::uint32_t result = magnitude < kMinNormal ? subnormal : normal;
        result = magnitude > kInfinity ? nan : result;
        return result | ((bits >> kSignShift) & (1u << (kExponentBits + Mantissa)));
    }

    static HALFSCOPE_INLINE constexpr float decode(std::uint32_t code) {
        constexpr std::uint32_t kCodeMagnitude = (1u << (kExponentBits + Mantissa)) - 1;
        const std::uint32_t magnitude = code & kCodeMagnitude;
        const std::uint32_t shifted = magnitude << kShift;
        const std::uint32_t subnormal = bits_of(float_of(shifted + kMinNormal) - float_of(kMinNormal));
        std::uint32_t result = magnitude < (1u << Mantissa) ? subnormal : shifted + kRebias;
        if constexpr (HasInfinity) {
            const std::uint32_t special = shifted | kInfinity;
            result = magnitude >= kInfinityCode ? special : result;
            result = magnitude > kInfinityCode ? special | kQuiet : result;
        } else {
            result = magnitude == kCodeMagnitude ? kInfinity | kQuiet : result;
        }
        return float_of(result | ((code << kSignShift) & kSign));
    }
};

using Fp16 = NarrowFormat<10, -14, 0x477fe000u, true>;
using E4m3 = NarrowFormat<3, -6, 0x43e00000u, false>;
using E5m2 = NarrowFormat<2, -14, 0x47600000u, true>;

/// Drops the low `Shift` mantissa bits of an FP32 number: BF16 and TF32, whose exponents are FP32's.
template <int Shift>
HALFSCOPE_INLINE constexpr std::uint32_t round_mantissa(std::uint32_t bits) {
    constexpr std::uint32_t kDropped = (1u << Shift) - 1;
    const std::uint32_t rounded = (bits + (kDropped >> 1) + ((bits >> Shift) & 1u)) & ~kDropped;
    return (bits & kMagnitude) > kInfinity ? ((bits & ~kDropped) | kQuiet) : rounded;
}

/// A zero of x's sign where x is a number below the smallest normal one of the format.
HALFSCOPE_INLINE constexpr float flush_subnormal(Format format, float x) {
    const std::uint32_t bits = bits_of(x);
    const bool is_small = (bits & kMagnitude) < bits_of(format_info(format).min_normal);
    return is_small ? float_of(bits & kSign) : x;
}

}  // namespace rounding_detail

/// x rounded to FP16; the same bits as a hardware conversion there and back.
HALFSCOPE_INLINE constexpr float round_to_fp16(float x) { return rounding_detail::Fp16::round(x); }

/// x rounded to BF16.
HALFSCOPE_INLINE constexpr float round_to_bf16(float x) {
    return float_of(rounding_detail::round_mantissa<16>(bits_of(x)));
}

/// The FP16 code of x: the bits of _cvtss_sh(x, nearest) and __float2half_rn(x), NaN payloads as F16C.
HALFSCOPE_INLINE constexpr std::uint16_t encode_fp16(float x) {
    return static_cast<std::uint16_t>(rounding_detail::Fp16::encode(x));
}

/// The value of an FP16 code, exactly; a signalling NaN comes out quiet, as from F16C.
HALFSCOPE_INLINE constexpr float decode_fp16(std::uint16_t code) {
    return rounding_detail::Fp16::decode(code);
}

/// The BF16 code of x.
HALFSCOPE_INLINE constexpr std::uint16_t encode_bf16(float x) {
    return static_cast<std::uint16_t>(rounding_detail::round_mantissa<16>(bits_of(x)) >> 16);
}

/// The value of a BF16 code, exactly (a signalling NaN stays as it is: the code is the upper half of the
/// float).
HALFSCOPE_INLINE constexpr float decode_bf16(std::uint16_t code) {
    return float_of(static_cast<std::uint32_t>(code) << 16);
}

/// x rounded to the format (see the conventions above), as a float; decode(format, encode(format, x)) for all
/// but FP32.
HALFSCOPE_HD constexpr float round_to(Format format, float x, Subnormals subnormals = Subnormals::keep) {
    float rounded = x;
    switch (format) {
        case Format::fp32:
            return x;
        case Format::tf32:
            rounded = float_of(rounding_detail::round_mantissa<13>(bits_of(x)));
            break;
        case Format::fp16:
            rounded = round_to_fp16(x);
            break;
        case Format::bf16:
            rounded = round_to_bf16(x);
            break;
        case Format::e4m3:
            rounded = rounding_detail::E4m3::round(x);
            break;
        case Format::e5m2:
            rounded = rounding_detail::E5m2::round(x);
            break;
    }
    return subnormals == Subnormals::flush ? rounding_detail::flush_subnormal(format, rounded) : rounded;
}

/// The code that x is stored as, in the low bits (8 * FormatInfo::bytes of them; TF32: the FP32 bits of the
/// rounded value).
HALFSCOPE_HD constexpr std::uint32_t encode(Format format, float x,
                                            Subnormals subnormals = Subnormals::keep) {
    const float value = subnormals == Subnormals::flush ? round_to(format, x, subnormals) : x;
    switch (format) {
        case Format::fp32:
            return bits_of(value);
        case Format::tf32:
            return rounding_detail::round_mantissa<13>(bits_of(value));
        case Format::fp16:
            return rounding_detail::Fp16::encode(value);
        case Format::bf16:
            return encode_bf16(value);
        case Format::e4m3:
            return rounding_detail::E4m3::encode(value);
        case Format::e5m2:
            break;
    }
    return rounding_detail::E5m2::encode(value);
}

/// The value of a code, exactly. Bits above the format's size are ignored.
HALFSCOPE_HD constexpr float decode(Format format, std::uint32_t code) {
    switch (format) {
        case Format::fp32:
        case Format::tf32:
            return float_of(code);
        case Format::fp16:
            return rounding_detail::Fp16::decode(code);
        case Format::bf16:
            return decode_bf16(static_cast<std::uint16_t>(code));
        case Format::e4m3:
            return rounding_detail::E4m3::decode(code);
        case Format::e5m2:
            break;
    }
    return rounding_detail::E5m2::decode(code);
}

/// The exponent (base 2) of the format's spacing at a finite |x|; beyond the largest number, the spacing
/// below it.
HALFSCOPE_HD constexpr int ulp_exponent(Format format, float x) {
    const FormatInfo info = format_info(format);
    const std::uint32_t max_bits = bits_of(info.max);
    std::uint32_t magnitude = bits_of(x) & rounding_detail::kMagnitude;
    magnitude = magnitude > max_bits ? max_bits : magnitude;
    const int exponent =
        static_cast<int>(magnitude >> 23) - 127;  // of an FP32 subnormal: below every format's range
    const int min_exponent = 1 - info.bias;
    return (exponent > min_exponent ? exponent : min_exponent) - info.mantissa_bits;
}

/// The spacing of the format's numbers at |x|: 2^(exponent of x - mantissa bits), at least the smallest
/// subnormal. Beyond the largest number, the spacing just below it; NaN and inf give NaN.
HALFSCOPE_HD constexpr float ulp(Format format, float x) {
    if ((bits_of(x) & rounding_detail::kMagnitude) >= rounding_detail::kInfinity)
        return float_of(0x7fc00000u);
    return static_cast<float>(power_of_two(ulp_exponent(format, x)));
}

/// x rounded to one of its two neighbours in the format: away from zero with the probability of the discarded
/// fraction of the ulp, for `random_bits` uniform in [0, 2^32) (Gupta et al., "Deep Learning with Limited
/// Numerical Precision", 2015). Holds for subnormals too; the fraction counts to 2^-32 of an ulp, cut below.
/// Numbers of the format are unchanged; zeros, inf and NaN go as in round_to. Beyond the largest number: in
/// the last interval [max, max + ulp) to inf by the same rule, farther out to inf; E4M3 saturates. FP32 is
/// never changed.
HALFSCOPE_HD constexpr float round_stochastic(Format format, float x, std::uint32_t random_bits,
                                              Subnormals subnormals = Subnormals::keep) {
    const std::uint32_t sign = bits_of(x) & rounding_detail::kSign;
    const std::uint32_t magnitude = bits_of(x) & rounding_detail::kMagnitude;
    if (format == Format::fp32 || magnitude >= rounding_detail::kInfinity)
        return round_to(format, x, subnormals);
    const FormatInfo info = format_info(format);
    const std::uint32_t field = magnitude >> 23;
    const int exponent = field > 0 ? static_cast<int>(field) - 127 : -126;
    const std::uint32_t significand = (magnitude & 0x7fffffu) | (field > 0 ? 0x800000u : 0u);
    const int min_exponent = 1 - info.bias;
    const int clamped = exponent > min_exponent ? exponent : min_exponent;
    const int shift = 23 - info.mantissa_bits + (clamped - exponent);
    // |x| in ulps as fixed point with 32 fractional bits; the random bits carry into the whole part as often
    // as they should.
    const std::uint64_t in_ulps = shift < 64 ? (static_cast<std::uint64_t>(significand) << 32) >> shift : 0u;
    const std::uint64_t whole = (in_ulps + random_bits) >> 32;
    const double value = static_cast<double>(whole) * power_of_two(clamped - info.mantissa_bits);
    const float beyond = info.has_infinity ? float_of(rounding_detail::kInfinity) : info.max;
    const float rounded = value > static_cast<double>(info.max) ? beyond : static_cast<float>(value);
    const float result = float_of(bits_of(rounded) | sign);
    return subnormals == Subnormals::flush ? rounding_detail::flush_subnormal(format, result) : result;
}

}  // namespace halfscope
