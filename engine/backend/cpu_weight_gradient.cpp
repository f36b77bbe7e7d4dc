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
/// Channels of a tile of one tap, one vector wide: as many sums as a tile two vectors wide has, but not more
/// than a usual number of channels asks for.
constexpr int kNarrowTileRows = std::min(16, 2 * simd::kTileRows);
/// Channels of a tile of several taps (cpu_tile.h): as many sums as registers leave beside the vectors of dy.
constexpr int kTaps = tile::kSharingTaps;
constexpr int kSharingChannels = (tile::kSharingRegisters - kTileVectors * kTaps) / (kTileVectors * kTaps);
constexpr int kNarrowSharingChannels = (tile::kSharingRegisters - kTaps) / kTaps;
/// Positions worked in one go: so much of dy and x stays in the first-level cache while every tap reads it,
/// and the next go's come to the second-level cache meanwhile: they lie in a far one or in another core's.
constexpr std::int64_t kPositions = 256;
constexpr int kSecondLevel = 2;  // of __builtin_prefetch
/// Multiply-adds below which waking another thread costs more than it saves.
constexpr std::int64_t kInlineWork = 96 * 1024;

/// Lines of pixels under a tile's taps, and of the positions that meet them. Tap t meets pixel i of a line at
/// position i - t, where that is one of [0, positions).
struct Lines {
    const float* x = nullptr;   ///< the first pixel that a tap meets
    const float* dy = nullptr;  ///< position 0 of the first line
    std::int64_t lines = 0;
    std::int64_t x_line = 0, dy_line = 0;    ///< from line to line, in elements
    std::int64_t x_step = 0, dy_pitch = 0;   ///< from pixel to pixel, from position to position
    std::int64_t x_ahead = 0, dy_ahead = 0;  ///< to the same place of the next go
    std::int64_t first = 0, last = 0;        ///< pixels [first, last) of a line meet a tap
    std::int64_t positions = 0;
};

/// sums[t][r][j] += x[i, r] * dy[i - t, j] over the pixels, ascending, for a tile of C: its taps lie
/// tap_pitch apart, its channels c_pitch.
using Kernel = void (*)(const Lines& lines, float* c, std::int64_t tap_pitch, std::int64_t c_pitch);

/// Adds the products of one pixel under taps [From, To).
template <int From, int To, int Taps, int Channels, int Vectors>
inline __attribute__((always_inline)) void add_pixel(const float* x, const float* dy, std::int64_t dy_pitch,
                                                     simd::Vector (&sums)[Taps][Channels][Vectors]) {
    simd::Vector columns[To - From][Vectors];
#pragma GCC unroll 4
    for (int t = From; t < To; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) columns[t - From][v] = simd::load(dy - t * dy_pitch + v * kLanes);
    }
#pragma GCC unroll 32
    for (int r = 0; r < Channels; ++r) {
        const simd::Vector element = simd::broadcast(x[r]);
#pragma GCC unroll 4
        for (int t = From; t < To; ++t) {
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v)
                sums[t][r][v] = simd::fused_multiply_add(element, columns[t - From][v], sums[t][r][v]);
        }
    }
}

template <int Taps, int Channels, int Vectors>
void multiply_tile(const Lines& lines, float* c, std::int64_t tap_pitch, std::int64_t c_pitch) {
    simd::Vector sums[Taps][Channels][Vectors];
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) tile::load_sums(sums[t], c + t * tap_pitch, c_pitch, tile::Start::resume);
    for (std::int64_t line = 0; line < lines.lines; ++line) {
        std::int64_t i = lines.first;
        const float* x = lines.x + line * lines.x_line;
        const float* dy = lines.dy + line * lines.dy_line + i * lines.dy_pitch;
        const auto next = [&] {
            ++i;
            x += lines.x_step;
            dy += lines.dy_pitch;
        };
        // At the ends of a line not every tap meets a pixel: first those of the first position alone, at last
        // those of the last one. A line may begin among either.
        static_assert(kTaps == 3);
        if constexpr (Taps == kTaps) {
            if (i == 0) add_pixel<0, 1>(x, dy, lines.dy_pitch, sums), next();
            if (i == 1 && i < lines.last) add_pixel<0, 2>(x, dy, lines.dy_pitch, sums), next();
        }
        const std::int64_t end = std::min(lines.last, lines.positions);
        for (; i < end; ++i, x += lines.x_step, dy += lines.dy_pitch) {
            __builtin_prefetch(x + lines.x_ahead, 0, kSecondLevel);
            for (int v = 0; v < Vectors; ++v)
                __builtin_prefetch(dy + lines.dy_ahead + v * kLanes, 0, kSecondLevel);
            add_pixel<0, Taps>(x, dy, lines.dy_pitch, sums);
        }
        if constexpr (Taps == kTaps) {
            if (i == lines.positions && i < lines.last) add_pixel<1, 3>(x, dy, lines.dy_pitch, sums), next();
            if (i < lines.last) add_pixel<2, 3>(x, dy, lines.dy_pitch, sums);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) tile::store_sums(sums[t], c + t * tap_pitch, c_pitch);
}

