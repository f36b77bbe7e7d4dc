// The exponent histograms of one tensor over time, for the waterfall: a row for each probe and, once there
// are too many, for each group of neighbouring probes. What any probe of a group had stays to be seen: of
// each exponent a row keeps the largest share, so that neither a smallest nor a largest value is lost by
// merging, and nor is an infinity. Filled by Timeline, read by the window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "train/lane.h"

namespace halfscope {

inline constexpr int kWaterfallLowest = -44;
inline constexpr int kWaterfallHighest = 18;
/// Of values divided by their loss scale.
inline constexpr int kUnscaledLowest = -80;
inline constexpr int kUnscaledHighest = 40;

struct HistogramRow {
    std::int64_t step = 0, last_step = 0;  ///< of its first and its last probe
    std::int64_t probes = 1;
    double scale = 1;  ///< of its last probe
    double lowest_scale = 1, highest_scale = 1;
    /// Of all elements as they were stored, for exponents kWaterfallLowest .. kWaterfallHighest (what lies
    /// beyond joins the outermost), then zero, inf and nan as they came in. Of one probe it adds up to 1; of
    /// more, each is the largest of any of them.
    std::vector<float> share;
    /// The same of values divided by their scale, for kUnscaledLowest .. kUnscaledHighest: where the probes
    /// had several scales; else empty, because `share` is only to be moved then.
    std::vector<float> unscaled;
};

/// How far exponents move when values are divided by their loss scale: -log2 S, rounded.
int unscaling_shift(double scale);

/// A probe as a row.
HistogramRow histogram_row(std::int64_t step, const Probe& probe);
/// Adds the probes of the row that follows it.
void merge_rows(HistogramRow& row, const HistogramRow& newer);
/// At most so many rows, of as many neighbours each: what is drawn into fewer pixels.
std::vector<HistogramRow> merged_rows(std::vector<HistogramRow> rows, std::size_t most);

/// The rows of one tensor, bounded: each of `stride` probes but for the newest, which has up to as many.
struct Waterfall {
    static constexpr std::size_t kRows = 256;
    std::vector<HistogramRow> rows;
    std::int64_t stride = 1;

    void add(HistogramRow row);
    /// Forgets steps from `next_step` on. A row that reaches over it goes whole.
    void rewind(std::int64_t next_step);
};

}  // namespace halfscope
