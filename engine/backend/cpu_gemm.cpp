#include "backend/cpu_gemm.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>

#include "backend/cpu_gemm_kernel.h"
#include "backend/cpu_gemm_pack.h"
#include "backend/relay.h"

namespace halfscope {
namespace {

using namespace gemm;

/// Rows and columns of C that one task computes at most: packed B (384 KiB) and the C buffer stay in a core's
/// L2.
constexpr int64_t kBlockRows = 252;
constexpr int64_t kBlockCols = 256;
constexpr int64_t kSumPitch = kBlockCols + 16;
static_assert(kBlockRows % kTileRows == 0 && kBlockCols % kTileCols == 0);

/// Multiply-adds below which waking another thread costs more than it saves (measured,
/// tests/bench/gemm_bench.cpp).
constexpr int64_t kInlineWork = 96 * 1024;
/// A task is not split below this many multiply-adds.
constexpr int64_t kTaskWork = 64 * 1024;
/// Where tasks stay large, this many for each thread even out a core that is busy elsewhere. But each task of
/// a weight gradient reads the whole batch: one for each thread was faster, up to 1.6 times.
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kLargeTaskWork = 2 * 1024 * 1024;
/// Operands whose rows lie at most this far apart are read where they are, if they are FP32 and in the
/// kernel's order already; longer strides would meet a new page at each step.
constexpr int64_t kUnpackedStride = 256;

/// Sums of C that a relay builds up at most: 64 KiB.
constexpr int64_t kMostRelaySums = 16384;

/// Alone the threads of a relay (relay.h) wait for each other, the less the more runners there are. With
/// other work to do meanwhile they need not, and larger tiles read less.
enum class Company : uint8_t { alone, with_other_work };

/// The products worked in a relay: so many sums of C at most, so many steps of a leg at least. With more, or
/// fewer, blocks are as fast or faster. Measured with two threads, a weight gradient in the step of a
/// network; alone at k = 8192: 32 x 32 8% faster, 25% within the step, 64 x 64 alike; with other work, at k =
/// 768 to 8192: 32 x 32 10 to 16%, 64 x 64 and 128 x 128 8 to 17%, 256 x 256 alike.
struct RelayLimits {
    int64_t sums, steps;
};
constexpr RelayLimits relay_limits(Company company) {
    return company == Company::alone ? RelayLimits{2048, 4 * kDepth} : RelayLimits{kMostRelaySums, kDepth};
}
/// Rows of C that a runner takes at least.
constexpr int64_t kRelayRows = 4;
/// Threads at most: each begins behind the one before it.
constexpr int64_t kRelayThreads = 4;

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

/// One thread's buffers, allocated at its first product.
struct alignas(64) Workspace {
    float a[kTileRows * kRowPitch > kDepth* kStepPitch ? kTileRows* kRowPitch : kDepth* kStepPitch];
    float b[kDepth * kBlockCols];
    float sums[kBlockRows * kSumPitch];
    float relayed[kMostRelaySums];  ///< of the calling thread: all threads of a relay build it up
};

Workspace& workspace_of_this_thread() {
    thread_local const std::unique_ptr<Workspace> workspace = std::make_unique_for_overwrite<Workspace>();
    // The analyzer takes the thread's own variable for one that ends here.
    return *workspace;  // NOLINT(clang-analyzer-cplusplus.NewDelete)
}

using PackA = void (*)(const MatrixView&, int64_t row, int64_t rows, int64_t step, int64_t depth, float* out);
using PackB = void (*)(const MatrixView&, int64_t col, int64_t cols, int64_t width, int64_t step,
                       int64_t depth, float* out);

template <typename Source>
PackA pack_a_from(Transpose transpose) {
    return transpose == Transpose::no ? &pack_a_row_major<Source> : &pack_a_step_major<Source>;
}

template <typename Source>
PackB pack_b_from(Transpose transpose) {
    return transpose == Transpose::no ? &pack_b_step_major<Source> : &pack_b_transposed<Source>;
}

/// Calls choose.template operator()<Source>() with the source type of `format`.
template <typename Choose>
auto with_source(Format format, Format operand_format, Choose choose) {
    switch (format) {
        case Format::fp16:
            return choose.template operator()<SourceFp16>();
        case Format::bf16:
            return choose.template operator()<SourceBf16>();
        case Format::e4m3:
        case Format::e5m2:
            return choose.template operator()<SourceByte>();
        case Format::fp32:
        case Format::tf32:
            break;
    }
    // FP16, BF16 and FP8 values are TF32 values already.
    return operand_format == Format::tf32 ? choose.template operator()<SourceTf32>()
                                          : choose.template operator()<SourceFp32>();
}

const KernelTable& kernel_table(PanelOrder order, Accumulate accumulate) {
    static constexpr KernelTable kTables[3][2] = {
        {make_kernel_table<PanelOrder::packed_rows, Accumulate::fp32>(),
         make_kernel_table<PanelOrder::packed_rows, Accumulate::fp16>()},
        {make_kernel_table<PanelOrder::stored_rows, Accumulate::fp32>(),
         make_kernel_table<PanelOrder::stored_rows, Accumulate::fp16>()},
        {make_kernel_table<PanelOrder::steps, Accumulate::fp32>(),
         make_kernel_table<PanelOrder::steps, Accumulate::fp16>()}};
    return kTables[static_cast<int>(order)][accumulate == Accumulate::fp16];
}

/// A part of C: rows [row, row + rows), columns [col, col + cols).
struct Block {
    int64_t row, rows, col, cols;
};

/// Whether the kernel can read an operand as it is stored.
bool is_readable(const GemmArguments& arguments, const MatrixView& view) {
    return view.format == Format::fp32 && arguments.operand_format != Format::tf32 &&
           view.row_stride <= kUnpackedStride;
}

class Product {
  public:
    Product(const GemmArguments& arguments, GemmSink sink)
        : arguments_(arguments),
          sink_(sink),
          kernels_(kernel_table(order_of_a(), arguments.accumulate)),
          pack_a_(with_source(arguments.a.format, arguments.operand_format,
                              [&]<typename Source>() { return pack_a_from<Source>(arguments.transpose_a); })),
          pack_b_(with_source(arguments.b.format, arguments.operand_format,
                              [&]<typename Source>() { return pack_b_from<Source>(arguments.transpose_b); })),
          passes_(std::max<int64_t>(1, divide_up(arguments.k, kDepth))),
          pass_depth_(round_up(divide_up(arguments.k, passes_), 16)),
          reads_a_in_place_(is_readable(arguments, arguments.a)),
          reads_b_in_place_(arguments.transpose_b == Transpose::no && is_readable(arguments, arguments.b) &&
                            arguments.n % kLanes == 0) {}