template <int Taps, int Vectors, int... R>
constexpr auto make_kernels(std::integer_sequence<int, R...>) {
    return std::array<Kernel, sizeof...(R)>{&multiply_tile<Taps, R + 1, Vectors>...};
}
template <int Taps, int Vectors, int MostChannels>
constexpr std::array<Kernel, MostChannels> kKernels =
    make_kernels<Taps, Vectors>(std::make_integer_sequence<int, MostChannels>{});

/// By number of channels - 1.
std::span<const Kernel> kernels_for(std::int64_t taps, std::int64_t vectors) {
    if constexpr (tile::kShares) {
        if (taps == kTaps && vectors == 1) return kKernels<kTaps, 1, kNarrowSharingChannels>;
        if (taps == kTaps) return kKernels<kTaps, 2, kSharingChannels>;
    }
    if (vectors == 1) return kKernels<1, 1, kNarrowTileRows>;
    return kKernels<1, 2, simd::kTileRows>;
}

/// Positions [begin, end) along one axis at which a tap lies inside the picture.
struct Inside {
    std::int64_t begin, end;

    Inside(std::int64_t tap, std::int64_t padding, std::int64_t stride, std::int64_t extent,
           std::int64_t positions)
        : begin(tap >= padding ? 0 : (padding - tap + stride - 1) / stride),
          end(extent + padding <= tap ? 0 : std::min(positions, (extent - 1 + padding - tap) / stride + 1)) {}
};

/// Rows of C that are worked together: some channels under some neighbouring taps of a line of the window.
struct Part {
    std::int64_t tap, taps, channel, channels;

    std::int64_t rows() const { return taps * channels; }
};

class Product {
  public:
    Product(const WeightGradientProduct& product, std::int64_t threads)
        : product_(product),
          window_(product.window),
          lines_at_once_(std::clamp<std::int64_t>(kPositions / std::max<std::int64_t>(window_.out_width, 1),
                                                  1, std::max<std::int64_t>(window_.out_height, 1))) {
        std::vector<Part> groups;
        const bool shares = tile::kShares && window_.stride == 1 && window_.out_width >= kTaps;
        for (std::int64_t tap = 0; tap < window_.taps();) {
            const std::int64_t left = window_.kernel_width - tap % window_.kernel_width;
            const std::int64_t taps = shares && left >= kTaps ? kTaps : 1;
            groups.push_back({tap, taps, 0, product_.channels});
            tap += taps;
        }
        const std::int64_t blocks = blocks_of_channels(groups, threads);
        for (std::int64_t b = 0; b < blocks; ++b) {
            for (const Part& group : groups) {
                const std::int64_t from = group.channels * b / blocks;
                parts_.push_back({group.tap, group.taps, from, group.channels * (b + 1) / blocks - from});
            }
        }
    }

    std::int64_t parts() const { return static_cast<std::int64_t>(parts_.size()); }

    /// Parts [first, end), then the sink.
    void compute(std::int64_t first, std::int64_t end, GemmSink sink) const {
        thread_local std::vector<float> sums;
        const std::span<const Part> parts =
            std::span(parts_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(end - first));
        const std::int64_t pitch = product_.dy_pitch;
        std::int64_t rows = 0;
        for (const Part& part : parts) rows += part.rows();
        sums.assign(static_cast<std::size_t>(rows * pitch), 0.0f);
        for (std::int64_t image = 0; image < window_.images; ++image) {
            for (std::int64_t line = 0; line < window_.out_height; line += lines_at_once_) {
                const std::int64_t last = std::min(window_.out_height, line + lines_at_once_);
                float* out = sums.data();
                for (const Part& part : parts) {
                    add_lines(image, line, last, part, out);
                    out += part.rows() * pitch;
                }
            }
        }
        const float* done = sums.data();
        for (const Part& part : parts) {
            for (std::int64_t t = 0; t < part.taps; ++t, done += part.channels * pitch) {
                const std::int64_t row = (part.tap + t) * product_.channels + part.channel;
                sink(GemmBlock{row, part.channels, 0, product_.outputs, done, pitch});
            }
        }
    }

