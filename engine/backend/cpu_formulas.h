// The part of the CPU executor that takes a formula (ops/executor.h): map, row_reduce, column_reduce and
// count_updates on a thread pool. Elements are worked in segments: inputs are widened to FP32, the formula
// runs over the segment in a loop the compiler vectorises, results are rounded, stored and, where a view asks
// for it, counted against what was stored. Base of cpu_executor.h alone. Knows no operation.
#pragma once

#include <cstdint>
#include <mutex>
#include <tuple>
#include <vector>

#include "backend/cpu_lookup.h"
#include "backend/cpu_segment.h"
#include "backend/thread_pool.h"
#include "ops/executor.h"
#include "ops/update_call.h"

namespace halfscope {

class CpuFormulas {
  public:
    explicit CpuFormulas(ThreadPool& pool) : pool_(pool), tallies_(pool) {}

    template <class F, class... In>
    void map(const TensorView& out, F f, const In&... in) {
        if constexpr (IsTabulable<F>) {
            if (map_by_table(out, f, in...)) return;
        }
        map(Outputs<1>{{out}}, single(bound(f)), in...);
    }

    template <int N, class F, class... In>
    void map(const Outputs<N>& out, F formula, const In&... in) {
        if (idle(formula)) return;
        const auto f = bound(formula);
        const TensorView& first = out.view[0];
        bool flat = (is_flat(in) && ...);
        for (const TensorView& view : out.view) flat = flat && view.contiguous();
        const auto loaders = prepare(first.rows, first.cols, flat, in...);
        for_segments(first.rows, first.cols, flat, [&](const Segment& segment) {
            alignas(64) float buffers[N][kSegment];
            float* results[N];
            for (int n = 0; n < N; ++n) {
                float* place = place_of(out.view[n], segment);
                results[n] = place ? place : buffers[n];
            }
            evaluate<N>(segment, f, loaders, results);
            for (int n = 0; n < N; ++n) store(out.view[n], segment, results[n], tallies_, n);
        });
        for (int n = 0; n < N; ++n) finish_counts(out.view[n], n);
    }

    void copy(const TensorView& out, const TensorView& in) {
        map(
            out, [](std::int64_t, float x) { return x; }, in);
    }