    int64_t passes() const { return passes_; }
    void compute(const Block& block) const { compute(block, 0, passes_); }
    /// Passes [first, end) over k, behind those before `first`, and the sink behind the last one. Parts of
    /// them only with a c: else the sums lie in the workspace of the thread.
    void compute(const Block& block, int64_t first, int64_t end) const {
        Workspace& workspace = workspace_of_this_thread();
        for (int64_t pass = first; pass < end; ++pass) {
            const int64_t step = pass * pass_depth_;
            const int64_t depth = std::min(pass_depth_, arguments_.k - step);
            const bool is_last = pass + 1 == passes_;
            if (!reads_b_in_place_) pack_b_panels(block, step, depth, workspace.b);
            tile::for_tiles(0, block.rows, kTileRows, [&](int64_t top, int64_t rows) {
                const Panel a = panel_of_a(workspace, block.row + top, rows, step, depth);
                const SumRows sums = place_of_sums(workspace, block, top);
                multiply_row_of_tiles(workspace, block, a, rows, step, depth, sums,
                                      pass == 0 ? Start::zero : Start::resume, is_last);
                if (is_last && !arguments_.c)
                    sink_(GemmBlock{block.row + top, rows, block.col, block.cols, sums.data, sums.pitch});
            });
        }
        if (!arguments_.c || end < passes_) return;
        const SumRows sums = place_of_sums(workspace, block, 0);
        sink_(GemmBlock{block.row, block.rows, block.col, block.cols, sums.data, sums.pitch});
    }

  private:
    /// A row of tiles of C: in place, or in the workspace.
    struct SumRows {
        float* data;
        int64_t pitch;
    };
    SumRows place_of_sums(Workspace& workspace, const Block& block, int64_t first) const {
        if (arguments_.c) {
            const int64_t at = (block.row + first) * arguments_.c_pitch + block.col;
            return {arguments_.c + at, arguments_.c_pitch};
        }
        // A single pass keeps no sums, so every tile uses the same, cached rows of the buffer.
        return {workspace.sums + (passes_ == 1 ? 0 : first * kSumPitch), kSumPitch};
    }