  private:
    /// Into how many blocks to cut the channels: what keeps the busiest thread's work least where all groups
    /// have as many taps, counting the vectors of dy as a channel.
    std::int64_t blocks_of_channels(std::span<const Part> groups, std::int64_t threads) const {
        const std::int64_t channels = product_.channels;
        const std::int64_t vectors = std::min<std::int64_t>(kTileVectors, product_.dy_pitch / kLanes);
        const auto most = static_cast<std::int64_t>(kernels_for(groups.front().taps, vectors).size());
        const std::int64_t fewest = (channels + most - 1) / most;
        const auto busiest = [&](std::int64_t blocks) {
            const std::int64_t rounds =
                (static_cast<std::int64_t>(groups.size()) * blocks + threads - 1) / threads;
            return rounds * ((channels + blocks - 1) / blocks + 1);
        };
        std::int64_t best = fewest;
        for (std::int64_t blocks = fewest; blocks <= std::min(channels, fewest + threads); ++blocks) {
            if (busiest(blocks) < busiest(best)) best = blocks;
        }
        return best;
    }

    /// What lines [line, end) of an image add to a part's sums.
    void add_lines(std::int64_t image, std::int64_t line, std::int64_t end, const Part& part,
                   float* sums) const {
        const std::int64_t pitch = product_.dy_pitch;
        const Lines lines = lines_of(image, line, end, part);
        if (lines.lines <= 0) return;
        for (std::int64_t col = 0; col < pitch; col += kTileCols) {
            const std::int64_t vectors = std::min<std::int64_t>(kTileVectors, (pitch - col) / kLanes);
            const std::span<const Kernel> kernels = kernels_for(part.taps, vectors);
            const auto most = static_cast<std::int64_t>(kernels.size());
            tile::for_tiles(0, part.channels, most, [&](std::int64_t from, std::int64_t channels) {
                Lines of_tile = lines;
                of_tile.x += from;
                of_tile.dy += col;
                kernels[static_cast<std::size_t>(channels - 1)](of_tile, sums + from * pitch + col,
                                                                part.channels * pitch, pitch);
            });
        }
    }

    /// The pixels that the part's taps meet at positions of lines [line, end).
    Lines lines_of(std::int64_t image, std::int64_t line, std::int64_t end, const Part& part) const {
        const SlidingWindow& w = window_;
        const std::int64_t tap_row = part.tap / w.kernel_width, tap_column = part.tap % w.kernel_width;
        const Inside down(tap_row, w.padding, w.stride, w.height, w.out_height);
        const Inside across(tap_column, w.padding, w.stride, w.width, w.out_width + part.taps - 1);
        const std::int64_t from = std::max(line, down.begin), to = std::min(end, down.end);
        if (from >= to || across.begin >= across.end) return {};
        const std::int64_t y = from * w.stride - w.padding + tap_row;
        const std::int64_t x = across.begin * w.stride - w.padding + tap_column;
        Lines lines;
        lines.x = product_.x + ((image * w.height + y) * w.width + x) * product_.channels + part.channel;
        lines.dy = product_.dy + (image * w.out_height + from) * w.out_width * product_.dy_pitch;
        lines.x_line = w.stride * w.width * product_.channels;
        lines.dy_line = w.out_width * product_.dy_pitch;
        lines.x_step = w.stride * product_.channels;
        lines.dy_pitch = product_.dy_pitch;
        lines.lines = to - from;
        lines.first = across.begin;
        lines.last = across.end;
        lines.positions = w.out_width;
        lines.x_ahead = (end - line) * lines.x_line;
        lines.dy_ahead = (end - line) * lines.dy_line;
        return lines;
    }

    const WeightGradientProduct& product_;
    const SlidingWindow& window_;
    std::int64_t lines_at_once_;
    std::vector<Part> parts_;
};

}  // namespace

void cpu_weight_gradient(ThreadPool& pool, const WeightGradientProduct& arguments, GemmSink sink) {
    const std::int64_t rows = arguments.window.taps() * arguments.channels;
    if (rows == 0 || arguments.outputs == 0) return;
    const std::int64_t work = rows * arguments.dy_pitch * arguments.window.positions();
    const std::int64_t threads = work < kInlineWork ? 1 : pool.threads();
    const Product product(arguments, threads);
    // Every task reads all positions, so there are no more of them than threads.
    const std::int64_t tasks = std::min(threads, product.parts());
    pool.parallel_for(tasks, 1, [&](std::int64_t begin, std::int64_t end) {
        product.compute(product.parts() * begin / tasks, product.parts() * end / tasks, sink);
    });
}

}  // namespace halfscope
