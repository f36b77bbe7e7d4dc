// Convolutions of the CPU executor (ops/executor.h): each of the three products is an indirect one over a
// copy of the pictures in FP32 with the padding written out.
#include <algorithm>

#include "backend/cpu_executor.h"
#include "backend/cpu_indirect_product.h"

namespace halfscope {
namespace {

std::int64_t padded_columns(std::int64_t columns) {
    const std::int64_t multiple = indirect_column_multiple();
    return (columns + multiple - 1) / multiple * multiple;
}

/// Offsets into a frame of `width` x `channels` a row, for the taps of a window and every channel: (C, kh,
/// kw) order. `direction` 1 walks down and right, -1 up and left.
std::vector<std::int64_t> tap_offsets(const SlidingWindow& window, std::int64_t channels,
                                      std::int64_t frame_width, std::int64_t direction) {
    std::vector<std::int64_t> offsets;
    offsets.reserve(static_cast<std::size_t>(channels * window.taps()));
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t row = 0; row < window.kernel_height; ++row) {
            for (std::int64_t column = 0; column < window.kernel_width; ++column)
                offsets.push_back(c + direction * (row * frame_width + column) * channels);
        }
    }
    return offsets;
}

/// first + image * image_step + row * row_step + column * column_step, the column fastest.
std::vector<std::int64_t> grid_offsets(std::int64_t images, std::int64_t rows, std::int64_t columns,
                                       std::int64_t first, std::int64_t image_step, std::int64_t row_step,
                                       std::int64_t column_step) {
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(images * rows * columns));
    std::int64_t* out = offsets.data();
    for (std::int64_t image = 0; image < images; ++image) {
        for (std::int64_t row = 0; row < rows; ++row, out += columns) {
            const std::int64_t line = first + image * image_step + row * row_step;
            for (std::int64_t column = 0; column < columns; ++column)
                out[column] = line + column * column_step;
        }
    }
    return offsets;
}

/// Where each window position begins in a frame with the padding written out.
std::vector<std::int64_t> position_offsets(const SlidingWindow& window, std::int64_t channels) {
    const std::int64_t frame_height = window.height + 2 * window.padding;
    const std::int64_t line = (window.width + 2 * window.padding) * channels;
    return grid_offsets(window.images, window.out_height, window.out_width, 0, frame_height * line,
                        window.stride * line, window.stride * channels);
}

}  // namespace

/// The pictures in FP32, each in a frame of zeros: pixel (y, x) lies at (margin_y + spacing * y, ...) of it.
/// A view that is such a frame already is handed back as it is.
const float* CpuExecutor::frame(const TensorView& view, std::int64_t images, std::int64_t height,
                                std::int64_t width, const Frame& frame, Format operands) {
    const bool as_it_is = view.format == Format::fp32 && operands == Format::fp32 && view.contiguous() &&
                          frame.height == height && frame.width == width && frame.spacing == 1;
    if (as_it_is) return static_cast<const float*>(view.data);
    const std::int64_t channels = view.cols, line = frame.width * channels;
    float* out = scratch(images * frame.height * line);
    pool_.parallel_for(images * frame.height, grain(line, 1), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            float* to = out + row * line;
            const std::int64_t image = row / frame.height, below = row % frame.height - frame.margin_y;
            if (below < 0 || below % frame.spacing != 0 || below / frame.spacing >= height) {
                std::fill_n(to, line, 0.0f);
                continue;
            }
            const std::int64_t first = (image * height + below / frame.spacing) * width;
            if (frame.spacing == 1 && view.contiguous()) {
                std::fill_n(to, frame.margin_x * channels, 0.0f);
                to += frame.margin_x * channels;
                widen(view.format, element_address(view, first, 0), to, width * channels);
                std::fill(to + width * channels, out + (row + 1) * line, 0.0f);
            } else {
                std::fill_n(to, line, 0.0f);
                to += frame.margin_x * channels;
                for (std::int64_t x = 0; x < width; ++x)
                    widen(view.format, element_address(view, first + x, 0), to + frame.spacing * x * channels,
                          channels);
            }
            if (operands != Format::fp32) round_in_place(operands, out + row * line, line, Subnormals::keep);
        }
    });
    return out;
}

void CpuExecutor::store_product(const TensorView& out, IndirectProduct& product) {
    CpuTallies* const counted = begin_counts(out);
    if (out.format == Format::fp32 && product.n == product.b_pitch && !counted) {
        product.c = static_cast<float*>(out.data);
        product.c_pitch = out.row_stride;
        cpu_indirect_product(pool_, product, [](const GemmBlock&) {});
    } else {
        cpu_indirect_product(pool_, product,
                             [&](const GemmBlock& block) { store_block(out, block, nullptr, counted); });
    }
    finish_counts(out, 0);
}

