#include "backend/cpu_weight_gradient.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "backend/cpu_simd.h"
#include "backend/cpu_tile.h"

namespace halfscope {
namespace {

constexpr std::int64_t kLanes = simd::kLanes;
constexpr int kTileVectors = 2;
constexpr std::int64_t kTileCols = kTileVectors * kLanes;
/// Heights of a tile one vector wide: as many sums as a tile two vectors wide has, but not more than a usual
/// number of channels asks for.
constexpr int kNarrowTileRows = std::min(16, 2 * simd::kTileRows);
/// Positions worked in one go: so much of dy and x stays in the first-level cache while every tap reads it.
constexpr std::int64_t kPositions = 256;
/// Rows of C that a task has at least.
constexpr std::int64_t kTaskRows = 8;
/// Multiply-adds below which waking another thread costs more than it saves.
constexpr std::int64_t kInlineWork = 96 * 1024;

/// Lines of positions, and where they begin in x and in dy.
struct Lines {
    const float* x;
    const float* dy;
    std::int64_t x_line, dy_line;  ///< from line to line, in elements
    std::int64_t lines, steps;     ///< positions of a line
};

/// sums[r][j] (+)= x[r] * dy[j] over the positions, for one tile of C.
using Kernel = void (*)(const Lines& lines, std::int64_t x_step, std::int64_t dy_pitch, float* c,
                        std::int64_t c_pitch);

template <int Rows, int Vectors>
void multiply_tile(const Lines& lines, std::int64_t x_step, std::int64_t dy_pitch, float* c,
                   std::int64_t c_pitch) {
    simd::Vector sums[Rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[r][v] = simd::load(c + r * c_pitch + v * kLanes);
    }
    for (std::int64_t line = 0; line < lines.lines; ++line) {
        const float* x = lines.x + line * lines.x_line;
        const float* dy = lines.dy + line * lines.dy_line;
        for (std::int64_t step = 0; step < lines.steps; ++step, x += x_step, dy += dy_pitch) {
            simd::Vector columns[Vectors];
            for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(dy + v * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                const simd::Vector element = simd::broadcast(x[r]);
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v)
                    sums[r][v] = simd::fused_multiply_add(element, columns[v], sums[r][v]);
            }
        }
    }
    tile::store_sums(sums, c, c_pitch);
}

template <int Vectors, int... R>
constexpr auto make_kernels(std::integer_sequence<int, R...>) {
    return std::array<Kernel, sizeof...(R)>{&multiply_tile<R + 1, Vectors>...};
}
constexpr auto kNarrowKernels = make_kernels<1>(std::make_integer_sequence<int, kNarrowTileRows>{});
constexpr auto kWideKernels = make_kernels<2>(std::make_integer_sequence<int, simd::kTileRows>{});

std::span<const Kernel> kernels_for(std::int64_t vectors) {
    if (vectors == 1) return kNarrowKernels;
    return kWideKernels;
}

/// Positions [begin, end) along one axis at which a tap lies inside the picture.
struct Inside {
    std::int64_t begin, end;

    Inside(std::int64_t tap, std::int64_t padding, std::int64_t stride, std::int64_t extent,
           std::int64_t positions)
        : begin(tap >= padding ? 0 : (padding - tap + stride - 1) / stride),
          end(extent + padding <= tap ? 0 : std::min(positions, (extent - 1 + padding - tap) / stride + 1)) {}
};

class Product {
  public:
    explicit Product(const WeightGradientProduct& product)
        : product_(product),
          window_(product.window),
          lines_at_once_(std::clamp<std::int64_t>(kPositions / std::max<std::int64_t>(window_.out_width, 1),
                                                  1, std::max<std::int64_t>(window_.out_height, 1))) {}

    std::int64_t rows() const { return window_.taps() * product_.channels; }