    template <class F, class... In>
    void row_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                    const In&... in) {
        const std::int64_t rows = extent.rows, cols = extent.cols;
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        const auto loaders = prepare(rows, cols, flat, extent, in...);
        float* results = scratch(rows);
        const std::int64_t rows_at_once = rows_of_a_segment(flat, cols);
        share_out(rows, cols, rows_at_once, [&](std::int64_t begin, std::int64_t end) {
            alignas(64) float terms[kSegment];
            float* const results_of[] = {terms};
            for (std::int64_t row = begin; row < end; row += rows_at_once) {
                const std::int64_t count = std::min(rows_at_once, end - row);
                if (cols <= kSegment) {
                    evaluate<1>(Segment{row * cols, row, 0, count * cols, cols}, single(f), loaders,
                                results_of);
                    fold_rows(reduction, terms, count, cols, results + row);
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
        // A task works on a part of each row.
        const auto loaders = prepare(rows, cols, false, extent, in...);
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
        column_reduce(Outputs<1>{{out}}, single(f), extent, in...);
    }

    template <int N, class F, class... In>
    void column_reduce(const Outputs<N>& out, F f, const TensorView& extent, const In&... in) {
        const std::int64_t rows = extent.rows, cols = extent.cols;
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        const auto loaders = prepare(rows, cols, flat, extent, in...);
        const std::int64_t chunks = (rows + kColumnChunk - 1) / kColumnChunk;
        const std::int64_t rows_at_once = rows_of_a_segment(flat, cols);
        // [chunk][output][column]
        float* partial = scratch(chunks * N * cols);
        std::fill(partial, partial + chunks * N * cols, 0.0f);
        share_out(chunks, kColumnChunk * cols, 1, [&](std::int64_t begin, std::int64_t end) {
            alignas(64) float terms[N][kSegment];
            float* results[N];
            for (int n = 0; n < N; ++n) results[n] = terms[n];
            for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                const std::int64_t last = std::min(rows, (chunk + 1) * kColumnChunk);
                for (std::int64_t row = chunk * kColumnChunk; row < last; row += rows_at_once) {
                    const std::int64_t count = std::min(rows_at_once, last - row);
                    for (std::int64_t col = 0; col < cols; col += kSegment) {
                        const std::int64_t width = std::min(kSegment, cols - col);
                        evaluate<N>(Segment{row * cols + col, row, col, count * width, cols}, f, loaders,
                                    results);
                        for (int n = 0; n < N; ++n)
                            add_rows(partial + (chunk * N + n) * cols + col, terms[n], count, width);
                    }
                }
            }
        });
        float* totals = scratch(N * cols);
        std::fill(totals, totals + N * cols, 0.0f);
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            for (std::int64_t i = 0; i < N * cols; ++i) totals[i] += partial[chunk * N * cols + i];
        for (int n = 0; n < N; ++n) store_all(out.view[n], totals + n * cols);
        release_scratch();
    }

    /// Counts the updates of a parameter: f returns {update, weight before, weight after as stored}; see
    /// UpdateCounts. `weight_format` is what the update itself is counted against.
    template <class F, class... In>
    void count_updates(UpdateCounts& counts, Format weight_format, F formula, const TensorView& extent,
                       const In&... in) {
        if (idle(formula)) return;
        const auto f = bound(formula);
        const bool flat = extent.contiguous() && (is_flat(in) && ...);
        const auto loaders = prepare(extent.rows, extent.cols, flat, extent, in...);
        std::mutex guard;
        for_segments(extent.rows, extent.cols, flat, [&](const Segment& segment) {
            alignas(64) float update[kSegment], before[kSegment], after[kSegment], stored[kSegment];
            TensorTally& tally = tallies_.of(0, weight_format, Subnormals::keep);
            float* const results[] = {update, before, after};
            evaluate<3>(segment, f, loaders, results);
            std::uint64_t updates = 0, swallowed = 0;
            for (std::int64_t j = 0; j < segment.count; ++j) {
                const bool updated = update[j] != 0.0f && before[j] != 0.0f;
                updates += updated ? 1u : 0u;
                swallowed += updated && after[j] == before[j] ? 1u : 0u;
            }
            if (tally.reads_stored()) {
                std::copy_n(update, segment.count, stored);
                round_in_place(weight_format, stored, segment.count, Subnormals::keep);
            }
            tally.add(update, tally.reads_stored() ? stored : nullptr,
                      static_cast<std::size_t>(segment.count));
            const std::lock_guard lock(guard);
            counts.updates += updates;
            counts.swallowed += swallowed;
        });
        tallies_.move_to(0, counts.values);
    }

  protected:
    static constexpr std::int64_t kSegment = kCpuSegment;
    static constexpr std::int64_t kMinimumColumns = 16;  // of one task: a cache line
    static constexpr std::int64_t kGrainElements =
        8192;  // fewer elements than this run inline: waking a thread costs more
    static constexpr std::int64_t kPieceElements = 2048;  // of one piece of what is shared out
    static constexpr std::int64_t kFloatsOfALine = 16;    // of a cache line, 64 bytes

    /// Rows (or chunks) one range covers, so that a range has about kGrainElements, a multiple of `multiple`.
    static std::int64_t grain(std::int64_t elements_per_row, std::int64_t multiple) {
        const std::int64_t rows = kGrainElements / std::max<std::int64_t>(elements_per_row, 1) + 1;
        return (rows + multiple - 1) / multiple * multiple;
    }

    /// body(begin, end) over [0, rows): by this thread alone where waking another costs more, else in pieces
    /// small enough to be shared out evenly, whole multiples of `multiple` rows.
    template <class Body>
    void share_out(std::int64_t rows, std::int64_t elements_per_row, std::int64_t multiple, Body body) {
        if (rows * elements_per_row <= kGrainElements) {
            if (rows > 0) body(std::int64_t{0}, rows);
            return;
        }
        const std::int64_t piece = kPieceElements / std::max<std::int64_t>(elements_per_row, 1) + 1;
        pool_.parallel_for(rows, (piece + multiple - 1) / multiple * multiple, body);
    }

    /// `count` values of a view, `stride` elements apart, as FP32 without gaps.
    const float* dense(const TensorView& view, std::int64_t count, std::int64_t stride);
    void store_all(const TensorView& out, const float* values);
    /// Before an output is stored: what its elements are counted by, nullptr where it does not ask for it.
    CpuTallies* begin_counts(const TensorView& out) {
        tallies_.reset();
        return out.counts ? &tallies_ : nullptr;
    }
    /// Once it is stored.
    void finish_counts(const TensorView& view, int output) {
        if (view.counts) tallies_.move_to(output, *view.counts);
    }
    /// Workspace of one call, on the calling thread; release_scratch() gives all of it back.
    float* scratch(std::int64_t count);
    void release_scratch() { scratch_used_ = 0, prepared_used_ = 0; }

    ThreadPool& pool_;
    CpuTallies tallies_;

  private:
    /// A formula with one result as one with Values.
    template <class F>
    struct Single {
        static constexpr bool kTabulable = IsTabulable<F>;
        F f;
        template <class... X>
        Values<1> operator()(std::int64_t i, X... x) const {
            return {{f(i, x...)}};
        }
    };
    template <class F>
    static Single<F> single(F f) {
        return {f};
    }

    /// Rows that one segment holds where rows follow each other without a gap.
    static std::int64_t rows_of_a_segment(bool flat, std::int64_t cols) {
        return flat && cols <= kSegment ? kSegment / std::max<std::int64_t>(cols, 1) : 1;
    }

    /// map() by looking results up; false where that does not apply. What is counted is counted against
    /// values that were not rounded yet, which no table has.
    template <class F>
    bool map_by_table(const TensorView& out, F f, const TensorView& in) {
        const bool applies = format_bytes(in.format) == 2 && format_bytes(out.format) == 2 && !out.counts &&
                             in.contiguous() && out.contiguous() && out.elements() > kGrainElements;
        if (!applies) return false;
        const CodeTable& table = code_table(f, in.format, out.format, out.subnormals);
        for_segments(out.rows, out.cols, true, [&](const Segment& segment) {
            look_up(table, static_cast<const std::uint16_t*>(in.data) + segment.index,
                    static_cast<std::uint16_t*>(out.data) + segment.index, segment.count);
        });
        return true;
    }

    template <class Work>
    void for_segments(std::int64_t rows, std::int64_t cols, bool flat, Work work) {
        tallies_.reset();
        if (rows <= 0 || cols <= 0) return;
        const std::int64_t line = flat ? rows * cols : cols;  // elements that can be worked without a gap
        const std::int64_t lines = flat ? 1 : rows;
        const std::int64_t per_line = (line + kSegment - 1) / kSegment;
        share_out(lines * per_line, std::min(line, kSegment), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t s = begin; s < end; ++s) {
                const std::int64_t start = s % per_line * kSegment;
                const std::int64_t count = std::min(kSegment, line - start);
                const std::int64_t index = s / per_line * cols + start;
                work(Segment{index, index / cols, index % cols, count, cols});
            }
        });
        prepared_used_ = 0;
    }

    /// results[n][j] = f of the segment's element j, for each of the N results.
    template <int N, class F, class... Loaders>
    static void evaluate(const Segment& segment, F f, const std::tuple<Loaders...>& loaders,
                         float* const (&results)[N]) {
        alignas(64) float buffers[sizeof...(Loaders) == 0 ? 1 : sizeof...(Loaders)][kSegment];
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            run<N>(segment, f, results, load(std::get<I>(loaders), segment, buffers[I])...);
        }
        (std::index_sequence_for<Loaders...>{});
    }
    template <int N, class F, class... Pointers>
    static void run(const Segment& segment, F f, float* const (&results)[N], const Pointers*... in) {
        const std::int64_t count = segment.count, index = segment.index;
        // What takes long to compute leaves time to fetch: the next segment, some lines for each piece. The
        // processor itself looks ahead as far as a page goes, which is a segment. (Measured on tensors beyond
        // the caches: GELU takes 1.45 times as long as copying instead of 2.1, tanh 1.2 instead of 1.9.)
        constexpr std::int64_t kPiece = IsTabulable<F> ? 128 : kSegment;
        float* out[N];
        for (int n = 0; n < N; ++n) out[n] = results[n];
        for (std::int64_t begin = 0; begin < count; begin += kPiece) {
            const std::int64_t end = std::min(begin + kPiece, count);
            if constexpr (IsTabulable<F>) {
                for (std::int64_t ahead = begin + kSegment; ahead < end + kSegment; ahead += kFloatsOfALine) {
                    (__builtin_prefetch(in + ahead), ...);
                    for (int n = 0; n < N; ++n) __builtin_prefetch(out[n] + ahead, 1);
                }
            }
            // Results may lie where inputs lie, but only element for element. (Clang, which fuzzes and lints,
            // knows no such pragma but one that complains where it does not vectorise.)
#if !defined(__clang__)
#pragma GCC ivdep
#endif
            for (std::int64_t j = begin; j < end; ++j) {
                const Values<N> values = f(index + j, in[j]...);
                for (int n = 0; n < N; ++n) out[n][j] = values.v[n];
            }
        }
    }

