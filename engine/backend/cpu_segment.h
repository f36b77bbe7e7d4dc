// Loading and storing of one segment (a run of elements) for the CPU executor: widening, rounding, counting,
// folding. Used by cpu_formulas.h and cpu_executor.cpp; the orders of summation here are those of
// ops/executor.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "backend/cpu_convert.h"
#include "backend/cpu_simd.h"
#include "backend/cpu_tallies.h"
#include "numerics/accumulate.h"
#include "ops/executor.h"

namespace halfscope {

inline constexpr std::int64_t kCpuSegment =
    1024;  // inputs and results of a formula stay in the first-level cache

/// `count` elements from logical index `index` = row * cols + col on; spans rows only where all views are
/// contiguous.
struct Segment {
    std::int64_t index, row, col, count, cols;
};

/// One FP32 value a row, or a column, without gaps.
struct DenseRow {
    const float* values;
};
struct DenseColumn {
    const float* values;
    const float* repeated;  ///< the same again and again, where a segment may span rows; else nullptr
};

inline char* element_address(const TensorView& view, std::int64_t row, std::int64_t col) {
    return static_cast<char*>(view.data) + (row * view.row_stride + col) * format_bytes(view.format);
}

/// The segment's values as FP32: a pointer into the tensor where it holds FP32, else into `buffer`.
inline const float* load(const TensorView& view, const Segment& segment, float* buffer) {
    const char* codes = element_address(view, segment.row, segment.col);
    if (view.format == Format::fp32) return reinterpret_cast<const float*>(codes);
    widen(view.format, codes, buffer, segment.count);
    return buffer;
}

/// Calls body(row, col, offset, run) for each row's part of a segment.
template <class Body>
void for_rows(const Segment& segment, Body body) {
    std::int64_t row = segment.row, col = segment.col;
    for (std::int64_t offset = 0; offset < segment.count;) {
        const std::int64_t run = std::min(segment.cols - col, segment.count - offset);
        body(row, col, offset, run);
        offset += run;
        ++row;
        col = 0;
    }
}

/// Whether a segment is whole rows of a few elements each, for which a loop over columns is the faster one.
inline bool is_of_short_rows(const Segment& segment) {
    return segment.col == 0 && segment.cols <= simd::kLanes && segment.count % segment.cols == 0;
}

inline const float* load(const DenseRow& in, const Segment& segment, float* buffer) {
    if (is_of_short_rows(segment)) {
        const float* values = in.values + segment.row;
        const std::int64_t cols = segment.cols, rows = segment.count / cols;
        for (std::int64_t c = 0; c < cols; ++c)
            for (std::int64_t r = 0; r < rows; ++r) buffer[r * cols + c] = values[r];
        return buffer;
    }
    for_rows(segment, [&](std::int64_t row, std::int64_t, std::int64_t offset, std::int64_t run) {
        std::fill_n(buffer + offset, run, in.values[row]);
    });
    return buffer;
}

inline const float* load(const DenseColumn& in, const Segment& segment, float*) {
    return (in.repeated ? in.repeated : in.values) + segment.col;
}

inline const float* load(const OneHot& in, const Segment& segment, float* buffer) {
    std::fill_n(buffer, segment.count, 0.0f);
    if (is_of_short_rows(segment)) {
        const std::int32_t* labels = in.labels + segment.row;
        const std::int64_t cols = segment.cols, rows = segment.count / cols;
        for (std::int64_t r = 0; r < rows; ++r) {
            if (labels[r] >= 0 && labels[r] < cols) buffer[r * cols + labels[r]] = 1.0f;
        }
        return buffer;
    }
    for_rows(segment, [&](std::int64_t row, std::int64_t col, std::int64_t offset, std::int64_t run) {
        const std::int64_t hot = in.labels[row] - col;
        if (hot >= 0 && hot < run) buffer[offset + hot] = 1.0f;
    });
    return buffer;
}

/// Where a segment's results can be computed as they are stored: FP32. Else nullptr.
inline float* place_of(const TensorView& view, const Segment& segment) {
    if (view.format != Format::fp32) return nullptr;
    return reinterpret_cast<float*>(element_address(view, segment.row, segment.col));
}

/// Rounds and stores one segment, unless it lies in its place already, and counts it where the view asks for
/// it.
inline void store(const TensorView& view, const Segment& segment, const float* values, CpuTallies& tallies,
                  int output) {
    char* codes = element_address(view, segment.row, segment.col);
    if (static_cast<const void*>(values) != codes)
        narrow(view.format, values, codes, segment.count, view.subnormals);
    if (!view.counts) return;
    TensorTally& tally = tallies.of(output, view.format, view.subnormals);
    alignas(64) float stored[kCpuSegment];
    if (tally.reads_stored()) widen(view.format, codes, stored, segment.count);
    tally.add(values, tally.reads_stored() ? stored : nullptr, static_cast<std::size_t>(segment.count));
}

/// sums[c] += rows[r * width + c] for each row, ascending.
inline void add_rows(float* sums, const float* rows, std::int64_t count, std::int64_t width) {
    for (std::int64_t c = 0; c < width; c += simd::kLanes) {
        const std::int64_t lanes = std::min<std::int64_t>(simd::kLanes, width - c);
        simd::Vector sum = simd::load_fp32(sums + c, lanes);
        for (std::int64_t r = 0; r < count; ++r)
            sum = simd::add(sum, simd::load_fp32(rows + r * width + c, lanes));
        simd::store_fp32(sums + c, sum, lanes);
    }
}

/// The larger of two, NaN where either is NaN.
inline float maximum(float a, float b) { return b > a || b != b ? b : a; }

/// Folds one row in the order of ops/executor.h: lanes and a halving tree, or rounded blocks of 16.
class RowFold {
  public:
    explicit RowFold(Reduction reduction) : reduction_(reduction), blocks_(reduction.rounding) {
        std::fill_n(lanes_, kLanes, neutral());
    }

