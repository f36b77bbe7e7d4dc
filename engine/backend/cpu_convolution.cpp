// Convolutions of the CPU executor (ops/executor.h): products over pictures in FP32, indirect ones with the
// padding written out, but for most weight gradients, which leave it out (cpu_weight_gradient.h).
#include <algorithm>
#include <atomic>

#include "backend/cpu_executor.h"
#include "backend/cpu_indirect_product.h"
#include "backend/cpu_transpose.h"
#include "backend/cpu_weight_gradient.h"

namespace halfscope {
namespace {

std::int64_t padded_columns(std::int64_t columns) {
    const std::int64_t multiple = indirect_column_multiple();
    return (columns + multiple - 1) / multiple * multiple;
}

/// Offsets into a frame of `frame_width` x `channels` a row, for the taps of a window and every channel: (C,
/// kh, kw) order.
std::vector<std::int64_t> tap_offsets(const SlidingWindow& window, std::int64_t channels,
                                      std::int64_t frame_width) {
    std::vector<std::int64_t> offsets;
    offsets.reserve(static_cast<std::size_t>(channels * window.taps()));
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t row = 0; row < window.kernel_height; ++row) {
            for (std::int64_t column = 0; column < window.kernel_width; ++column)
                offsets.push_back(c + (row * frame_width + column) * channels);
        }
    }
    return offsets;
}

/// x with the padding of a window written out.
FramedPictures padded(const TensorView& x, const SlidingWindow& window, Format operands) {
    const std::int64_t padding = window.padding;
    return {x,
            window.images,
            window.height,
            window.width,
            window.height + 2 * padding,
            window.width + 2 * padding,
            padding,
            padding,
            1,
            operands};
}

/// Where each window position of one image begins in a padded frame.
std::vector<std::int64_t> position_offsets(const SlidingWindow& window, std::int64_t channels) {
    const std::int64_t line = (window.width + 2 * window.padding) * channels;
    std::vector<std::int64_t> offsets;
    offsets.reserve(static_cast<std::size_t>(window.out_height * window.out_width));
    for (std::int64_t y = 0; y < window.out_height; ++y) {
        for (std::int64_t x = 0; x < window.out_width; ++x)
            offsets.push_back(window.stride * (y * line + x * channels));
    }
    return offsets;
}

/// The same for all images, frame behind frame.
std::vector<std::int64_t> all_position_offsets(const SlidingWindow& window, std::int64_t channels) {
    const std::vector<std::int64_t> one = position_offsets(window, channels);
    const std::int64_t frame = (window.height + 2 * window.padding) * (window.width + 2 * window.padding);
    std::vector<std::int64_t> all(one.size() * static_cast<std::size_t>(window.images));
    std::int64_t* out = all.data();
    for (std::int64_t image = 0; image < window.images; ++image, out += one.size()) {
        const std::int64_t first = image * frame * channels;
        std::transform(one.begin(), one.end(), out, [first](std::int64_t offset) { return first + offset; });
    }
    return all;
}

/// Floats of a frame that stay in a core's second-level cache beside the sums and the weights.
constexpr std::int64_t kBandFloats = 64 * 1024;
/// Tasks for each thread where images are few: enough to even out a core that is busy elsewhere.
constexpr std::int64_t kBandsPerThread = 4;
/// Rows of a product below which a band is not cut further.
constexpr std::int64_t kBandRows = 64;
/// Channels from which on the weight gradient is worked tap by tap.
constexpr std::int64_t kChannelsOfATile = 5;

}  // namespace

/// Each image is cut into bands of lines, and a task writes the frame of one band and multiplies it while it
/// lies in the cache. C may be built up in place, rows c_pitch apart; fills in a and m of the product.
void CpuExecutor::multiply_by_bands(const FramedPictures& pictures, const Places& places,
                                    const IndirectProduct& product, GemmSink sink) {
    if (pictures.images * places.lines * places.width == 0) return;
    const std::int64_t floats = pictures.frame_height * pictures.line();
    const std::int64_t wanted = (kBandsPerThread * pool_.threads() + pictures.images - 1) / pictures.images;
    const std::int64_t most = std::max<std::int64_t>(1, places.lines * places.width / kBandRows);
    const std::int64_t bands = std::clamp<std::int64_t>(
        std::max(std::min(wanted, most), (floats + kBandFloats - 1) / kBandFloats), 1, places.lines);
    const float* const stored = pictures.as_it_is();
    pool_.parallel_for(pictures.images * bands, 1, [&](std::int64_t begin, std::int64_t end) {
        thread_local std::vector<float> frame;
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t image = task / bands, band = task % bands;
            const std::int64_t line = places.lines * band / bands;
            const std::int64_t height = places.lines * (band + 1) / bands - line;
            const std::int64_t frame_line = line * places.line_step;
            const std::int64_t frame_lines = (height - 1) * places.line_step + places.reach;
            IndirectProduct part = product;
            if (stored) {
                part.a = stored + (image * pictures.frame_height + frame_line) * pictures.line();
            } else {
                const auto needed = static_cast<std::size_t>(frame_lines * pictures.line());
                if (frame.size() < needed) frame.resize(needed);
                pictures.write_lines(image, frame_line, frame_lines, frame.data());
                part.a = frame.data();
            }
            const std::int64_t first_row = (image * places.lines + line) * places.width;
            part.m = height * places.width;
            if (part.c) part.c += first_row * part.c_pitch;
            cpu_indirect_product(pool_, part, [&](GemmBlock block) {
                block.row += first_row;
                sink(block);
            });
        }
    });
}

