#include "backend/cpu_indirect_product.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backend/cpu_simd.h"
#include "backend/cpu_tile.h"

namespace halfscope {
namespace {

constexpr std::int64_t kLanes = simd::kLanes;
constexpr int kTileRows = simd::kTileRows;
/// Height of a tile one vector wide: enough chains to hide the latency of a multiply-add, and few enough for
/// the rows' addresses to stay in registers (measured: 14 rows reach 66% of the peak, 8 rows 85%).
constexpr int kNarrowTileRows = std::min(8, kTileRows);
constexpr int kTileVectors = 2;
constexpr std::int64_t kTileCols = kTileVectors * kLanes;
/// Steps of s worked in one go: so much of b, two vectors wide, stays in the first-level cache. A multiple of
/// 16, the block after which an FP16 sum is rounded.
constexpr std::int64_t kDepth = 256;
/// Rows of one task; sums of a task stay in the cache.
constexpr std::int64_t kTaskRows = 8 * kTileRows;
/// Multiply-adds below which waking another thread costs more than it saves.
constexpr std::int64_t kInlineWork = 96 * 1024;

/// Whether sums start at zero or go on from what C holds.
enum class Start : std::uint8_t { zero, resume };

/// One tile of C over `depth` steps.
using Kernel = void (*)(const float* const* rows, const std::int64_t* steps, const float* b,
                        std::int64_t b_pitch, std::int64_t depth, float* c, std::int64_t c_pitch,
                        Start start);

template <int Rows, int Vectors, Accumulate Sum>
void multiply_tile(const float* const* rows, const std::int64_t* steps, const float* b, std::int64_t b_pitch,
                   std::int64_t depth, float* c, std::int64_t c_pitch, Start start) {
    simd::Vector sums[Rows][Vectors];
    const float* row[Rows];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        row[r] = rows[r];
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v)
            sums[r][v] = start == Start::zero ? simd::zero() : simd::load(c + r * c_pitch + v * kLanes);
    }
    for (std::int64_t s = 0; s < depth;) {
        const std::int64_t end = Sum == Accumulate::fp16 ? std::min(s + tile::kBlock, depth) : depth;
        for (; s < end; ++s) {
            const std::int64_t step = steps[s];
            simd::Vector columns[Vectors];
            for (int v = 0; v < Vectors; ++v) columns[v] = simd::load(b + v * kLanes);
            b += b_pitch;
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                const simd::Vector element = simd::broadcast(row[r][step]);
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v)
                    sums[r][v] = simd::fused_multiply_add(element, columns[v], sums[r][v]);
            }
        }
        if constexpr (Sum == Accumulate::fp16) tile::round_sums_to_fp16(sums);
    }
    tile::store_sums(sums, c, c_pitch);
}

using KernelTable = std::array<std::array<Kernel, kTileVectors>, kTileRows>;

template <Accumulate Sum>
constexpr KernelTable make_table() {
    return []<int... R>(std::integer_sequence<int, R...>) {
        return KernelTable{std::array<Kernel, kTileVectors>{&multiply_tile<R + 1, 1, Sum>,
                                                            &multiply_tile<R + 1, 2, Sum>}...};
    }
    (std::make_integer_sequence<int, kTileRows>{});
}

const KernelTable& kernels_for(Accumulate accumulate) {
    static constexpr KernelTable kFp32 = make_table<Accumulate::fp32>();
    static constexpr KernelTable kFp16 = make_table<Accumulate::fp16>();
    return accumulate == Accumulate::fp16 ? kFp16 : kFp32;
}

/// Rows [first, first + rows) of C: all columns, all steps, then the sink.
void compute_rows(const IndirectProduct& product, std::int64_t first, std::int64_t rows, GemmSink sink) {
    const KernelTable& kernels = kernels_for(product.accumulate);
    thread_local std::vector<float> buffer;
    float* sums = product.c + first * product.c_pitch;
    std::int64_t pitch = product.c_pitch;
    if (!product.c) {
        pitch = product.b_pitch;
        if (const auto needed = static_cast<std::size_t>(rows * pitch); buffer.size() < needed)
            buffer.resize(needed);
        sums = buffer.data();
    }
    for (std::int64_t step = 0; step < product.k; step += kDepth) {
        const std::int64_t depth = std::min(kDepth, product.k - step);
        for (std::int64_t col = 0; col < product.b_pitch; col += kTileCols) {
            const std::int64_t vectors =
                std::min<std::int64_t>(kTileVectors, (product.b_pitch - col) / kLanes);
            const std::int64_t most = vectors == 1 ? kNarrowTileRows : kTileRows;
            const std::int64_t tiles = (rows + most - 1) / most;
            for (std::int64_t tile = 0; tile < tiles; ++tile) {
                // Tiles of equal height: the kernel is fastest when no tile is a sliver.
                const std::int64_t begin = rows * tile / tiles, height = rows * (tile + 1) / tiles - begin;
                const float* row[kTileRows];
                for (std::int64_t r = 0; r < height; ++r)
                    row[r] = product.a + product.row_offset[first + begin + r];
                kernels[static_cast<std::size_t>(height - 1)][static_cast<std::size_t>(vectors - 1)](
                    row, product.step_offset + step, product.b + step * product.b_pitch + col,
                    product.b_pitch, depth, sums + begin * pitch + col, pitch,
                    step == 0 ? Start::zero : Start::resume);
            }
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
    // tiles, where there are many.
    const std::int64_t least = (product.m + kTaskRows - 1) / kTaskRows;
    const std::int64_t wanted = (least + threads - 1) / threads * threads;
    const std::int64_t tile_rows = product.b_pitch == kLanes ? kNarrowTileRows : kTileRows;
    const std::int64_t even = std::max<std::int64_t>((product.m + wanted - 1) / wanted, kNarrowTileRows);
    const std::int64_t task_rows =
        even < 4 * tile_rows ? even : (even + tile_rows - 1) / tile_rows * tile_rows;
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