    /// Rows [first, first + rows) of C, then the sink.
    void compute(std::int64_t first, std::int64_t rows, GemmSink sink) const {
        thread_local std::vector<float> sums;
        const std::int64_t pitch = product_.dy_pitch;
        sums.assign(static_cast<std::size_t>(rows * pitch), 0.0f);
        for (std::int64_t image = 0; image < window_.images; ++image) {
            for (std::int64_t line = 0; line < window_.out_height; line += lines_at_once_) {
                const std::int64_t end = std::min(window_.out_height, line + lines_at_once_);
                add_lines(image, line, end, first, rows, sums.data());
            }
        }
        sink(GemmBlock{first, rows, 0, product_.outputs, sums.data(), pitch});
    }

  private:
    /// What lines [line, end) of an image add to those rows; no tile crosses from one tap to the next.
    void add_lines(std::int64_t image, std::int64_t line, std::int64_t end, std::int64_t first,
                   std::int64_t rows, float* sums) const {
        const std::int64_t channels = product_.channels, pitch = product_.dy_pitch;
        for (std::int64_t row = first; row < first + rows;) {
            const std::int64_t tap = row / channels;
            const std::int64_t last = std::min(first + rows, (tap + 1) * channels);
            const Lines lines = lines_of(image, line, end, tap);
            for (std::int64_t col = 0; col < pitch && lines.lines > 0; col += kTileCols) {
                const auto kernels =
                    kernels_for(std::min<std::int64_t>(kTileVectors, (pitch - col) / kLanes));
                const auto most = static_cast<std::int64_t>(kernels.size());
                tile::for_tiles(row, last - row, most, [&](std::int64_t from, std::int64_t height) {
                    Lines part = lines;
                    part.x += from - tap * channels;
                    part.dy += col;
                    kernels[static_cast<std::size_t>(height - 1)](part, window_.stride * channels, pitch,
                                                                  sums + (from - first) * pitch + col, pitch);
                });
            }
            row = last;
        }
    }

    /// The positions of lines [line, end) at which `tap` lies inside the picture.
    Lines lines_of(std::int64_t image, std::int64_t line, std::int64_t end, std::int64_t tap) const {
        const SlidingWindow& w = window_;
        const std::int64_t tap_row = tap / w.kernel_width, tap_column = tap % w.kernel_width;
        const Inside down(tap_row, w.padding, w.stride, w.height, w.out_height);
        const Inside across(tap_column, w.padding, w.stride, w.width, w.out_width);
        const std::int64_t from = std::max(line, down.begin), to = std::min(end, down.end);
        if (from >= to || across.begin >= across.end) return {nullptr, nullptr, 0, 0, 0, 0};
        const std::int64_t y = from * w.stride - w.padding + tap_row;
        const std::int64_t x = across.begin * w.stride - w.padding + tap_column;
        const std::int64_t pixel = (image * w.height + y) * w.width + x;
        const std::int64_t position = (image * w.out_height + from) * w.out_width + across.begin;
        return {product_.x + pixel * product_.channels,
                product_.dy + position * product_.dy_pitch,
                w.stride * w.width * product_.channels,
                w.out_width * product_.dy_pitch,
                to - from,
                across.end - across.begin};
    }

    const WeightGradientProduct& product_;
    const SlidingWindow& window_;
    std::int64_t lines_at_once_;
};

}  // namespace

void cpu_weight_gradient(ThreadPool& pool, const WeightGradientProduct& arguments, GemmSink sink) {
    const Product product(arguments);
    const std::int64_t rows = product.rows();
    if (rows == 0 || arguments.outputs == 0) return;
    const std::int64_t work = rows * arguments.dy_pitch * arguments.window.positions();
    const std::int64_t threads = work < kInlineWork ? 1 : pool.threads();
    // Every task reads all positions, so there are no more of them than threads.
    const std::int64_t task_rows = std::max((rows + threads - 1) / threads, std::min(rows, kTaskRows));
    pool.parallel_for((rows + task_rows - 1) / task_rows, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task)
            product.compute(task * task_rows, std::min(task_rows, rows - task * task_rows), sink);
    });
}

}  // namespace halfscope
