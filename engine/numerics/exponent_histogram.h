// The exponent histogram of a tensor, with the counters that tell exactly what FP16 would make of the same
// values under another power-of-two loss scale. Finite non-zero values only: zeros, NaN and infinities are
// counted by ClassCounts.
#pragma once

#include <array>
#include <cstdint>

#include "numerics/portability.h"

namespace halfscope {

class ExponentHistogram {
  public:
    static constexpr int kLowest = -149;  ///< exponent of the smallest FP32 subnormal
    static constexpr int kHighest = 127;
    static constexpr int kBins = kHighest - kLowest + 1;

    /// What FP16 (nearest even, subnormals kept) would store of the non-zero values times a power of two.
    struct Prediction {
        std::uint64_t flushed = 0, subnormal = 0, normal = 0, inf = 0;
        bool operator==(const Prediction&) const = default;
    };

    /// One finite non-zero value; FP32 subnormals enter with their normalised exponent and mantissa.
    HALFSCOPE_INLINE void add(float value) {
        std::uint32_t magnitude = bits_of(value) & 0x7FFFFFFFu;
        int exponent = static_cast<int>(magnitude >> 23) - 127;
        if (exponent == -127) {
            magnitude = bits_of(float_of(magnitude) * 0x1p24f);
            exponent = static_cast<int>(magnitude >> 23) - 127 - 24;
        }
        const std::uint32_t mantissa = magnitude & 0x7FFFFFu;
        Bin& bin = bins_[static_cast<std::size_t>(exponent - kLowest)];
        ++bin.all;
        bin.exact_power += mantissa == 0 ? 1u : 0u;
        bin.to_next_power += mantissa >= 0x7FF000u ? 1u : 0u;
        bin.to_min_normal += mantissa >= 0x7FE000u ? 1u : 0u;
    }

    void add(const ExponentHistogram& other) {
        for (std::size_t i = 0; i < bins_.size(); ++i) {
            bins_[i].all += other.bins_[i].all;
            bins_[i].exact_power += other.bins_[i].exact_power;
            bins_[i].to_next_power += other.bins_[i].to_next_power;
            bins_[i].to_min_normal += other.bins_[i].to_min_normal;
        }
    }

    /// Number of values with 2^exponent <= |x| < 2^(exponent + 1).
    std::uint64_t at(int exponent) const {
        return exponent < kLowest || exponent > kHighest
                   ? 0
                   : bins_[static_cast<std::size_t>(exponent - kLowest)].all;
    }

    /// Exact classes in FP16 of x * 2^scale_log2, meant without intermediate rounding.
    Prediction predict(int scale_log2) const {
        Prediction result;
        for (int i = 0; i < kBins; ++i) {
            const Bin& bin = bins_[static_cast<std::size_t>(i)];
            const int exponent = kLowest + i + scale_log2;
            if (exponent < -25) {
                result.flushed += bin.all;
            } else if (exponent < -14) {
                const std::uint64_t flushed =
                    exponent == -25 ? bin.exact_power : 0;  // 2^-25 is a tie, to even: 0
                const std::uint64_t normal = exponent == -15 ? bin.to_min_normal : 0;  // rounds up to 2^-14
                result.flushed += flushed;
                result.normal += normal;
                result.subnormal += bin.all - flushed - normal;
            } else {
                const std::uint64_t inf = exponent >= 16   ? bin.all
                                          : exponent == 15 ? bin.to_next_power
                                                           : 0;  // >= 65520
                result.inf += inf;
                result.normal += bin.all - inf;
            }
        }
        return result;
    }

  private:
    struct Bin {
        std::uint64_t all = 0;          // values with this exponent
        std::uint64_t exact_power = 0;  // of these, mantissa 0
        std::uint64_t to_next_power =
            0;  // mantissa >= 0x7FF000: 11 significant bits round up to the next power of two
        std::uint64_t to_min_normal = 0;  // mantissa >= 0x7FE000: 10 significant bits do
    };
    std::array<Bin, kBins> bins_{};
};

}  // namespace halfscope
