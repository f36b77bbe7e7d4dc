// The executor of the CPU device: the primitives of ops/executor.h on a thread pool. Elements are worked in
// chunks: inputs are widened to FP32, the formula runs over the chunk in a loop the compiler vectorises,
// results are rounded, stored and, where a view asks for it, counted against what was stored. Used by
// cpu_backend.cpp alone. Knows no operation.
#pragma once

#include <cstdint>
#include <mutex>
#include <tuple>
#include <vector>

#include "backend/cpu_convert.h"
#include "backend/cpu_gemm.h"
#include "backend/cpu_indirect_product.h"
#include "backend/cpu_segment.h"
#include "backend/thread_pool.h"
#include "numerics/accumulate.h"
#include "ops/executor.h"
#include "ops/update_call.h"

namespace halfscope {

class CpuExecutor {
  public:
    explicit CpuExecutor(ThreadPool& pool) : pool_(pool) {}

    template <class F, class... In>
    void map(const TensorView& out, F f, const In&... in) {
        map(
            Outputs<1>{{out}}, [f](std::int64_t i, auto... x) { return Values<1>{{f(i, x...)}}; }, in...);
    }

    template <int N, class F, class... In>
    void map(const Outputs<N>& out, F f, const In&... in) {
        const TensorView& first = out.view[0];
        const auto loaders = prepare(first.rows, first.cols, in...);
        bool flat = (is_flat(in) && ...);
        for (const TensorView& view : out.view) flat = flat && view.contiguous();
        for_segments(
            first.rows, first.cols, flat,
            [&](const Segment& segment, CountsBuffer& counts) {
                alignas(64) float results[N][kSegment];
                evaluate<N>(segment, f, loaders, results);
                for (int n = 0; n < N; ++n) store(out.view[n], segment, results[n], counts, n);
            },
            [&](CountsBuffer& counts) {
                for (int n = 0; n < N; ++n) merge(out.view[n], counts, n);
            });
    }

    void copy(const TensorView& out, const TensorView& in) {
        map(
            out, [](std::int64_t, float x) { return x; }, in);
    }

    template <class F, class... In>
    void row_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                    const In&... in) {
        const std::int64_t rows = extent.rows, cols = extent.cols;
        const auto loaders = prepare(rows, cols, extent, in...);
        float* results = scratch(rows);
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        const std::int64_t rows_at_once =
            flat && cols <= kSegment ? kSegment / std::max<std::int64_t>(cols, 1) : 1;
        pool_.parallel_for(rows, grain(cols, rows_at_once), [&](std::int64_t begin, std::int64_t end) {
            alignas(64) float terms[1][kSegment];
            for (std::int64_t row = begin; row < end; row += rows_at_once) {
                const std::int64_t count = std::min(rows_at_once, end - row);
                if (cols <= kSegment) {
                    evaluate<1>(
                        Segment{row * cols, row, 0, count * cols, cols},
                        [f](std::int64_t i, auto... x) { return Values<1>{{f(i, x...)}}; }, loaders, terms);
                    for (std::int64_t r = 0; r < count; ++r)
                        results[row + r] = fold_row(reduction, terms[0] + r * cols, cols);
                } else {
                    results[row] = fold_long_row(reduction, row, cols, f, loaders, terms);
                }
            }
        });
        store_all(out, results);
        release_scratch();
    }

