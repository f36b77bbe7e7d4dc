#include "backend/cpu_executor.h"

#include <algorithm>

namespace halfscope {
namespace {

MatrixView matrix(const TensorView& view) {
    return {view.data, view.format, view.rows, view.cols, view.row_stride};
}

}  // namespace

const float* CpuExecutor::dense(const TensorView& view, std::int64_t count, std::int64_t stride) {
    if (view.format == Format::fp32 && stride == 1) return static_cast<const float*>(view.data);
    if (prepared_used_ == prepared_.size()) prepared_.emplace_back();
    std::vector<float>& values = prepared_[prepared_used_++];
    values.resize(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)));
    const int bytes = format_info(view.format).bytes;
    if (stride == 1) {
        widen(view.format, view.data, values.data(), count);
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            widen(view.format, static_cast<const char*>(view.data) + i * stride * bytes,
                  &values[static_cast<std::size_t>(i)], 1);
    }
    return values.data();
}

float* CpuExecutor::scratch(std::int64_t count) {
    if (scratch_used_ == scratch_.size()) scratch_.emplace_back();
    std::vector<float>& values = scratch_[scratch_used_++];
    const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
    if (values.size() < needed) values.resize(needed);
    return values.data();
}

void CpuExecutor::store_all(const TensorView& out, const float* values) {
    TensorView in;
    in.data = const_cast<float*>(values);
    in.rows = out.rows;
    in.cols = out.cols;
    in.row_stride = out.cols;
    copy(out, in);
}

void CpuExecutor::gemm(const TensorView& out, const Operand& a, const Operand& b,
                       const GemmOptions& options) {
    GemmArguments arguments;
    arguments.a = matrix(a.view);
    arguments.b = matrix(b.view);
    arguments.transpose_a = a.transpose;
    arguments.transpose_b = b.transpose;
    arguments.m = out.rows;
    arguments.n = out.cols;
    arguments.k = a.transpose == Transpose::no ? a.view.cols : a.view.rows;
    arguments.accumulate = options.accumulate;
    arguments.operand_format = options.operands;
    const float* bias = options.bias ? dense(options.bias, out.cols, 1) : nullptr;

    // Counting wants long runs: a probed product is kept in FP32 first and then stored like any other result.
    TensorView target = out;
    const bool counted = out.counts != nullptr;
    if (counted) {
        target.data = scratch(out.elements());
        target.format = Format::fp32;
        target.row_stride = out.cols;
        target.counts = nullptr;
    }
    cpu_gemm(pool_, arguments,
             [&](std::int64_t row, std::int64_t col, const float* values, std::int64_t count) {
                 alignas(64) float sums[kGemmSegment];
                 if (bias) {
                     for (std::int64_t j = 0; j < count; ++j) sums[j] = values[j] + bias[col + j];
                     values = sums;
                 }
                 narrow(target.format, values, element_address(target, row, col), count, target.subnormals);
             });
    if (counted) store_all(out, static_cast<const float*>(target.data));
    release_scratch();
}

void CpuExecutor::gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens) {
    pool_.parallel_for(out.rows, grain(out.cols, 1), [&](std::int64_t begin, std::int64_t end) {
        alignas(64) float buffer[kSegment];
        CountsBuffer counts;
        for (std::int64_t row = begin; row < end; ++row) {
            for (std::int64_t col = 0; col < out.cols; col += kSegment) {
                const std::int64_t width = std::min(kSegment, out.cols - col);
                const float* values = load(table, Segment{0, tokens[row], col, width, out.cols}, buffer);
                store(out, Segment{0, row, col, width, out.cols}, values, counts, 0);
            }
        }
        merge(out, counts, 0);
    });
}

void CpuExecutor::scatter_add_rows(const TensorView& out, const std::int32_t* tokens,
                                   const TensorView& gradient) {
    // Positions sorted by token, ascending within a token: a counting sort, so that each row is one chain of
    // sums.
    std::vector<std::int64_t> begin_of(static_cast<std::size_t>(out.rows) + 1, 0);
    for (std::int64_t i = 0; i < gradient.rows; ++i) ++begin_of[static_cast<std::size_t>(tokens[i]) + 1];
    for (std::size_t v = 1; v < begin_of.size(); ++v) begin_of[v] += begin_of[v - 1];
    std::vector<std::int64_t> positions(static_cast<std::size_t>(gradient.rows));
    std::vector<std::int64_t> next(begin_of.begin(), begin_of.end() - 1);
    for (std::int64_t i = 0; i < gradient.rows; ++i)
        positions[static_cast<std::size_t>(next[static_cast<std::size_t>(tokens[i])]++)] = i;

    pool_.parallel_for(out.rows,
                       grain(out.cols * (1 + gradient.rows / std::max<std::int64_t>(out.rows, 1)), 1),
                       [&](std::int64_t begin, std::int64_t end) {
                           alignas(64) float buffer[kSegment];
                           alignas(64) float sums[kSegment];
                           CountsBuffer counts;
                           for (std::int64_t v = begin; v < end; ++v) {
                               for (std::int64_t col = 0; col < out.cols; col += kSegment) {
                                   const std::int64_t width = std::min(kSegment, out.cols - col);
                                   std::fill_n(sums, width, 0.0f);
                                   for (std::int64_t p = begin_of[static_cast<std::size_t>(v)];
                                        p < begin_of[static_cast<std::size_t>(v) + 1]; ++p) {
                                       const Segment from{0, positions[static_cast<std::size_t>(p)], col,
                                                          width, gradient.cols};
                                       const float* values = load(gradient, from, buffer);
                                       for (std::int64_t j = 0; j < width; ++j) sums[j] += values[j];
                                   }
                                   store(out, Segment{0, v, col, width, out.cols}, sums, counts, 0);
                               }
                           }
                           merge(out, counts, 0);
                       });
}

}  // namespace halfscope