    PanelOrder order_of_a() const {
        if (arguments_.transpose_a == Transpose::yes) return PanelOrder::steps;
        return is_readable(arguments_, arguments_.a) ? PanelOrder::stored_rows : PanelOrder::packed_rows;
    }

    Panel panel_of_a(Workspace& workspace, int64_t row, int64_t rows, int64_t step, int64_t depth) const {
        const MatrixView& a = arguments_.a;
        const bool rows_are_steps = arguments_.transpose_a == Transpose::yes;
        if (reads_a_in_place_) {
            const int64_t first = rows_are_steps ? step * a.row_stride + row : row * a.row_stride + step;
            return {static_cast<const float*>(a.data) + first, a.row_stride};
        }
        pack_a_(a, row, rows, step, depth, workspace.a);
        return {workspace.a, rows_are_steps ? kStepPitch : kRowPitch};
    }

    /// Width of the packed panel that starts at column `col` of a block with `cols` columns.
    static int64_t panel_width(int64_t col, int64_t cols) {
        return cols - col <= kLanes ? kLanes : kTileCols;
    }

    void pack_b_panels(const Block& block, int64_t step, int64_t depth, float* out) const {
        for (int64_t col = 0; col < block.cols; col += kTileCols) {
            const int64_t width = panel_width(col, block.cols);
            const int64_t used = std::min(width, block.cols - col);
            pack_b_(arguments_.b, block.col + col, used, width, step, depth, out);
            out += round_up(depth, kLanes) * width;
        }
    }

    void multiply_row_of_tiles(const Workspace& workspace, const Block& block, const Panel& a, int64_t rows,
                               int64_t step, int64_t depth, const SumRows& sums, Start start,
                               bool is_last) const {
        const MatrixView& stored = arguments_.b;
        const float* packed = workspace.b;
        for (int64_t col = 0; col < block.cols; col += kTileCols) {
            const int64_t width = panel_width(col, block.cols);
            Panel b{packed, width};
            if (reads_b_in_place_) {
                const int64_t at = step * stored.row_stride + block.col + col;
                b = {static_cast<const float*>(stored.data) + at, stored.row_stride};
            }
            const Kernel kernel =
                kernels_[static_cast<size_t>(rows - 1)][static_cast<size_t>(width / kLanes - 1)];
            const float* bias = is_last && arguments_.bias ? arguments_.bias + block.col + col : nullptr;
            kernel(a, b, depth, sums.data + col, sums.pitch, start, bias);
            packed += round_up(depth, kLanes) * width;
        }
    }

    const GemmArguments& arguments_;
    GemmSink sink_;
    const KernelTable& kernels_;
    PackA pack_a_;
    PackB pack_b_;
    int64_t passes_;
    int64_t pass_depth_;
    bool reads_a_in_place_;
    bool reads_b_in_place_;
};

/// How C is cut into tasks.
struct Grid {
    int64_t block_rows, block_cols, row_blocks, col_blocks;