void CpuExecutor::convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                           const SlidingWindow& window, const GemmOptions& options) {
    const std::int64_t channels = x.cols, depth = weight.cols;
    const Frame padded{window.height + 2 * window.padding, window.width + 2 * window.padding, window.padding,
                       window.padding, 1};
    const std::vector<std::int64_t> rows = position_offsets(window, channels);
    const std::vector<std::int64_t> steps = tap_offsets(window, channels, padded.width, 1);
    IndirectProduct product;
    product.a = frame(x, window.images, window.height, window.width, padded, options.operands);
    product.row_offset = rows.data();
    product.step_offset = steps.data();
    product.b_pitch = padded_columns(out.cols);
    product.m = out.rows;
    product.n = out.cols;
    product.k = depth;
    product.accumulate = options.accumulate;
    const float* by_output = weights(weight, options.operands);
    float* by_step = scratch(depth * product.b_pitch);
    for (std::int64_t s = 0; s < depth; ++s) {
        float* row = by_step + s * product.b_pitch;
        for (std::int64_t o = 0; o < out.cols; ++o) row[o] = by_output[o * depth + s];
        std::fill(row + out.cols, row + product.b_pitch, 0.0f);
    }
    product.b = by_step;
    store_product(out, product);
    release_scratch();
}

void CpuExecutor::convolve_input_gradient(const TensorView& out, const TensorView& dy,
                                          const TensorView& weight, const SlidingWindow& window,
                                          const GemmOptions& options) {
    const std::int64_t channels = out.cols, outputs = dy.cols, taps = window.taps();
    // Positions a stride apart, with room for taps that reach beyond the first and the last.
    const Frame spread{window.height + window.kernel_height - 1, window.width + window.kernel_width - 1,
                       window.kernel_height - 1 - window.padding, window.kernel_width - 1 - window.padding,
                       window.stride};
    // The last tap of a pixel's first window.
    const std::int64_t line = spread.width * outputs;
    const std::int64_t first = (window.kernel_height - 1) * line + (window.kernel_width - 1) * outputs;
    const std::vector<std::int64_t> rows =
        grid_offsets(window.images, window.height, window.width, first, spread.height * line, line, outputs);
    const std::vector<std::int64_t> steps = tap_offsets(window, outputs, spread.width, -1);
    IndirectProduct product;
    product.a = frame(dy, window.images, window.out_height, window.out_width, spread, options.operands);
    product.row_offset = rows.data();
    product.step_offset = steps.data();
    product.b_pitch = padded_columns(channels);
    product.m = out.rows;
    product.n = channels;
    product.k = outputs * taps;
    product.accumulate = options.accumulate;
    const float* by_output = weights(weight, options.operands);
    float* by_step = scratch(product.k * product.b_pitch);
    for (std::int64_t s = 0; s < product.k; ++s) {
        const std::int64_t output = s / taps, tap = s % taps;
        float* row = by_step + s * product.b_pitch;
        for (std::int64_t c = 0; c < channels; ++c) row[c] = by_output[(output * channels + c) * taps + tap];
        std::fill(row + channels, row + product.b_pitch, 0.0f);
    }
    product.b = by_step;
    store_product(out, product);
    release_scratch();
}

void CpuExecutor::convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                           const SlidingWindow& window, const GemmOptions& options) {
    const std::int64_t channels = x.cols, outputs = dy.cols, weights_each = out.cols;
    const Frame padded{window.height + 2 * window.padding, window.width + 2 * window.padding, window.padding,
                       window.padding, 1};
    // The transposed product: a row is one weight of an output channel, a step one position.
    const std::vector<std::int64_t> rows = tap_offsets(window, channels, padded.width, 1);
    const std::vector<std::int64_t> steps = position_offsets(window, channels);
    IndirectProduct product;
    product.a = frame(x, window.images, window.height, window.width, padded, options.operands);
    product.row_offset = rows.data();
    product.step_offset = steps.data();
    product.b_pitch = padded_columns(outputs);
    product.m = weights_each;
    product.n = outputs;
    product.k = dy.rows;
    product.accumulate = options.accumulate;
    const bool as_it_is = dy.format == Format::fp32 && options.operands == Format::fp32 && dy.contiguous() &&
                          product.b_pitch == outputs;
    if (as_it_is) {
        product.b = static_cast<const float*>(dy.data);
    } else {
        float* by_step = scratch(product.k * product.b_pitch);
        pool_.parallel_for(dy.rows, grain(product.b_pitch, 1), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t s = begin; s < end; ++s) {
                float* row = by_step + s * product.b_pitch;
                widen(dy.format, element_address(dy, s, 0), row, outputs);
                std::fill(row + outputs, row + product.b_pitch, 0.0f);
                if (options.operands != Format::fp32)
                    round_in_place(options.operands, row, outputs, Subnormals::keep);
            }
        });
        product.b = by_step;
    }
    float* transposed = scratch(out.elements());
    cpu_indirect_product(pool_, product, [&](const GemmBlock& block) {
        for (std::int64_t r = 0; r < block.rows; ++r) {
            for (std::int64_t c = 0; c < block.cols; ++c)
                transposed[(block.col + c) * weights_each + block.row + r] = block.sums[r * block.pitch + c];
        }
    });
    store_all(out, transposed);
    release_scratch();
}

/// A weight in FP32, rounded to the operand format.
const float* CpuExecutor::weights(const TensorView& weight, Format operands) {
    float* values = scratch(weight.elements());
    widen(weight.format, weight.data, values, weight.elements());
    if (operands != Format::fp32) round_in_place(operands, values, weight.elements(), Subnormals::keep);
    return values;
}

}  // namespace halfscope