    /// The next `count` terms; a multiple of kFoldLanes except in the last call.
    void add(const float* terms, std::int64_t count) {
        if (reduction_.rounding != Format::fp32) {
            for (std::int64_t i = 0; i < count; ++i) blocks_.add(terms[i]);
            return;
        }
        if (reduction_.fold == Fold::sum) {
            for_lanes(terms, count, [](float a, float b) { return a + b; });
        } else {
            for_lanes(terms, count, maximum);
        }
    }

    float finish() {
        if (reduction_.rounding != Format::fp32) return blocks_.finish();
        for (int width = kLanes / 2; width > 0; width /= 2) {
            for (int lane = 0; lane < width; ++lane) {
                lanes_[lane] = reduction_.fold == Fold::sum ? lanes_[lane] + lanes_[lane + width]
                                                            : maximum(lanes_[lane], lanes_[lane + width]);
            }
        }
        return lanes_[0];
    }

  private:
    static constexpr int kLanes = kFoldLanes;
    float neutral() const {
        return reduction_.fold == Fold::sum ? 0.0f : -std::numeric_limits<float>::infinity();
    }
    template <class Combine>
    void for_lanes(const float* terms, std::int64_t count, Combine combine) {
        std::int64_t i = 0;
        for (; i + kLanes <= count; i += kLanes)
            for (int lane = 0; lane < kLanes; ++lane) lanes_[lane] = combine(lanes_[lane], terms[i + lane]);
        for (int lane = 0; i + lane < count; ++lane) lanes_[lane] = combine(lanes_[lane], terms[i + lane]);
    }

    Reduction reduction_;
    BlockRounder blocks_;
    alignas(64) float lanes_[kLanes];
};

/// One whole row. Rows shorter than the lanes skip the neutral ones: adding 0 or folding -inf changes no bit.
inline float fold_row(Reduction reduction, const float* terms, std::int64_t count) {
    if (reduction.rounding != Format::fp32 || count > kFoldLanes) {
        RowFold fold(reduction);
        fold.add(terms, count);
        return fold.finish();
    }
    const bool is_sum = reduction.fold == Fold::sum;
    if (count == 0) return is_sum ? 0.0f : -std::numeric_limits<float>::infinity();
    float lanes[kFoldLanes];
    for (std::int64_t i = 0; i < count; ++i) lanes[i] = is_sum ? 0.0f + terms[i] : terms[i];
    for (std::int64_t width = kFoldLanes / 2; width > 0; width /= 2) {
        for (std::int64_t lane = 0; lane < width && lane + width < count; ++lane)
            lanes[lane] =
                is_sum ? lanes[lane] + lanes[lane + width] : maximum(lanes[lane], lanes[lane + width]);
    }
    return lanes[0];
}

inline constexpr std::int64_t kRowsAtOnce = 16;

/// kRowsAtOnce rows of `cols` terms, at most kFoldLanes: the tree of fold_row, a vector of rows at a time.
template <Fold kFold>
void fold_short_rows(const float* terms, std::int64_t cols, float* results) {
    constexpr std::int64_t kLanes = kFoldLanes;
    alignas(64) float lanes[kLanes][kRowsAtOnce];
    for (std::int64_t lane = 0; lane < cols; ++lane) {
        for (std::int64_t r = 0; r < kRowsAtOnce; ++r) {
            const float term = terms[r * cols + lane];
            lanes[lane][r] = kFold == Fold::sum ? 0.0f + term : term;
        }
    }
    for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
        for (std::int64_t lane = 0; lane < width && lane + width < cols; ++lane) {
            for (std::int64_t r = 0; r < kRowsAtOnce; ++r) {
                const float left = lanes[lane][r], right = lanes[lane + width][r];
                lanes[lane][r] = kFold == Fold::sum ? left + right : maximum(left, right);
            }
        }
    }
    std::copy_n(lanes[0], kRowsAtOnce, results);
}

/// results[r] = the fold of row r, for `rows` rows of `cols` terms, one behind the other.
inline void fold_rows(Reduction reduction, const float* terms, std::int64_t rows, std::int64_t cols,
                      float* results) {
    std::int64_t row = 0;
    if (reduction.rounding == Format::fp32 && cols > 0 && cols <= kFoldLanes) {
        for (; row + kRowsAtOnce <= rows; row += kRowsAtOnce) {
            if (reduction.fold == Fold::sum) {
                fold_short_rows<Fold::sum>(terms + row * cols, cols, results + row);
            } else {
                fold_short_rows<Fold::maximum>(terms + row * cols, cols, results + row);
            }
        }
    }
    for (; row < rows; ++row) results[row] = fold_row(reduction, terms + row * cols, cols);
}

}  // namespace halfscope