    int64_t tasks() const { return row_blocks * col_blocks; }
    Block block(int64_t task, int64_t m, int64_t n) const {
        const int64_t row = task % row_blocks * block_rows;
        const int64_t col = task / row_blocks * block_cols;
        return {row, std::min(block_rows, m - row), col, std::min(block_cols, n - col)};
    }
};

/// Blocks of nearly equal size, at most max_rows x max_cols.
Grid cut(int64_t m, int64_t n, int64_t row_blocks, int64_t col_blocks) {
    const int64_t block_cols = round_up(divide_up(n, col_blocks), kLanes);
    const int64_t block_rows = divide_up(m, row_blocks);
    return {block_rows, block_cols, divide_up(m, block_rows), divide_up(n, block_cols)};
}

Grid choose_grid(int64_t m, int64_t n, int64_t k, int64_t threads, int64_t tasks_per_thread) {
    int64_t row_cuts = divide_up(m, kBlockRows);
    int64_t col_cuts = divide_up(n, kBlockCols);
    Grid grid = cut(m, n, row_cuts, col_cuts);
    const int64_t work = m * n * std::max<int64_t>(k, 1);
    if (threads == 1 || work < kInlineWork) return grid;
    for (;;) {
        const int64_t task_work = work / grid.tasks();
        const int64_t wanted = task_work > kLargeTaskWork ? tasks_per_thread * threads : threads;
        if (grid.tasks() >= wanted || task_work < kTaskWork) return grid;
        // The longer side is cut: both operands of a square block are reused equally often. A tile two
        // vectors wide needs fewer loads for each product than a narrow one, so that width goes last.
        const bool rows_can = grid.block_rows > kTileRows / 2;
        const bool wide = grid.block_cols > kTileCols;
        const bool cols_can = wide || (!rows_can && grid.block_cols > kLanes);
        if (!rows_can && !cols_can) return grid;
        const bool cut_rows = rows_can && (!cols_can || grid.block_rows >= grid.block_cols);
        (cut_rows ? row_cuts : col_cuts) += 1;
        grid = cut(m, n, row_cuts, col_cuts);
    }
}

void check_view(const MatrixView& view, Transpose transpose, int64_t rows, int64_t cols, const char* what) {
    if (transpose == Transpose::yes) std::swap(rows, cols);
    const bool fits = view.rows == rows && view.cols == cols && (view.rows <= 1 || view.row_stride >= 0);
    if (!fits) throw std::invalid_argument(what);
    if (rows > 0 && cols > 0 && view.data == nullptr) throw std::invalid_argument(what);
}

void multiply_in_blocks(ThreadPool& pool, const GemmArguments& arguments, GemmSink sink) {
    const int64_t m = arguments.m, n = arguments.n;
    const Product product(arguments, sink);
    const Grid grid = choose_grid(m, n, arguments.k, pool.threads(),
                                  arguments.transpose_a == Transpose::yes ? 1 : kTasksPerThread);
    if (m * n * arguments.k < kInlineWork) {
        for (int64_t task = 0; task < grid.tasks(); ++task) product.compute(grid.block(task, m, n));
        return;
    }
    pool.parallel_for(grid.tasks(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t task = begin; task < end; ++task) product.compute(grid.block(task, m, n));
    });
}

int64_t runners_of_relay(int64_t threads, Company company) {
    return company == Company::alone ? 2 * threads : std::max<int64_t>(1, threads - 1);
}

/// Few sums over many steps: the weight gradient of a narrow layer. It takes longer to bring its operands
/// than to multiply them, and each thread would bring all of them. Not alone where b is packed: each runner
/// would do so.
bool is_for_relay(const GemmArguments& arguments, int64_t threads, Company company) {
    const RelayLimits limits = relay_limits(company);
    const bool is_suited = threads > 1 && threads <= kRelayThreads &&
                           arguments.transpose_a == Transpose::yes &&
                           arguments.transpose_b == Transpose::no && arguments.n <= kBlockCols &&
                           arguments.m * round_up(arguments.n, kLanes) <= limits.sums &&
                           arguments.m >= runners_of_relay(threads, company) * kRelayRows &&
                           arguments.k >= threads * limits.steps;
    const bool has_place = arguments.c && is_readable(arguments, arguments.b);
    return is_suited && (has_place || company == Company::with_other_work);
}

/// The tasks of a product, shared out to the legs of a relay, to be done where a leg would wait.
class Pieces {
  public:
    Pieces(int64_t tasks, int64_t legs) : legs_(legs) {
        for (int64_t leg = 0; leg < legs; ++leg) {
            Share& share = shares_[static_cast<size_t>(leg)];
            share.next.store(tasks * leg / legs, std::memory_order_relaxed);
            share.end = tasks * (leg + 1) / legs;
        }
    }

    /// Calls do_task(task) for one of the leg's own tasks, else for one of another leg's; false where none is
    /// left.
    template <class DoTask>
    bool take(int64_t leg, DoTask do_task) {
        for (int64_t i = 0; i < legs_; ++i) {
            Share& share = shares_[static_cast<size_t>((leg + i) % legs_)];
            if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
            const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
            if (task >= share.end) continue;
            do_task(task);
            return true;
        }
        return false;
    }

  private:
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };
    int64_t legs_;
    std::array<Share, kRelayThreads> shares_;
};

/// Each thread works its part of the steps, some rows after the other, behind the thread before it, and
/// pieces of other work while it would wait.
template <class Meanwhile>
void multiply_in_relay(ThreadPool& pool, GemmArguments arguments, Company company, GemmSink sink,
                       Meanwhile meanwhile) {
    if (!arguments.c) {
        arguments.c = workspace_of_this_thread().relayed;
        arguments.c_pitch = round_up(arguments.n, kLanes);
    }
    const Product product(arguments, sink);
    const int64_t m = arguments.m, legs = pool.threads(), runners = runners_of_relay(legs, company);
    const auto run = [&](int64_t runner, int64_t leg) {
        const int64_t row = m * runner / runners, rows = m * (runner + 1) / runners - row;
        product.compute({row, rows, 0, arguments.n}, product.passes() * leg / legs,
                        product.passes() * (leg + 1) / legs);
    };
    relay(pool, runners, run, meanwhile);
}

