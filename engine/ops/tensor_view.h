// What an op sees of a tensor: a matrix of codes in one format, with the place where its values are counted.
// Made by lanes from their Plan for each call; owns nothing.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/portability.h"
#include "numerics/tensor_counts.h"

namespace halfscope {

/// A rows x cols matrix, row-major, `row_stride` elements between rows. data == nullptr: not there, not
/// wanted. Whatever is stored through a view is rounded to its format (nearest even, `subnormals`), and
/// counted where `counts` is set.
struct TensorView {
    void* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t row_stride = 0;
    TensorCounts* counts = nullptr;  ///< where to count exact against stored values; null: not probed
    Format format = Format::fp32;
    Subnormals subnormals = Subnormals::keep;

    HALFSCOPE_HD explicit operator bool() const { return data != nullptr; }
    HALFSCOPE_HD std::int64_t elements() const { return rows * cols; }
    HALFSCOPE_HD bool contiguous() const { return row_stride == cols || rows == 1; }
    /// The sub-matrix of `row_count` rows from `row_begin`, every `row_step`-th, and `col_count` columns from
    /// `col_begin`.
    HALFSCOPE_HD TensorView slice(std::int64_t row_begin, std::int64_t row_count, std::int64_t row_step,
                                  std::int64_t col_begin, std::int64_t col_count) const {
        TensorView part = *this;
        const std::int64_t first = row_begin * row_stride + col_begin;
        part.data = static_cast<char*>(data) + first * format_info(format).bytes;
        part.rows = row_count;
        part.cols = col_count;
        part.row_stride = row_stride * row_step;
        return part;
    }
    HALFSCOPE_HD TensorView columns(std::int64_t col_begin, std::int64_t col_count) const {
        return slice(0, rows, 1, col_begin, col_count);
    }
    /// The same contiguous elements as a matrix of other extents.
    HALFSCOPE_HD TensorView reshaped(std::int64_t new_rows, std::int64_t new_cols) const {
        TensorView other = *this;
        other.rows = new_rows;
        other.cols = new_cols;
        other.row_stride = new_cols;
        return other;
    }
};

}  // namespace halfscope
