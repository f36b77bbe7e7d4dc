#include "backend/cpu_executor.h"

#include <algorithm>

namespace halfscope {
namespace {

MatrixView matrix(const TensorView& view) {
    return {view.data, view.format, view.rows, view.cols, view.row_stride};
}

}  // namespace

void CpuExecutor::count_in_place(const TensorView& out, const GemmBlock& block, CpuTallies& tallies,
                                 int output) {
    TensorTally& tally = tallies.of(output, out.format, out.subnormals);
    const auto* place = reinterpret_cast<const float*>(element_address(out, block.row, block.col));
    // Whole rows without a gap are one span.
    const bool is_one = out.row_stride == block.cols;
    const std::int64_t spans = is_one ? 1 : block.rows, length = is_one ? block.rows : 1;
    for (std::int64_t span = 0; span < spans; ++span)
        tally.add(place + span * out.row_stride, nullptr, static_cast<std::size_t>(length * block.cols));
}

void CpuExecutor::store_block(const TensorView& out, const GemmBlock& block, const float* bias,
                              CpuTallies* tallies, int output) {
    if (bias) bias += block.col;
    const auto write = [&] {
        narrow_rows(out.format, block.sums, block.pitch, bias, element_address(out, block.row, block.col),
                    out.row_stride, block.rows, block.cols, out.subnormals);
    };
    if (!tallies) return write();
    if (out.format == Format::fp32) {
        write();
        return count_in_place(out, block, *tallies, output);
    }
    TensorTally& tally = tallies->of(output, out.format, out.subnormals);
    alignas(64) float buffer[kSegment], stored[kSegment];
    const std::int64_t width = std::min(kSegment, block.cols);
    for (std::int64_t row = 0, rows = 0; row < block.rows; row += rows) {
        const std::int64_t fitting = static_cast<std::int64_t>(tally.room()) / width;
        rows = std::min(fitting > 0 ? fitting : kSegment / width, block.rows - row);
        for (std::int64_t col = 0; col < block.cols; col += width) {
            const std::int64_t cols = std::min(width, block.cols - col);
            const auto count = static_cast<std::size_t>(rows * cols);
            // Without a copy, where the tally has room for them.
            const bool in_place = !tally.reads_stored() && count <= tally.room();
            float* values = in_place ? tally.place() : buffer;
            narrow_rows(out.format, block.sums + row * block.pitch + col, block.pitch,
                        bias ? bias + col : nullptr, element_address(out, block.row + row, block.col + col),
                        out.row_stride, rows, cols, out.subnormals, values);
            for (std::int64_t r = 0; tally.reads_stored() && r < rows; ++r)
                widen(out.format, element_address(out, block.row + row + r, block.col + col),
                      stored + r * cols, cols);
            if (in_place) {
                tally.add_placed(count);
            } else {
                tally.add(values, tally.reads_stored() ? stored : nullptr, count);
            }
        }
    }
}

/// A matrix in FP32, rounded to the operand format, rows `pitch` apart with zeros behind them: as it lies,
/// where it lies so.
const float* CpuExecutor::widened(const TensorView& view, std::int64_t pitch, Format operands) {
    const bool as_it_is =
        view.format == Format::fp32 && operands == Format::fp32 && view.contiguous() && pitch == view.cols;
    if (as_it_is) return static_cast<const float*>(view.data);
    float* values = scratch(view.rows * pitch);
    pool_.parallel_for(view.rows, grain(pitch, 1), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            float* row = values + r * pitch;
            widen(view.format, element_address(view, r, 0), row, view.cols);
            std::fill(row + view.cols, row + pitch, 0.0f);
            if (operands != Format::fp32) round_in_place(operands, row, view.cols, Subnormals::keep);
        }
    });
    return values;
}

/// A product on its way: its arguments, and the sink that stores its parts and counts them as output number
/// `output`.
class CpuExecutor::StoredProduct {
  public:
    StoredProduct(CpuExecutor& executor, const MatrixProduct& product, int output)
        : out_(product.out), counted_(executor.begin_counts(product.out)), output_(output) {
        const auto& [out, a, b, options] = product;
        arguments.a = matrix(a.view);
        arguments.b = matrix(b.view);
        arguments.transpose_a = a.transpose;
        arguments.transpose_b = b.transpose;
        arguments.m = out.rows;
        arguments.n = out.cols;
        arguments.k = a.transpose == Transpose::no ? a.view.cols : a.view.rows;
        arguments.accumulate = options.accumulate;
        arguments.operand_format = options.operands;
        const float* bias = options.bias ? executor.dense(options.bias, out.cols, 1) : nullptr;
        if (out.format == Format::fp32 && out.cols % gemm_column_multiple() == 0) {
            arguments.c = static_cast<float*>(out.data);
            arguments.c_pitch = out.row_stride;
            arguments.bias = bias;
        } else {
            bias_ = bias;
        }
    }

    void operator()(const GemmBlock& block) const {
        if (!arguments.c) {
            store_block(out_, block, bias_, counted_, output_);
        } else if (counted_) {
            count_in_place(out_, block, *counted_, output_);
        }
    }

    GemmArguments arguments;

  private:
    TensorView out_;
    CpuTallies* counted_;
    int output_;
    const float* bias_ = nullptr;  ///< for the sink to add
};

void CpuExecutor::gemm(const TensorView& out, const Operand& a, const Operand& b,
                       const GemmOptions& options) {
    const StoredProduct product(*this, {out, a, b, options}, 0);
    cpu_gemm(pool_, product.arguments, product);
    finish_counts(out, 0);
    release_scratch();
}

void CpuExecutor::gemm_pair(const MatrixProduct& first, const MatrixProduct& second) {
    const StoredProduct one(*this, first, 0), other(*this, second, 1);
    cpu_gemm_pair(pool_, one.arguments, one, other.arguments, other);
    finish_counts(first.out, 0);
    finish_counts(second.out, 1);
    release_scratch();
}

void CpuExecutor::gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens) {
    begin_counts(out);
    pool_.parallel_for(out.rows, grain(out.cols, 1), [&](std::int64_t begin, std::int64_t end) {
        alignas(64) float buffer[kSegment];
        for (std::int64_t row = begin; row < end; ++row) {
            for (std::int64_t col = 0; col < out.cols; col += kSegment) {
                const std::int64_t width = std::min(kSegment, out.cols - col);
                const float* values = load(table, Segment{0, tokens[row], col, width, out.cols}, buffer);
                store(out, Segment{0, row, col, width, out.cols}, values, tallies_, 0);
            }
        }
    });
    finish_counts(out, 0);
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

    begin_counts(out);
    pool_.parallel_for(out.rows,
                       grain(out.cols * (1 + gradient.rows / std::max<std::int64_t>(out.rows, 1)), 1),
                       [&](std::int64_t begin, std::int64_t end) {
                           alignas(64) float buffer[kSegment];
                           alignas(64) float sums[kSegment];
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
                                   store(out, Segment{0, v, col, width, out.cols}, sums, tallies_, 0);
                               }
                           }
                       });
    finish_counts(out, 0);
}

}  // namespace halfscope
