// How many values lie at each power of two, and what FP16 would do to all of them at any power-of-two scale,
// exactly. Filled by tensor_counts.h; read by histograms and the what-if. Must not see zeros, inf or NaN:
// ClassCounts has those.
#pragma once

#include <cstdint>

#include "numerics/portability.h"

namespace halfscope {

inline constexpr int kMinExponent = -149;  ///< of the smallest FP32 subnormal
inline constexpr int kMaxExponent = 127;
inline constexpr int kExponentBins = kMaxExponent - kMinExponent + 1;

/// Counts per FP32 exponent (subnormals by their normalised one). Besides the number of values, each bin
/// keeps how many sit where rounding to FP16 changes class: exact powers of two, and mantissas so near the
/// next power that they round up to it.
struct ExponentHistogram {
    /// Values counted at one exponent; the last three are parts of `all`.
    struct Bin {
        std::uint64_t all = 0;
        std::uint64_t powers_of_two = 0;  ///< mantissa == 0
        std::uint64_t top_of_normals =
            0;  ///< mantissa >= 0x7FF000: rounds up to 11 significant bits of the next power
        std::uint64_t top_of_subnormals = 0;  ///< mantissa >= 0x7FE000: the same with 10 significant bits

        HALFSCOPE_HD void add(const Bin& other) {
            all += other.all;
            powers_of_two += other.powers_of_two;
            top_of_normals += other.top_of_normals;
            top_of_subnormals += other.top_of_subnormals;
        }
        friend bool operator==(const Bin&, const Bin&) = default;
    };
    Bin bins[kExponentBins];

    /// What predict() expects of the counted values.
    struct Prediction {
        std::uint64_t flushed = 0;
        std::uint64_t subnormal = 0;
        std::uint64_t normal = 0;
        std::uint64_t inf = 0;

        /// The values of one bin, those at 2^exponent, times 2^scale_log2.
        HALFSCOPE_HD void add(const Bin& bin, int exponent, int scale_log2) {
            constexpr int kHalfOfSmallest = -25, kBelowNormal = -15, kTopExponent = 15;
            const std::int64_t scaled = static_cast<std::int64_t>(exponent) + scale_log2;
            if (scaled < kHalfOfSmallest) {
                flushed += bin.all;
            } else if (scaled == kHalfOfSmallest) {
                flushed += bin.powers_of_two;  // the tie goes to zero, the even side
                subnormal += bin.all - bin.powers_of_two;
            } else if (scaled < kBelowNormal) {
                subnormal += bin.all;
            } else if (scaled == kBelowNormal) {
                normal += bin.top_of_subnormals;
                subnormal += bin.all - bin.top_of_subnormals;
            } else if (scaled < kTopExponent) {
                normal += bin.all;
            } else if (scaled == kTopExponent) {
                inf += bin.top_of_normals;
                normal += bin.all - bin.top_of_normals;
            } else {
                inf += bin.all;
            }
        }

        friend bool operator==(const Prediction&, const Prediction&) = default;
    };

    /// Where a value is counted; bin -1: nowhere, for it is a zero, inf or NaN.
    struct Place {
        int bin = -1;
        bool power_of_two = false, top_of_normals = false, top_of_subnormals = false;
    };
    HALFSCOPE_HD static Place place_of(float x) {
        const std::uint32_t magnitude = bits_of(x) & 0x7fffffffu;
        if (magnitude == 0 || magnitude >= 0x7f800000u) return {};
        int exponent = static_cast<int>(magnitude >> 23) - 127;
        std::uint32_t mantissa = magnitude & 0x7fffffu;
        if (exponent == -127) {
            exponent = -126;
            while ((mantissa & 0x800000u) == 0) {
                mantissa <<= 1;
                --exponent;
            }
            mantissa &= 0x7fffffu;
        }
        return {exponent - kMinExponent, mantissa == 0, mantissa >= 0x7ff000u, mantissa >= 0x7fe000u};
    }

    /// Counts one value.
    HALFSCOPE_HD void add(float x) {
        const Place place = place_of(x);
        if (place.bin < 0) return;
        Bin& bin = bins[place.bin];
        ++bin.all;
        bin.powers_of_two += place.power_of_two;
        bin.top_of_normals += place.top_of_normals;
        bin.top_of_subnormals += place.top_of_subnormals;
    }

    HALFSCOPE_HD void add(const ExponentHistogram& other) {
        for (int i = 0; i < kExponentBins; ++i) bins[i].add(other.bins[i]);
    }

    /// How many values have 2^exponent <= |x| < 2^(exponent + 1); 0 outside [-149, 127].
    HALFSCOPE_HD std::uint64_t at(int exponent) const {
        if (exponent < kMinExponent || exponent > kMaxExponent) return 0;
        return bins[exponent - kMinExponent].all;
    }

    /// The classes that the counted values times 2^scale_log2 take in FP16, rounding to nearest even,
    /// subnormals kept. Exact, the product meant without rounding of its own. Says nothing of values lost
    /// before they were counted.
    HALFSCOPE_HD Prediction predict(int scale_log2) const {
        Prediction result;
        for (int i = 0; i < kExponentBins; ++i) result.add(bins[i], kMinExponent + i, scale_log2);
        return result;
    }

    friend bool operator==(const ExponentHistogram&, const ExponentHistogram&) = default;
};

}  // namespace halfscope
