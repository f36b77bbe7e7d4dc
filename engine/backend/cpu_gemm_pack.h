// Copies blocks of the operands of a matrix product into the order in which the kernel reads them, widened to
// FP32. Called by cpu_gemm.cpp only. It must not round, but for TF32 operands, whose rounding belongs to the
// product.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/cpu_gemm.h"
#include "backend/cpu_simd.h"
#include "backend/cpu_transpose.h"

namespace halfscope::gemm {

inline constexpr int kLanes = simd::kLanes;
inline constexpr int kTileRows = simd::kTileRows;
inline constexpr int kTileVectors = 2;
inline constexpr int kTileCols = kTileVectors * kLanes;

/// Products of one pass over k; a multiple of 16, so that FP16 blocks never straddle two passes.
inline constexpr int64_t kDepth = 384;
/// Distance between the rows of a row-major panel of A: off powers of two, so that rows do not share cache
/// sets.
inline constexpr int64_t kRowPitch = kDepth + 16;
/// Distance between the steps of a k-major panel of A.
inline constexpr int64_t kStepPitch = 16;
static_assert(kDepth % 16 == 0 && kTileRows <= kStepPitch && kStepPitch % kLanes == 0);

// Sources: where the elements of an operand come from. load(index, count) gives `count` lanes, zero above.

struct SourceFp32 {
    const float* data;
    explicit SourceFp32(const MatrixView& view) : data(static_cast<const float*>(view.data)) {}
    simd::Vector load(int64_t index, int64_t count) const { return simd::load_fp32(data + index, count); }
};

struct SourceFp16 {
    const uint16_t* data;
    explicit SourceFp16(const MatrixView& view) : data(static_cast<const uint16_t*>(view.data)) {}
    simd::Vector load(int64_t index, int64_t count) const { return simd::load_fp16(data + index, count); }
};

struct SourceBf16 {
    const uint16_t* data;
    explicit SourceBf16(const MatrixView& view) : data(static_cast<const uint16_t*>(view.data)) {}
    simd::Vector load(int64_t index, int64_t count) const { return simd::load_bf16(data + index, count); }
};

/// FP32 elements rounded to TF32.
struct SourceTf32 {
    const float* data;
    explicit SourceTf32(const MatrixView& view) : data(static_cast<const float*>(view.data)) {}
    simd::Vector load(int64_t index, int64_t count) const {
        float values[kLanes] = {};
        for (int64_t i = 0; i < count; ++i) values[i] = round_to(Format::tf32, data[index + i]);
        return simd::load(values);
    }
};

/// Formats of one byte, decoded one by one.
struct SourceByte {
    const uint8_t* data;
    Format format;
    explicit SourceByte(const MatrixView& view)
        : data(static_cast<const uint8_t*>(view.data)), format(view.format) {}
    simd::Vector load(int64_t index, int64_t count) const {
        float values[kLanes] = {};
        for (int64_t i = 0; i < count; ++i) values[i] = decode(format, data[index + i]);
        return simd::load(values);
    }
};

/// Panel of A stored as [m, k]: out[r * kRowPitch + p] = a[row + r, step + p] for r < rows, p < depth. Writes
/// up to kLanes - 1 zeros behind each row.
template <typename Source>
void pack_a_row_major(const MatrixView& view, int64_t row, int64_t rows, int64_t step, int64_t depth,
                      float* out) {
    const Source source(view);
    for (int64_t r = 0; r < rows; ++r) {
        const int64_t base = (row + r) * view.row_stride + step;
        for (int64_t p = 0; p < depth; p += kLanes) {
            simd::store(out + r * kRowPitch + p, source.load(base + p, std::min<int64_t>(kLanes, depth - p)));
        }
    }
}

/// Panel of A stored as [k, m]: out[p * kStepPitch + r] = a[step + p, row + r] for r < rows, p < depth.
template <typename Source>
void pack_a_step_major(const MatrixView& view, int64_t row, int64_t rows, int64_t step, int64_t depth,
                       float* out) {
    const Source source(view);
    for (int64_t p = 0; p < depth; ++p) {
        const int64_t base = (step + p) * view.row_stride + row;
        simd::store(out + p * kStepPitch, source.load(base, std::min<int64_t>(kLanes, rows)));
        if constexpr (kTileRows > kLanes) {
            if (rows > kLanes)
                simd::store(out + p * kStepPitch + kLanes, source.load(base + kLanes, rows - kLanes));
        }
    }
}

/// Panel of B stored as [k, n]: out[p * width + j] = b[step + p, col + j] for j < cols, p < depth, and zero
/// for cols <= j < width. `width` is a multiple of kLanes.
template <typename Source>
void pack_b_step_major(const MatrixView& view, int64_t col, int64_t cols, int64_t width, int64_t step,
                       int64_t depth, float* out) {
    const Source source(view);
    for (int64_t p = 0; p < depth; ++p) {
        const int64_t base = (step + p) * view.row_stride + col;
        for (int64_t j = 0; j < width; j += kLanes) {
            const int64_t count = std::min<int64_t>(kLanes, cols - j);
            simd::store(out + p * width + j, source.load(base + j, count));
        }
    }
}

/// The same panel of B stored as [n, k].
template <typename Source>
void pack_b_transposed(const MatrixView& view, int64_t col, int64_t cols, int64_t width, int64_t step,
                       int64_t depth, float* out) {
    const Source source(view);
    transpose_rows(cols, depth, width, out, [&](int64_t j, int64_t p, int64_t count) {
        return source.load((col + j) * view.row_stride + step + p, count);
    });
}

}  // namespace halfscope::gemm