    template <class F, class... Loaders>
    static float fold_long_row(Reduction reduction, std::int64_t row, std::int64_t cols, F f,
                               const std::tuple<Loaders...>& loaders, float* terms) {
        RowFold fold(reduction);
        float* const results[] = {terms};
        for (std::int64_t col = 0; col < cols; col += kSegment) {
            const std::int64_t width = std::min(kSegment, cols - col);
            evaluate<1>(Segment{row * cols + col, row, col, width, cols}, single(f), loaders, results);
            fold.add(terms, width);
        }
        return fold.finish();
    }

    /// Columns [begin, end): ascending over rows, the running sums rounded after each block of 16.
    template <class F, class... Loaders>
    static void sum_columns_by_blocks(Format rounding, std::int64_t rows, std::int64_t cols,
                                      std::int64_t begin, std::int64_t end, F f,
                                      const std::tuple<Loaders...>& loaders, float* sums) {
        alignas(64) float terms[kSegment];
        float* const results[] = {terms};
        std::fill(sums + begin, sums + end, 0.0f);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t col = begin; col < end; col += kSegment) {
                const std::int64_t width = std::min(kSegment, end - col);
                evaluate<1>(Segment{row * cols + col, row, col, width, cols}, single(f), loaders, results);
                for (std::int64_t c = 0; c < width; ++c) sums[col + c] += terms[c];
            }
            if ((row + 1) % kAddendsPerBlock == 0 || row + 1 == rows)
                round_in_place(rounding, sums + begin, end - begin, Subnormals::keep);
        }
    }

    /// What a segment is loaded from, for each input. `flat`: segments may span rows.
    template <class... In>
    auto prepare([[maybe_unused]] std::int64_t rows, [[maybe_unused]] std::int64_t cols,
                 [[maybe_unused]] bool flat, const In&... in) {
        return std::make_tuple(prepare_one(rows, cols, flat, in)...);
    }
    const TensorView& prepare_one(std::int64_t, std::int64_t, bool, const TensorView& view) { return view; }
    OneHot prepare_one(std::int64_t, std::int64_t, bool, const OneHot& hot) { return hot; }
    DenseRow prepare_one(std::int64_t rows, std::int64_t, bool, const PerRow& in) {
        return {dense(in.view, rows, in.view.row_stride)};
    }
    DenseColumn prepare_one(std::int64_t rows, std::int64_t cols, bool flat, const PerColumn& in) {
        const float* values = dense(in.view, cols, 1);
        return {values, flat && rows > 1 ? repeated(values, rows, cols) : nullptr};
    }
    /// A row of `cols` values again and again, for a segment that begins at any column.
    const float* repeated(const float* values, std::int64_t rows, std::int64_t cols);

    static bool is_flat(const TensorView& view) { return view.contiguous(); }
    template <class In>
    static bool is_flat(const In&) {
        return true;
    }

    std::vector<float>& prepared(std::int64_t count);

    std::vector<std::vector<float>> scratch_;
    std::size_t scratch_used_ = 0;
    std::vector<std::vector<float>> prepared_;
    std::size_t prepared_used_ = 0;
};

}  // namespace halfscope
