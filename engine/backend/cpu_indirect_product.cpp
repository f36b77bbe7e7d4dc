#include "backend/cpu_indirect_product.h"

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
constexpr int kTileRows = simd::kTileRows;
constexpr int kTileVectors = 2;
constexpr std::int64_t kTileCols = kTileVectors * kLanes;
/// Fewer rows than this are not worth a tile of their own.
constexpr std::int64_t kShortestRun = 5;
/// Heights of a tile one vector wide. Rows that lie anyhow: enough chains to hide the latency of a
/// multiply-add, and few enough for the rows' addresses to stay in registers (measured: 14 rows reach 66% of
/// the peak, 8 rows 85%). Rows that lie evenly need few addresses.
constexpr int kNarrowTileRows = std::min(8, kTileRows);
constexpr int kNarrowRunRows = 2 * kNarrowTileRows;
/// Heights of a tile whose steps share what they read: as many sums as registers leave beside one run's
/// vectors of b, but not more than a usual line asks for.
constexpr int kSharingRows = (tile::kSharingRegisters - kTileVectors * tile::kSharingTaps) / kTileVectors;
constexpr int kNarrowSharingRows = std::min(20, tile::kSharingRegisters - tile::kSharingTaps);
/// Steps of s worked in one go: so much of b, two vectors wide, stays in the first-level cache. Whole runs,
/// and whole blocks of 16, after which an FP16 sum is rounded.
constexpr std::int64_t kDepthUnit = tile::kSharingTaps * tile::kBlock;
constexpr std::int64_t kDepth = 5 * kDepthUnit;
/// Rows of one task; sums of a task stay in the cache.
constexpr std::int64_t kTaskRows = 8 * kTileRows;
/// Multiply-adds below which waking another thread costs more than it saves.
constexpr std::int64_t kInlineWork = 96 * 1024;

std::int64_t round_up(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

using tile::Start;

/// The rows of a tile that lie anyhow.
template <int Rows>
struct ScatteredRows {
    const float* row[Rows];

    ScatteredRows(const float* a, const std::int64_t* offsets, std::int64_t) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) row[r] = a + offsets[r];
    }
    float element(int r, std::int64_t step) const { return row[r][step]; }
};

/// Those that lie evenly: the first, and how far apart. An instruction can address rows at 0, 1, 2 and 4
/// distances (and at 3, which is kept) behind a pointer.
template <int Rows>
struct EvenRows {
    static constexpr int kGroup = 5;
    const float* first;
    std::int64_t distance, thrice, group;

    EvenRows(const float* a, const std::int64_t* offsets, std::int64_t apart)
        : first(a + offsets[0]), distance(apart), thrice(3 * apart), group(kGroup * apart) {}
    float element(int r, std::int64_t step) const {
        const float* pointer = first + step;
        for (int g = 0; g < r / kGroup; ++g) pointer += group;
        switch (r % kGroup) {
            case 0:
                return pointer[0];
            case 1:
                return pointer[distance];
            case 2:
                return pointer[2 * distance];
            case 3:
                return pointer[thrice];
            default:
                return pointer[4 * distance];
        }
    }
};

/// One tile of C over `depth` steps.
using Kernel = void (*)(const float* a, const std::int64_t* row_offsets, std::int64_t row_distance,
                        const std::int64_t* steps, const float* b, std::int64_t b_pitch, std::int64_t depth,
                        float* c, std::int64_t c_pitch, Start start);

template <class Lie, int Rows, int Vectors, Accumulate Sum>
void multiply_tile(const float* a, const std::int64_t* row_offsets, std::int64_t row_distance,
                   const std::int64_t* steps, const float* b, std::int64_t b_pitch, std::int64_t depth,
                   float* c, std::int64_t c_pitch, Start start) {
    const Lie rows(a, row_offsets, row_distance);
    simd::Vector sums[Rows][Vectors];
    tile::load_sums(sums, c, c_pitch, start);
    for (std::int64_t s = 0; s < depth;) {
        const std::int64_t end = Sum == Accumulate::fp16 ? std::min(s + tile::kBlock, depth) : depth;
        for (; s < end; ++s) {
            const std::int64_t step = steps[s];
            simd::Vector columns[Vectors];
            for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(b + v * kLanes);
            b += b_pitch;
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                const simd::Vector element = simd::broadcast(rows.element(r, step));
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v)
                    sums[r][v] = simd::fused_multiply_add(element, columns[v], sums[r][v]);
            }
        }
        if constexpr (Sum == Accumulate::fp16) tile::round_sums_to_fp16(sums);
    }
    tile::store_sums(sums, c, c_pitch);
}