/// The same, into `out`, whose rows are the places.
void CpuExecutor::store_by_bands(const TensorView& out, CpuTallies* counted, const FramedPictures& pictures,
                                 const Places& places, IndirectProduct product) {
    if (out.format == Format::fp32 && product.n == product.b_pitch) {
        product.c = static_cast<float*>(out.data);
        product.c_pitch = out.row_stride;
        multiply_by_bands(pictures, places, product, [&](const GemmBlock& block) {
            if (counted) count_in_place(out, block, *counted);
        });
    } else {
        multiply_by_bands(pictures, places, product,
                          [&](const GemmBlock& block) { store_block(out, block, nullptr, counted); });
    }
}

void CpuExecutor::convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                           const SlidingWindow& window, const GemmOptions& options) {
    const std::int64_t channels = x.cols, depth = weight.cols;
    const FramedPictures pictures = padded(x, window, options.operands);
    const std::vector<std::int64_t> rows = position_offsets(window, channels);
    const std::vector<std::int64_t> steps = tap_offsets(window, channels, pictures.frame_width);
    IndirectProduct product;
    product.row_offset = rows.data();
    product.row_run = window.out_width;
    product.row_distance = window.stride * channels;
    product.step_run = window.stride == 1 ? window.kernel_width : 1;
    product.step_offset = steps.data();
    product.b_pitch = padded_columns(out.cols);
    product.n = out.cols;
    product.k = depth;
    product.accumulate = options.accumulate;
    const float* by_output = weights(weight, options.operands);
    float* by_step = scratch(depth * product.b_pitch);
    transpose_rows(by_output, out.cols, depth, product.b_pitch, by_step);
    product.b = by_step;
    store_by_bands(out, begin_counts(out), pictures,
                   {window.out_height, window.out_width, window.stride, window.kernel_height}, product);
    finish_counts(out, 0);
    release_scratch();
}

void CpuExecutor::convolve_input_gradient(const TensorView& out, const TensorView& dy,
                                          const TensorView& weight, const SlidingWindow& window,
                                          const GemmOptions& options) {
    const float* by_output = weights(weight, options.operands);
    // Zeros between positions may be left out where they change nothing: not times infinity, and not where a
    // sum is rounded after each sixteenth product, zeros included.
    const bool leaves_out =
        options.accumulate == Accumulate::fp32 && all_finite(by_output, weight.elements());
    const std::int64_t step = leaves_out ? window.stride : 1;
    CpuTallies* const counted = begin_counts(out);
    for (std::int64_t row = 0; row < step; ++row) {
        for (std::int64_t column = 0; column < step; ++column) {
            const GradientPhase phase(dy, window, options.operands, step, row, column);
            IndirectProduct product;
            product.row_offset = phase.row_offsets.data();
            product.row_run = phase.width;
            product.row_distance = dy.cols;
            product.step_run = phase.taps_across;
            product.step_back = true;
            product.step_offset = phase.step_offsets.data();
            product.b_pitch = padded_columns(out.cols);
            product.n = out.cols;
            product.k = static_cast<std::int64_t>(phase.step_offsets.size());
            product.accumulate = options.accumulate;
            float* by_step = scratch(product.k * product.b_pitch);
            phase.lay_out(by_output, out.cols, product.b_pitch, by_step);
            product.b = by_step;
            const Places places{phase.lines, phase.width, 1, phase.reach};
            if (window.stride == 1) {
                store_by_bands(out, counted, phase.pictures, places, product);
            } else {
                multiply_by_bands(phase.pictures, places, product,
                                  [&](const GemmBlock& block) { store_phase(out, phase, block, counted); });
            }
        }
    }
    finish_counts(out, 0);
    release_scratch();
}

/// Stores a part of a phase's product, line by line, every zero as +0.
void CpuExecutor::store_phase(const TensorView& out, const GradientPhase& phase, const GemmBlock& block,
                              CpuTallies* tallies) {
    thread_local std::vector<float> values;
    const auto needed = static_cast<std::size_t>(phase.width * block.cols);
    if (values.size() < needed) values.resize(needed);
    for (std::int64_t done = 0; done < block.rows;) {
        const std::int64_t place = block.row + done;
        const std::int64_t count = std::min(block.rows - done, phase.width - place % phase.width);
        for (std::int64_t r = 0; r < count; ++r) {
            const float* sums = block.sums + (done + r) * block.pitch;
            for (std::int64_t c = 0; c < block.cols; ++c)
                values[static_cast<std::size_t>(r * block.cols + c)] = sums[c] + 0.0f;
        }
        TensorView line = out;
        line.data = element_address(out, phase.pixel_of(place), block.col);
        line.row_stride = phase.step * out.row_stride;
        store_block(line, GemmBlock{0, count, 0, block.cols, values.data(), block.cols}, nullptr, tallies);
        done += count;
    }
}

