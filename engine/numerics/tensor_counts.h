// Everything a probe counts of one tensor: classes against its own format and against FP16, exponents,
// extremes, norm. Filled inline by the executors while they store (host), merged by lanes, read by telemetry.
// Must not keep elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/classes.h"
#include "numerics/exponent_histogram.h"
#include "numerics/format.h"
#include "numerics/portability.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace counting_detail {

inline constexpr std::uint32_t kMagnitude = 0x7fffffffu;
inline constexpr std::uint32_t kInfinity = 0x7f800000u;
inline constexpr std::uint32_t kNoMinimum = 0xffffffffu;

/// The largest magnitudes (FP32 bits) that FP16 rounds to zero, to a subnormal, to a finite number.
inline constexpr std::uint32_t kFp16LastFlushed = 0x33000000u;    // 2^-25, a tie that goes to even
inline constexpr std::uint32_t kFp16LastSubnormal = 0x387fdfffu;  // just below 2^-14 - 2^-25
inline constexpr std::uint32_t kFp16LastFinite = 0x477fefffu;     // just below 65520

/// Per-lane tallies of a block, so that the loop over lanes vectorises; each counts at most 2^16 elements.
struct LaneTallies {
    static constexpr int kLanes = 16;
    std::uint32_t own_zero[kLanes] = {}, own_flushed[kLanes] = {}, own_subnormal[kLanes] = {};
    std::uint32_t own_inf[kLanes] = {}, own_inf_incoming[kLanes] = {}, own_nan[kLanes] = {};
    std::uint32_t zero[kLanes] = {}, up_to_flushed[kLanes] = {}, up_to_subnormal[kLanes] = {};
    std::uint32_t up_to_finite[kLanes] = {}, inf_incoming[kLanes] = {}, nan[kLanes] = {};
    std::uint32_t least[kLanes], most[kLanes] = {};
    double squares[kLanes] = {};

    LaneTallies() {
        for (std::uint32_t& value : least) value = kNoMinimum;
    }

    /// Sixteen elements, one a lane. Compare results are added as numbers: no branches.
    void add_block(const float* exact, const float* stored, std::uint32_t own_min_normal) {
        for (int i = 0; i < kLanes; ++i) {
            const std::uint32_t x = bits_of(exact[i]) & kMagnitude;
            const std::uint32_t q = bits_of(stored[i]) & kMagnitude;
            own_zero[i] += (x == 0) & (q < kInfinity);
            own_flushed[i] += (x != 0) & (q == 0);
            own_subnormal[i] += (x != 0) & (q != 0) & (q < own_min_normal);
            own_inf[i] += q == kInfinity;
            own_inf_incoming[i] += (q == kInfinity) & (x == kInfinity);
            own_nan[i] += q > kInfinity;
        }
        for (int i = 0; i < kLanes; ++i) {
            const std::uint32_t x = bits_of(exact[i]) & kMagnitude;
            zero[i] += x == 0;
            up_to_flushed[i] += x <= kFp16LastFlushed;
            up_to_subnormal[i] += x <= kFp16LastSubnormal;
            up_to_finite[i] += x <= kFp16LastFinite;
            inf_incoming[i] += x == kInfinity;
            nan[i] += x > kInfinity;
            const bool is_finite = x < kInfinity;
            const std::uint32_t low = (x != 0) & is_finite ? x : kNoMinimum;
            const std::uint32_t high = is_finite ? x : 0u;
            least[i] = low < least[i] ? low : least[i];
            most[i] = high > most[i] ? high : most[i];
        }
        for (int i = 0; i < kLanes; ++i) {
            const double x = static_cast<double>(exact[i]);
            squares[i] += x * x;
        }
    }

    static std::uint64_t total(const std::uint32_t (&lanes)[kLanes]) {
        std::uint64_t sum = 0;
        for (const std::uint32_t lane : lanes) sum += lane;
        return sum;
    }
};

/// Exponents of a block of at most 2^15 elements: four 16-bit counters of a histogram bin in one word, so
/// that an element costs one addition. Two tables take turns, or equal neighbours would wait for each other's
/// store.
class PackedExponents {
  public:
    /// Counts into the tables; FP32 subnormals, which are rare, go to the histogram directly.
    void add(const float* exact, std::size_t n, ExponentHistogram& histogram) {
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t magnitude = bits_of(exact[i]) & kMagnitude;
            const std::uint32_t mantissa = magnitude & 0x7fffffu;
            const std::uint64_t one = 1u | (static_cast<std::uint64_t>(mantissa == 0) << 16) |
                                      (static_cast<std::uint64_t>(mantissa >= 0x7ff000u) << 32) |
                                      (static_cast<std::uint64_t>(mantissa >= 0x7fe000u) << 48);
            tables_[i & 1u][magnitude >> 23] += one;
            if (magnitude - 1u < 0x7fffffu) histogram.add(exact[i]);
        }
    }

    /// Empties the tables into the histogram, without field 0 (zeros and subnormals) and 255 (inf and NaN).
    void flush(ExponentHistogram& histogram) {
        for (int field = 1; field < 255; ++field) {
            const std::uint64_t packed = tables_[0][field] + tables_[1][field];
            if (packed == 0) continue;
            ExponentHistogram::Bin& bin = histogram.bins[field - 127 - kMinExponent];
            bin.all += packed & 0xffffu;
            bin.powers_of_two += (packed >> 16) & 0xffffu;
            bin.top_of_normals += (packed >> 32) & 0xffffu;
            bin.top_of_subnormals += packed >> 48;
        }
    }

  private:
    std::uint64_t tables_[2][256] = {};
};

}  // namespace counting_detail