/// The same for rows that lie evenly and steps that share what they read, tile::kSharingTaps of them in a
/// run: an element is read once, for each of those rows that one of the steps takes it to. A row meets the
/// steps in their order where elements are read from the first row's to the last's; where steps go back, the
/// other way round.
template <int Rows, int Vectors, bool Back>
void multiply_sharing(const float* a, const std::int64_t* row_offsets, std::int64_t row_distance,
                      const std::int64_t* steps, const float* b, std::int64_t b_pitch, std::int64_t depth,
                      float* c, std::int64_t c_pitch, Start start) {
    // The rows in the order in which they are met.
    const std::int64_t head = Back ? Rows - 1 : 0, direction = Back ? -1 : 1;
    const float* const first = a + row_offsets[head];
    const std::int64_t distance = direction * row_distance;
    float* const out = c + head * c_pitch;
    const std::int64_t pitch = direction * c_pitch;
    simd::Vector sums[Rows][Vectors];
    tile::load_sums(sums, out, pitch, start);
    constexpr int kTaps = tile::kSharingTaps;
    for (std::int64_t s = 0; s < depth; s += kTaps) {
        const float* pointer = first + steps[s];
        simd::Vector columns[kTaps][Vectors];
#pragma GCC unroll 4
        for (int t = 0; t < kTaps; ++t) {
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) columns[t][v] = simd::load(b + v * kLanes);
            b += b_pitch;
        }
#pragma GCC unroll 32
        for (int place = 0; place < Rows + kTaps - 1; ++place, pointer += distance) {
            const simd::Vector element = simd::broadcast(*pointer);
#pragma GCC unroll 4
            for (int t = 0; t < kTaps; ++t) {
                const int r = place - t;
                if (r < 0 || r >= Rows) continue;
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v)
                    sums[r][v] = simd::fused_multiply_add(element, columns[t][v], sums[r][v]);
            }
        }
    }
    tile::store_sums(sums, out, pitch);
}

/// The kernels for tiles of one width, by height - 1.
template <template <int> class Lie, int Vectors, Accumulate Sum, int... R>
constexpr auto make_kernels(std::integer_sequence<int, R...>) {
    return std::array<Kernel, sizeof...(R)>{&multiply_tile<Lie<R + 1>, R + 1, Vectors, Sum>...};
}
template <template <int> class Lie, int Vectors, Accumulate Sum, int MostRows>
constexpr std::array<Kernel, MostRows> kKernels =
    make_kernels<Lie, Vectors, Sum>(std::make_integer_sequence<int, MostRows>{});

template <int Vectors, bool Back, int... R>
constexpr auto make_sharing_kernels(std::integer_sequence<int, R...>) {
    return std::array<Kernel, sizeof...(R)>{&multiply_sharing<R + 1, Vectors, Back>...};
}
template <int Vectors, bool Back, int MostRows>
constexpr std::array<Kernel, MostRows> kSharingKernels =
    make_sharing_kernels<Vectors, Back>(std::make_integer_sequence<int, MostRows>{});

/// Kernels for the rows of a product, and how many rows a tile has at most.
struct Kernels {
    std::span<const Kernel> by_height;

    std::int64_t most() const { return static_cast<std::int64_t>(by_height.size()); }
};

template <Accumulate Sum>
Kernels kernels_summing(bool lie_evenly, std::int64_t vectors) {
    if (lie_evenly) {
        if (vectors == 1) return {kKernels<EvenRows, 1, Sum, kNarrowRunRows>};
        return {kKernels<EvenRows, 2, Sum, kTileRows>};
    }
    if (vectors == 1) return {kKernels<ScatteredRows, 1, Sum, kNarrowTileRows>};
    return {kKernels<ScatteredRows, 2, Sum, kTileRows>};
}

[[maybe_unused]] Kernels kernels_sharing(bool back, std::int64_t vectors) {
    if (vectors == 1) {
        return back ? Kernels{kSharingKernels<1, true, kNarrowSharingRows>}
                    : Kernels{kSharingKernels<1, false, kNarrowSharingRows>};
    }
    return back ? Kernels{kSharingKernels<2, true, kSharingRows>}
                : Kernels{kSharingKernels<2, false, kSharingRows>};
}

bool lie_evenly(const IndirectProduct& product) { return product.row_run >= kShortestRun; }