void CpuExecutor::convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                           const SlidingWindow& window, const GemmOptions& options) {
    const std::int64_t channels = x.cols, outputs = dy.cols, weights_each = out.cols;
    const std::int64_t pitch = padded_columns(outputs);
    const float* by_position = widened(dy, pitch, options.operands);
    float* transposed = scratch(out.elements());
    // The transposed product: a row is one weight of an output channel. Channels lie side by side, and so
    // rows are in the order of (kh, kw, C).
    const auto sink = [&](const GemmBlock& block) {
        for (std::int64_t r = 0; r < block.rows; ++r) {
            const std::int64_t row = block.row + r;
            const std::int64_t weight = row % channels * window.taps() + row / channels;
            float* const column = transposed + block.col * weights_each + weight;
            // + 0: with padding a sum of zero is +0. Without, its sign stays.
            for (std::int64_t c = 0; c < block.cols; ++c) {
                const float sum = block.sums[r * block.pitch + c];
                column[c * weights_each] = window.padding > 0 ? sum + 0.0f : sum;
            }
        }
    };
    // Padding may be left out where it changes nothing: not times infinity, and not where a sum is rounded
    // after each sixteenth product, zeros included. And it pays where a tap has channels enough to fill a
    // tile.
    const bool leaves_out = options.accumulate == Accumulate::fp32 && channels >= kChannelsOfATile &&
                            (window.padding == 0 || all_finite(by_position, dy.rows * pitch));
    if (leaves_out) {
        const float* pixels = widened(x, channels, options.operands);
        cpu_weight_gradient(pool_, {window, pixels, channels, by_position, pitch, outputs}, sink);
    } else {
        multiply_with_padding(by_position, pitch, outputs, x, window, options, sink);
    }
    store_all(out, transposed);
    release_scratch();
}

/// The weight gradient's product with the padding written out.
void CpuExecutor::multiply_with_padding(const float* by_position, std::int64_t pitch, std::int64_t outputs,
                                        const TensorView& x, const SlidingWindow& window,
                                        const GemmOptions& options, GemmSink sink) {
    const std::int64_t channels = x.cols;
    const FramedPictures pictures = padded(x, window, options.operands);
    std::vector<std::int64_t> rows;
    rows.reserve(static_cast<std::size_t>(window.taps() * channels));
    for (std::int64_t row = 0; row < window.kernel_height; ++row) {
        for (std::int64_t column = 0; column < window.kernel_width; ++column) {
            for (std::int64_t c = 0; c < channels; ++c)
                rows.push_back((row * pictures.frame_width + column) * channels + c);
        }
    }
    const std::vector<std::int64_t> steps = all_position_offsets(window, channels);
    IndirectProduct product;
    product.a = frames(pictures);
    product.row_offset = rows.data();
    product.row_run = channels;
    product.row_distance = 1;
    product.step_offset = steps.data();
    product.b = by_position;
    product.b_pitch = pitch;
    product.m = window.taps() * channels;
    product.n = outputs;
    product.k = window.positions();
    product.accumulate = options.accumulate;
    cpu_indirect_product(pool_, product, sink);
}

bool CpuExecutor::all_finite(const float* values, std::int64_t count) {
    std::atomic<bool> finite{true};
    pool_.parallel_for(count, grain(1, 1), [&](std::int64_t begin, std::int64_t end) {
        std::uint32_t largest = 0;
        for (std::int64_t i = begin; i < end; ++i)
            largest = std::max(largest, bits_of(values[i]) & 0x7fffffffu);
        if (largest >= 0x7f800000u) finite.store(false, std::memory_order_relaxed);
    });
    return finite.load(std::memory_order_relaxed);
}

/// All frames, one behind the other.
const float* CpuExecutor::frames(const FramedPictures& pictures) {
    if (const float* stored = pictures.as_it_is()) return stored;
    const std::int64_t lines = pictures.frame_height, line = pictures.line();
    float* out = scratch(pictures.images * lines * line);
    pool_.parallel_for(pictures.images * lines, grain(line, 1), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            pictures.write_lines(row / lines, row % lines, 1, out + row * line);
    });
    return out;
}

/// A weight in FP32, rounded to the operand format.
const float* CpuExecutor::weights(const TensorView& weight, Format operands) {
    float* values = scratch(weight.elements());
    widen(weight.format, weight.data, values, weight.elements());
    if (operands != Format::fp32) round_in_place(operands, values, weight.elements(), Subnormals::keep);
    return values;
}

}  // namespace halfscope