void multiply(ThreadPool& pool, const GemmArguments& arguments, GemmSink sink) {
    if (is_for_relay(arguments, pool.threads(), Company::alone)) {
        multiply_in_relay(pool, arguments, Company::alone, sink, [](int64_t) { return false; });
    } else {
        multiply_in_blocks(pool, arguments, sink);
    }
}

/// A product for the relay, and another one in blocks meanwhile.
void multiply_side_by_side(ThreadPool& pool, const GemmArguments& in_relay, GemmSink relay_sink,
                           const GemmArguments& in_blocks, GemmSink blocks_sink) {
    const int64_t m = in_blocks.m, n = in_blocks.n, threads = pool.threads();
    const Product product(in_blocks, blocks_sink);
    const Grid grid = choose_grid(m, n, in_blocks.k, threads, kTasksPerThread);
    Pieces pieces(grid.tasks(), threads);
    multiply_in_relay(pool, in_relay, Company::with_other_work, relay_sink, [&](int64_t leg) {
        return pieces.take(leg, [&](int64_t task) { product.compute(grid.block(task, m, n)); });
    });
}

/// Columns that do not fill a vector, where the rows would: the weight gradient of a layer with few inputs.
bool is_better_transposed(const GemmArguments& arguments) {
    return arguments.transpose_a == Transpose::yes && arguments.transpose_b == Transpose::no &&
           arguments.n < kLanes && arguments.m >= kLanes && !arguments.c;
}

/// C^T = b^T a: the same chains, as a product's factors may change places.
void multiply_transposed(ThreadPool& pool, const GemmArguments& arguments, GemmSink sink) {
    GemmArguments swapped = arguments;
    std::swap(swapped.a, swapped.b);
    std::swap(swapped.m, swapped.n);
    multiply(pool, swapped, [&](const GemmBlock& block) {
        float sums[kBlockCols * kLanes];  // block.rows is below kLanes
        for (int64_t r = 0; r < block.cols; ++r) {
            for (int64_t c = 0; c < block.rows; ++c)
                sums[r * block.rows + c] = block.sums[c * block.pitch + r];
        }
        sink(GemmBlock{block.col, block.cols, block.row, block.rows, sums, block.rows});
    });
}

/// A product whose tasks each read a part of `a` only.
bool is_for_blocks(const GemmArguments& arguments) {
    return arguments.transpose_a == Transpose::no && arguments.m * arguments.n * arguments.k >= kInlineWork;
}

bool is_empty(const GemmArguments& arguments) { return arguments.m == 0 || arguments.n == 0; }

void check(const GemmArguments& arguments) {
    const int64_t m = arguments.m, n = arguments.n, k = arguments.k;
    if (m < 0 || n < 0 || k < 0) throw std::invalid_argument("cpu_gemm: a negative extent");
    check_view(arguments.a, arguments.transpose_a, m, k, "cpu_gemm: the view of a does not match m and k");
    check_view(arguments.b, arguments.transpose_b, k, n, "cpu_gemm: the view of b does not match k and n");
    if ((arguments.c || arguments.bias) && (!arguments.c || n % kLanes != 0 || arguments.c_pitch < n))
        throw std::invalid_argument("cpu_gemm: c cannot be built up in place");
}

}  // namespace

int64_t gemm_column_multiple() { return kLanes; }

void cpu_gemm(ThreadPool& pool, const GemmArguments& arguments, GemmSink sink) {
    check(arguments);
    if (is_empty(arguments)) return;
    if (is_better_transposed(arguments)) {
        multiply_transposed(pool, arguments, sink);
    } else {
        multiply(pool, arguments, sink);
    }
}

void cpu_gemm_pair(ThreadPool& pool, const GemmArguments& first, GemmSink first_sink,
                   const GemmArguments& second, GemmSink second_sink) {
    check(first);
    check(second);
    const bool both = !is_empty(first) && !is_empty(second);
    if (both && is_for_relay(second, pool.threads(), Company::with_other_work) &&
        !is_better_transposed(second) && is_for_blocks(first)) {
        multiply_side_by_side(pool, second, second_sink, first, first_sink);
    } else {
        cpu_gemm(pool, first, first_sink);
        cpu_gemm(pool, second, second_sink);
    }
}

}  // namespace halfscope