Kernels kernels_for(const IndirectProduct& product, std::int64_t vectors) {
    const bool even = lie_evenly(product);
    if (product.accumulate == Accumulate::fp16) return kernels_summing<Accumulate::fp16>(even, vectors);
    if constexpr (tile::kShares) {
        if (even && product.step_run == tile::kSharingTaps)
            return kernels_sharing(product.step_back, vectors);
    }
    return kernels_summing<Accumulate::fp32>(even, vectors);
}

/// body(row, height) of the tiles of rows [first, first + rows). Where runs matter, no tile crosses from one
/// run to the next.
template <class Body>
void for_tiles_of_runs(std::int64_t first, std::int64_t rows, std::int64_t run, std::int64_t most,
                       Body body) {
    for (std::int64_t begin = first; begin < first + rows;) {
        const std::int64_t end = std::min(first + rows, run > 0 ? (begin / run + 1) * run : first + rows);
        tile::for_tiles(begin, end - begin, most, body);
        begin = end;
    }
}

/// Rows [first, first + rows) of C: all columns, all steps, then the sink.
void compute_rows(const IndirectProduct& product, std::int64_t first, std::int64_t rows, GemmSink sink) {
    thread_local std::vector<float> buffer;
    float* sums = product.c + first * product.c_pitch;
    std::int64_t pitch = product.c_pitch;
    if (!product.c) {
        pitch = product.b_pitch;
        if (const auto needed = static_cast<std::size_t>(rows * pitch); buffer.size() < needed)
            buffer.resize(needed);
        sums = buffer.data();
    }
    const std::int64_t passes = (product.k + kDepth - 1) / kDepth;
    const std::int64_t even_depth = passes == 0 ? 0 : round_up((product.k + passes - 1) / passes, kDepthUnit);
    for (std::int64_t step = 0; step < product.k; step += even_depth) {
        const std::int64_t depth = std::min(even_depth, product.k - step);
        for (std::int64_t col = 0; col < product.b_pitch; col += kTileCols) {
            const std::int64_t vectors =
                std::min<std::int64_t>(kTileVectors, (product.b_pitch - col) / kLanes);
            const Kernels kernels = kernels_for(product, vectors);
            const auto multiply = [&](std::int64_t row, std::int64_t height) {
                kernels.by_height[static_cast<std::size_t>(height - 1)](
                    product.a, product.row_offset + row, product.row_distance, product.step_offset + step,
                    product.b + step * product.b_pitch + col, product.b_pitch, depth,
                    sums + (row - first) * pitch + col, pitch, step == 0 ? Start::zero : Start::resume);
            };
            for_tiles_of_runs(first, rows, lie_evenly(product) ? product.row_run : 0, kernels.most(),
                              multiply);
        }
    }
    if (product.k == 0) {
        for (std::int64_t r = 0; r < rows; ++r) std::fill_n(sums + r * pitch, product.n, 0.0f);
    }
    sink(GemmBlock{first, rows, 0, product.n, sums, pitch});
}

}  // namespace

std::int64_t indirect_column_multiple() { return kLanes; }

void cpu_indirect_product(ThreadPool& pool, const IndirectProduct& product, GemmSink sink) {
    if (product.m == 0 || product.n == 0) return;
    const std::int64_t work = product.m * product.b_pitch * std::max<std::int64_t>(product.k, 1);
    const std::int64_t threads = work < kInlineWork ? 1 : pool.threads();
    // Tasks of bounded size, as many for each thread as for any other: a weight gradient has few rows. Whole
    // lines, or tiles where there are many.
    const std::int64_t least = (product.m + kTaskRows - 1) / kTaskRows;
    const std::int64_t wanted = round_up(least, threads);
    const std::int64_t tile_rows = product.b_pitch == kLanes ? kNarrowTileRows : kTileRows;
    const std::int64_t even = std::max<std::int64_t>((product.m + wanted - 1) / wanted, kNarrowTileRows);
    const std::int64_t unit = lie_evenly(product) ? product.row_run : tile_rows;
    const std::int64_t worth_cutting = lie_evenly(product) ? unit : 4 * unit;
    const std::int64_t task_rows = even < worth_cutting ? even : round_up(even, unit);
    const std::int64_t tasks = (product.m + task_rows - 1) / task_rows;
    const auto run = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t first = task * task_rows;
            compute_rows(product, first, std::min(task_rows, product.m - first), sink);
        }
    };
    if (threads == 1) {
        run(0, tasks);
    } else {
        pool.parallel_for(tasks, 1, run);
    }
}

}  // namespace halfscope
