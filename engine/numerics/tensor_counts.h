// Everything a probe counts of one tensor: classes against its own format and against FP16, exponents,
// extremes, norm. Filled inline by the executors while they store (on the CPU through tensor_tally.h), merged
// by lanes, read by telemetry. Must not keep elements.
#pragma once

#include <cstdint>

#include "numerics/classes.h"
#include "numerics/exponent_histogram.h"
#include "numerics/format.h"
#include "numerics/portability.h"
#include "numerics/rounding.h"

namespace halfscope {

/// Widens the smallest (0: none) and the largest finite magnitude by further ones.
HALFSCOPE_HD inline void widen_extremes(float& min_abs, float& max_abs, float low, float high) {
    if (low > 0.0f && (min_abs == 0.0f || low < min_abs)) min_abs = low;
    if (high > max_abs) max_abs = high;
}

/// What storing one tensor did, and where its exact values lie. Plain data; zero-initialised is empty.
struct TensorCounts {
    ClassCounts own;              ///< against the format the tensor is stored in
    ClassCounts fp16;             ///< against FP16 (nearest even, subnormals kept), whatever the storage
    ExponentHistogram histogram;  ///< of the exact values
    float min_abs = 0.0f;         ///< smallest finite |x| but zero; 0 where there is none
    float max_abs = 0.0f;         ///< largest finite |x|

    /// Counts one element: `exact` as computed in FP32, `stored` the decoded value of what was stored in
    /// `own_format`.
    HALFSCOPE_HD void add(float exact, float stored, Format own_format) {
        count_value(own, exact, stored, own_format);
        count_value(fp16, exact, round_to_fp16(exact), Format::fp16);
        histogram.add(exact);
        const std::uint32_t magnitude = bits_of(exact) & 0x7fffffffu;
        if (magnitude < 0x7f800000u) note_extremes(float_of(magnitude), float_of(magnitude));
    }

    /// Adds what another part of the same tensor counted.
    HALFSCOPE_HD void merge(const TensorCounts& other) {
        own.add(other.own);
        fp16.add(other.fp16);
        histogram.add(other.histogram);
        note_extremes(other.min_abs, other.max_abs);
    }

    /// Touches no bin that is empty: where counts are cleared often, most of the histogram is.
    HALFSCOPE_HD void clear() {
        const int last = last_bin();
        for (int bin = first_bin(); bin <= last; ++bin) histogram.bins[bin] = {};
        own = {};
        fp16 = {};
        min_abs = max_abs = 0.0f;
    }

    /// The histogram's bins between which all values lie; none where first > last.
    HALFSCOPE_HD int first_bin() const {
        return max_abs > 0.0f ? ExponentHistogram::place_of(min_abs).bin : kExponentBins;
    }
    HALFSCOPE_HD int last_bin() const { return ExponentHistogram::place_of(max_abs).bin; }

    /// The smallest (0: none) and the largest finite magnitude of further values.
    HALFSCOPE_HD void note_extremes(float low, float high) { widen_extremes(min_abs, max_abs, low, high); }
};

}  // namespace halfscope