    template <class F, class... In>
    void column_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                       const In&... in) {
        if (reduction.rounding == Format::fp32) return column_reduce(out, f, extent, in...);
        const std::int64_t rows = extent.rows, cols = extent.cols;
        const auto loaders = prepare(rows, cols, extent, in...);
        float* sums = scratch(cols);
        // Each column is one chain from the first row to the last: columns are shared out, rows are not.
        pool_.parallel_for(cols, std::max<std::int64_t>(kMinimumColumns, grain(rows, 1)),
                           [&](std::int64_t begin, std::int64_t end) {
                               sum_columns_by_blocks(reduction.rounding, rows, cols, begin, end, f, loaders,
                                                     sums);
                           });
        store_all(out, sums);
        release_scratch();
    }

    template <class F, class... In>
    void column_reduce(const TensorView& out, F f, const TensorView& extent, const In&... in) {
        const std::int64_t rows = extent.rows, cols = extent.cols;
        const auto loaders = prepare(rows, cols, extent, in...);
        const std::int64_t chunks = (rows + kColumnChunk - 1) / kColumnChunk;
        float* partial = scratch(chunks * cols);
        std::fill(partial, partial + chunks * cols, 0.0f);
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        const std::int64_t rows_at_once =
            flat && cols <= kSegment ? kSegment / std::max<std::int64_t>(cols, 1) : 1;
        pool_.parallel_for(chunks, grain(kColumnChunk * cols, 1), [&](std::int64_t begin, std::int64_t end) {
            alignas(64) float terms[1][kSegment];
            const auto one = [f](std::int64_t i, auto... x) { return Values<1>{{f(i, x...)}}; };
            for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                float* sums = partial + chunk * cols;
                const std::int64_t last = std::min(rows, (chunk + 1) * kColumnChunk);
                for (std::int64_t row = chunk * kColumnChunk; row < last; row += rows_at_once) {
                    const std::int64_t count = std::min(rows_at_once, last - row);
                    for (std::int64_t col = 0; col < cols; col += kSegment) {
                        const std::int64_t width = std::min(kSegment, cols - col);
                        evaluate<1>(Segment{row * cols + col, row, col,
                                            rows_at_once > 1 ? count * cols : width, cols},
                                    one, loaders, terms);
                        for (std::int64_t r = 0; r < count; ++r)
                            for (std::int64_t c = 0; c < width; ++c) sums[col + c] += terms[0][r * width + c];
                    }
                }
            }
        });
        float* totals = scratch(cols);
        std::fill(totals, totals + cols, 0.0f);
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            for (std::int64_t col = 0; col < cols; ++col) totals[col] += partial[chunk * cols + col];
        store_all(out, totals);
        release_scratch();
    }

    void gemm(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options);
    void convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                  const SlidingWindow& window, const GemmOptions& options);
    void convolve_input_gradient(const TensorView& out, const TensorView& dy, const TensorView& weight,
                                 const SlidingWindow& window, const GemmOptions& options);
    void convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                  const SlidingWindow& window, const GemmOptions& options);
    void pool(const TensorView& out, const TensorView& x, const SlidingWindow& window, Pooling pooling);
    void pool_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                       const SlidingWindow& window, Pooling pooling);
    void gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens);
    void scatter_add_rows(const TensorView& out, const std::int32_t* tokens, const TensorView& gradient);

    /// Counts the updates of a parameter: f returns {update, weight before, weight after as stored}; see
    /// UpdateCounts. `weight_format` is what the update itself is counted against.
    template <class F, class... In>
    void count_updates(UpdateCounts& counts, Format weight_format, F f, const TensorView& extent,
                       const In&... in) {
        const auto loaders = prepare(extent.rows, extent.cols, extent, in...);
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        std::mutex guard;
        for_segments(
            extent.rows, extent.cols, flat,
            [&](const Segment& segment, CountsBuffer& buffer) {
                alignas(64) float results[3][kSegment];
                alignas(64) float stored[kSegment];
                evaluate<3>(segment, f, loaders, results);
                std::uint64_t updates = 0, swallowed = 0;
                for (std::int64_t j = 0; j < segment.count; ++j) {
                    const bool updated = results[0][j] != 0.0f && results[1][j] != 0.0f;
                    updates += updated ? 1u : 0u;
                    swallowed += updated && results[2][j] == results[1][j] ? 1u : 0u;
                    stored[j] = round_to(weight_format, results[0][j]);
                }
                buffer.of(0).add_span(results[0], stored, static_cast<std::size_t>(segment.count),
                                      weight_format);
                const std::lock_guard lock(guard);
                counts.updates += updates;
                counts.swallowed += swallowed;
            },
            [&](CountsBuffer& buffer) {
                const std::lock_guard lock(guard);
                counts.values.merge(buffer.of(0));
            });
    }

  private:
    static constexpr std::int64_t kSegment = kCpuSegment;
    static constexpr std::int64_t kColumnChunk = 256;    // part of the contract: ops/executor.h
    static constexpr std::int64_t kMinimumColumns = 16;  // of one task: a cache line
    static constexpr std::int64_t kGrainElements =
        8192;  // fewer elements than this run inline: waking a thread costs more

    /// Rows (or chunks) one range covers, so that a range has about kGrainElements, a multiple of `multiple`.
    static std::int64_t grain(std::int64_t elements_per_row, std::int64_t multiple) {
        const std::int64_t rows = kGrainElements / std::max<std::int64_t>(elements_per_row, 1) + 1;
        return (rows + multiple - 1) / multiple * multiple;
    }

    template <class Work, class Finish>
    void for_segments(std::int64_t rows, std::int64_t cols, bool flat, Work work, Finish finish) {
        if (rows <= 0 || cols <= 0) return;
        const std::int64_t line = flat ? rows * cols : cols;  // elements that can be worked without a gap
        const std::int64_t lines = flat ? 1 : rows;
        const std::int64_t per_line = (line + kSegment - 1) / kSegment;
        const std::int64_t per_range = std::max<std::int64_t>(1, kGrainElements / std::min(line, kSegment));
        pool_.parallel_for(lines * per_line, per_range, [&](std::int64_t begin, std::int64_t end) {
            CountsBuffer counts;
            for (std::int64_t s = begin; s < end; ++s) {
                const std::int64_t start = s % per_line * kSegment;
                const std::int64_t count = std::min(kSegment, line - start);
                const std::int64_t index = s / per_line * cols + start;
                work(Segment{index, index / cols, index % cols, count, cols}, counts);
            }
            finish(counts);
        });
        prepared_used_ = 0;
    }

    template <int N, class F, class... Loaders>
    static void evaluate(const Segment& segment, F f, const std::tuple<Loaders...>& loaders,
                         float (*results)[kSegment]) {
        alignas(64) float buffers[sizeof...(Loaders) == 0 ? 1 : sizeof...(Loaders)][kSegment];
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            run<N>(segment, f, results, load(std::get<I>(loaders), segment, buffers[I])...);
        }
        (std::index_sequence_for<Loaders...>{});
    }
    template <int N, class F, class... Pointers>
    static void run(const Segment& segment, F f, float (*__restrict results)[kSegment],
                    const Pointers*... in) {
        const std::int64_t count = segment.count, index = segment.index;
        for (std::int64_t j = 0; j < count; ++j) {
            const Values<N> values = f(index + j, in[j]...);
            for (int n = 0; n < N; ++n) results[n][j] = values.v[n];
        }
    }

    template <class F, class... Loaders>
    static float fold_long_row(Reduction reduction, std::int64_t row, std::int64_t cols, F f,
                               const std::tuple<Loaders...>& loaders, float (*terms)[kSegment]) {
        RowFold fold(reduction);
        const auto one = [f](std::int64_t i, auto... x) { return Values<1>{{f(i, x...)}}; };
        for (std::int64_t col = 0; col < cols; col += kSegment) {
            const std::int64_t width = std::min(kSegment, cols - col);
            evaluate<1>(Segment{row * cols + col, row, col, width, cols}, one, loaders, terms);
            fold.add(terms[0], width);
        }
        return fold.finish();
    }

    /// Columns [begin, end): ascending over rows, the running sums rounded after each block of 16.
    template <class F, class... Loaders>
    static void sum_columns_by_blocks(Format rounding, std::int64_t rows, std::int64_t cols,
                                      std::int64_t begin, std::int64_t end, F f,
                                      const std::tuple<Loaders...>& loaders, float* sums) {
        alignas(64) float terms[1][kSegment];
        const auto one = [f](std::int64_t i, auto... x) { return Values<1>{{f(i, x...)}}; };
        std::fill(sums + begin, sums + end, 0.0f);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t col = begin; col < end; col += kSegment) {
                const std::int64_t width = std::min(kSegment, end - col);
                evaluate<1>(Segment{row * cols + col, row, col, width, cols}, one, loaders, terms);
                for (std::int64_t c = 0; c < width; ++c) sums[col + c] += terms[0][c];
            }
            if ((row + 1) % kAddendsPerBlock == 0 || row + 1 == rows)
                round_in_place(rounding, sums + begin, end - begin, Subnormals::keep);
        }
    }

    template <class... In>
    auto prepare([[maybe_unused]] std::int64_t rows, [[maybe_unused]] std::int64_t cols, const In&... in) {
        return std::make_tuple(prepare_one(rows, cols, in)...);
    }
    const TensorView& prepare_one(std::int64_t, std::int64_t, const TensorView& view) { return view; }
    OneHot prepare_one(std::int64_t, std::int64_t, const OneHot& hot) { return hot; }
    DenseRow prepare_one(std::int64_t rows, std::int64_t, const PerRow& in) {
        return {dense(in.view, rows, in.view.row_stride)};
    }
    DenseColumn prepare_one(std::int64_t, std::int64_t cols, const PerColumn& in) {
        return {dense(in.view, cols, 1)};
    }

    /// `count` values of a view, `stride` elements apart, as FP32 without gaps.
    const float* dense(const TensorView& view, std::int64_t count, std::int64_t stride);
    static bool is_flat(const TensorView& view) { return view.contiguous(); }
    template <class In>
    static bool is_flat(const In&) {
        return true;
    }

    void store_all(const TensorView& out, const float* values);

    // cpu_convolution.cpp, cpu_pooling.cpp
    /// Extents of a picture's frame, where its first pixel lies in it, and how far apart its pixels.
    struct Frame {
        std::int64_t height, width, margin_y, margin_x, spacing;
    };
    const float* frame(const TensorView& view, std::int64_t images, std::int64_t height, std::int64_t width,
                       const Frame& frame, Format operands);
    const float* weights(const TensorView& weight, Format operands);
    const float* widened(const TensorView& view);
    void store_product(const TensorView& out, const IndirectProduct& product);
    void merge(const TensorView& view, CountsBuffer& counts, int output) {
        if (!view.counts) return;
        const std::lock_guard lock(counts_mutex_);
        view.counts->merge(counts.of(output));
    }
    /// Workspace of one call, on the calling thread; release_scratch() gives all of it back.
    float* scratch(std::int64_t count);
    void release_scratch() { scratch_used_ = 0, prepared_used_ = 0; }

    ThreadPool& pool_;
    std::mutex counts_mutex_;
    std::vector<std::vector<float>> scratch_;
    std::size_t scratch_used_ = 0;
    std::vector<std::vector<float>> prepared_;
    std::size_t prepared_used_ = 0;
};

}  // namespace halfscope