/// What storing one tensor did, and where its exact values lie. Plain data; zero-initialised is empty.
struct TensorCounts {
    ClassCounts own;              ///< against the format the tensor is stored in
    ClassCounts fp16;             ///< against FP16 (nearest even, subnormals kept), whatever the storage
    ExponentHistogram histogram;  ///< of the exact values
    float min_abs = 0.0f;         ///< smallest finite |x| but zero; 0 where there is none
    float max_abs = 0.0f;         ///< largest finite |x|
    double sum_of_squares = 0.0;  ///< of all exact values: NaN or inf where one of them is

    /// Counts one element: `exact` as computed in FP32, `stored` the decoded value of what was stored in
    /// `own_format`.
    HALFSCOPE_HD void add(float exact, float stored, Format own_format) {
        count_value(own, exact, stored, own_format);
        count_value(fp16, exact, round_to_fp16(exact), Format::fp16);
        histogram.add(exact);
        const std::uint32_t magnitude = bits_of(exact) & counting_detail::kMagnitude;
        if (magnitude < counting_detail::kInfinity) note_extremes(float_of(magnitude), float_of(magnitude));
        sum_of_squares += static_cast<double>(exact) * static_cast<double>(exact);
    }

    /// The same for n elements at once, several times faster. The squares are summed in 16 interleaved lanes:
    /// the last bits of sum_of_squares depend on how a tensor is cut into spans, and on nothing else.
    void add_span(const float* exact, const float* stored, std::size_t n, Format own_format) {
        constexpr std::size_t kBlock = 1u << 15;
        // Measured: below it, clearing the tables costs more than they save.
        constexpr std::size_t kWorthTables = 96;
        std::size_t begin = 0;
        while (n - begin >= kWorthTables) {
            const std::size_t count = n - begin < kBlock ? n - begin : kBlock;
            const std::size_t whole = count - count % counting_detail::LaneTallies::kLanes;
            add_block(exact + begin, stored + begin, whole, own_format);
            begin += whole;
        }
        for (; begin < n; ++begin) add(exact[begin], stored[begin], own_format);
    }

    /// Adds what another part of the same tensor counted.
    HALFSCOPE_HD void merge(const TensorCounts& other) {
        own.add(other.own);
        fp16.add(other.fp16);
        histogram.add(other.histogram);
        note_extremes(other.min_abs, other.max_abs);
        sum_of_squares += other.sum_of_squares;
    }

    HALFSCOPE_HD void clear() { *this = TensorCounts(); }

  private:
    HALFSCOPE_HD void note_extremes(float low, float high) {
        if (low > 0.0f && (min_abs == 0.0f || low < min_abs)) min_abs = low;
        if (high > max_abs) max_abs = high;
    }

    /// At most 2^15 elements, a multiple of 16.
    void add_block(const float* exact, const float* stored, std::size_t n, Format own_format) {
        const std::uint32_t min_normal = bits_of(format_info(own_format).min_normal);
        counting_detail::LaneTallies tallies;
        for (std::size_t i = 0; i < n; i += counting_detail::LaneTallies::kLanes)
            tallies.add_block(exact + i, stored + i, min_normal);
        counting_detail::PackedExponents exponents;
        exponents.add(exact, n, histogram);
        exponents.flush(histogram);
        take(tallies, n);
    }

    /// Folds the lanes of n elements in.
    void take(const counting_detail::LaneTallies& tallies, std::size_t n) {
        using counting_detail::LaneTallies;
        ClassCounts mine;
        mine.true_zero = LaneTallies::total(tallies.own_zero);
        mine.flushed = LaneTallies::total(tallies.own_flushed);
        mine.subnormal = LaneTallies::total(tallies.own_subnormal);
        mine.inf = LaneTallies::total(tallies.own_inf);
        mine.nan = LaneTallies::total(tallies.own_nan);
        mine.inf_incoming = LaneTallies::total(tallies.own_inf_incoming);
        mine.normal = n - mine.count();
        own.add(mine);

        ClassCounts half;
        const std::uint64_t up_to_flushed = LaneTallies::total(tallies.up_to_flushed);
        const std::uint64_t up_to_subnormal = LaneTallies::total(tallies.up_to_subnormal);
        const std::uint64_t up_to_finite = LaneTallies::total(tallies.up_to_finite);
        half.true_zero = LaneTallies::total(tallies.zero);
        half.flushed = up_to_flushed - half.true_zero;
        half.subnormal = up_to_subnormal - up_to_flushed;
        half.normal = up_to_finite - up_to_subnormal;
        half.nan = LaneTallies::total(tallies.nan);
        half.inf = n - up_to_finite - half.nan;
        half.inf_incoming = LaneTallies::total(tallies.inf_incoming);
        fp16.add(half);

        for (int i = 0; i < LaneTallies::kLanes; ++i) {
            const bool any = tallies.least[i] != counting_detail::kNoMinimum;
            note_extremes(any ? float_of(tallies.least[i]) : 0.0f, float_of(tallies.most[i]));
            sum_of_squares += tallies.squares[i];
        }
    }
};

}  // namespace halfscope
