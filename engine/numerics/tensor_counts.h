// Everything a Probe counts of one tensor where its values are stored: classes against the format stored in
// and against FP16, the exponent histogram, extremes. Filled inline by an executor, in any order: all results
// but the last bits of sum_of_squares are independent of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/classes.h"
#include "numerics/exponent_histogram.h"
#include "numerics/rounding.h"

namespace halfscope {

struct TensorCounts {
    ClassCounts own;              ///< against the format the tensor is stored in
    ClassCounts fp16;             ///< against FP16, whatever it is stored in
    ExponentHistogram histogram;  ///< of the exact FP32 values
    float min_abs = 0.0f;         ///< smallest non-zero finite |x|; 0 where there is none
    float max_abs = 0.0f;         ///< largest finite |x|
    double sum_of_squares = 0.0;  ///< of the finite exact values

    /// One value: exact, and as stored in `own_format` (decoded).
    HALFSCOPE_INLINE void add(float exact, float stored, Format own_format) {
        count_value(own, exact, stored, own_format);
        count_value(fp16, exact, round_to_fp16(exact), Format::fp16);
        const float magnitude = float_of(bits_of(exact) & ~kSignBit);
        if (magnitude > 0.0f && magnitude < float_of(kInfinityBits)) {
            histogram.add(exact);
            if (min_abs == 0.0f || magnitude < min_abs) min_abs = magnitude;
            if (magnitude > max_abs) max_abs = magnitude;
            sum_of_squares += static_cast<double>(exact) * exact;
        }
    }

    /// `count` values; the loop that runs inside training at probed steps.
    void add_span(const float* exact, const float* stored, std::size_t count, Format own_format) {
        if (own_format != Format::fp16) {
            for (std::size_t i = 0; i < count; ++i) add(exact[i], stored[i], own_format);
            return;
        }
        ClassCounts counts;
        for (std::size_t i = 0; i < count; ++i) {
            count_value(counts, exact[i], stored[i], Format::fp16);
            const float magnitude = float_of(bits_of(exact[i]) & ~kSignBit);
            if (magnitude > 0.0f && magnitude < float_of(kInfinityBits)) {
                histogram.add(exact[i]);
                if (min_abs == 0.0f || magnitude < min_abs) min_abs = magnitude;
                if (magnitude > max_abs) max_abs = magnitude;
                sum_of_squares += static_cast<double>(exact[i]) * exact[i];
            }
        }
        own.add(counts);
        // Stored by flushing subnormals, a value is not what FP16 itself would make of it.
        ClassCounts nearest;
        for (std::size_t i = 0; i < count; ++i)
            count_value(nearest, exact[i], round_to_fp16(exact[i]), Format::fp16);
        fp16.add(nearest);
    }

    void merge(const TensorCounts& other) {
        own.add(other.own);
        fp16.add(other.fp16);
        histogram.add(other.histogram);
        if (other.min_abs != 0.0f && (min_abs == 0.0f || other.min_abs < min_abs)) min_abs = other.min_abs;
        if (other.max_abs > max_abs) max_abs = other.max_abs;
        sum_of_squares += other.sum_of_squares;
    }
    void clear() { *this = TensorCounts{}; }
};

}  // namespace halfscope
