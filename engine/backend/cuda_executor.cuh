// The executor of the CUDA device: the primitives of ops/executor.h as kernels on one stream. Matrix products
// go to cuBLAS (cuda_blas.h), or, in an exact run, where cuBLAS has none and where FP32 ones are small, to
// kernels that sum in the CPU's order (cuda_product.cuh); everything else has the CPU's bits always. Used by
// cuda_backend.cu alone. Knows no operation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cuda_blas.h"
#include "backend/cuda_kernels.cuh"
#include "backend/cuda_launch.h"
#include "backend/cuda_product.cuh"
#include "backend/cuda_scratch.h"
#include "backend/cuda_together.cuh"
#include "ops/formulas.h"

namespace halfscope {

class CudaExecutor {
  public:
    /// `has_tf32`: whether the device rounds operands to TF32 where cuBLAS is allowed to (from compute
    /// capability 8.0 on).
    CudaExecutor(cudaStream_t stream, CudaProducts products, bool has_tf32)
        : stream_(stream), products_(products), has_tf32_(has_tf32), blas_(stream) {}

    template <class F, class... In>
    void map(const TensorView& out, F f, const In&... in) {
        map(Outputs<1>{{out}}, cuda::Single<F>{f}, in...);
    }
    template <int N, class F, class... In>
    void map(const Outputs<N>& out, F f, const In&... in) {
        store_each(out, cuda::MapBody<N, F, cuda::Inputs<In...>>{f, cuda::inputs(in...)});
    }
    void copy(const TensorView& out, const TensorView& in) { map(out, Identity{}, in); }

    template <class F, class... In>
    void row_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                    const In&... in) {
        using From = cuda::Inputs<TensorView, In...>;
        const From from = cuda::inputs(extent, in...);
        if (reduction.rounding != Format::fp32) {
            store_each(Outputs<1>{{out}},
                       cuda::RowBlocksBody<F, From>{reduction.rounding, extent.cols, f, from});
            return;
        }
        if (extent.rows <= 0) return;
        const bool is_direct = !out.counts && out.format == Format::fp32 && out.row_stride == 1;
        auto* const results =
            is_direct ? static_cast<float*>(out.data) : scratch_floats(ScratchFor::partial_sums, extent.rows);
        launch("a reduction of rows", grid_of(blocks_for(extent.rows * 32)), cuda::row_fold_kernel<F, From>,
               results, reduction.fold, extent.rows, extent.cols, f, from);
        if (!is_direct) copy(out, floats(results, extent.rows, 1));
    }

    template <class F, class... In>
    void column_reduce(const TensorView& out, F f, const TensorView& extent, const In&... in) {
        column_reduce(Outputs<1>{{out}}, cuda::Single<F>{f}, extent, in...);
    }
    template <int N, class F, class... In>
    void column_reduce(const Outputs<N>& out, F f, const TensorView& extent, const In&... in) {
        const std::int64_t rows = extent.rows, cols = extent.cols;
        if (cols <= 0) return;
        const std::int64_t chunks = (rows + kColumnChunk - 1) / kColumnChunk;
        float* const partial = scratch_floats(ScratchFor::partial_sums, chunks * N * cols);
        const std::int64_t blocks = (cols + cuda::kColumnTile - 1) / cuda::kColumnTile * chunks;
        using From = cuda::Inputs<TensorView, In...>;
        if (chunks > 0)
            launch("a reduction of columns", grid_of(static_cast<unsigned>(blocks)),
                   cuda::column_chunk_kernel<N, F, From>, partial, rows, cols, f,
                   cuda::inputs(extent, in...));
        store_each(out, cuda::ChunkSumBody<N>{partial, chunks, cols});
    }
    template <class F, class... In>
    void column_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                       const In&... in) {
        if (reduction.rounding == Format::fp32) return column_reduce(out, f, extent, in...);
        using From = cuda::Inputs<TensorView, In...>;
        store_each(Outputs<1>{{out}},
                   cuda::ColumnBlocksBody<F, From>{reduction.rounding, extent.rows, extent.cols, f,
                                                   cuda::inputs(extent, in...)});
    }

    void gemm(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options) {
        // A node kept in FP32 reads what its neighbours store in 16 bits. cuBLAS takes operands of one
        // format: the narrow one is widened, which is exact.
        if (products_ == CudaProducts::cublas && is_mixed(a, b))
            return gemm(out, widened(a), widened(b), options);
        if (!goes_to_cublas(out, a, b, options)) {
            multiply(out, options, a.transpose == Transpose::yes ? a.view.rows : a.view.cols,
                     cuda::MatrixLoader{a.view, a.transpose == Transpose::yes, value_of(a.view, options)},
                     cuda::MatrixLoader{b.view, b.transpose == Transpose::yes, value_of(b.view, options)});
            return;
        }
        // cuBLAS rounds once where it stores what is asked for; else it leaves the sum, and storing is ours.
        const Format sum_format = options.accumulate == Accumulate::fp16 ? Format::fp16 : Format::fp32;
        const bool is_sum_stored =
            out.format == sum_format && (sum_format == Format::fp32 || out.subnormals == Subnormals::keep);
        const bool is_stored_by_cublas = options.bias ? blas_.multiply_with_bias(out, a, b, options)
                                                      : is_sum_stored || CudaBlas::can_store(out, a, options);
        if (is_stored_by_cublas && !options.bias) blas_.multiply(out, a, b, options);
        if (is_stored_by_cublas && !out.counts) return;
        // Beside the product that trains, one that is counted: so training's kernels are the same, probed or
        // not.
        TensorView sum = floats(nullptr, out.rows, out.cols);
        sum.format = sum_format;
        sum.data = scratch_floats(ScratchFor::products, out.elements());
        blas_.multiply(sum, a, b, options);
        TensorView stored = out;
        if (is_stored_by_cublas) {
            // In place where the formats are the same, else beside the sums.
            stored = sum;
            stored.format = out.format;
            stored.subnormals = out.subnormals;
            stored.counts = out.counts;
            if (out.format != sum_format) stored.data = scratch_floats(ScratchFor::counted, out.elements());
        }
        if (options.bias) {
            map(stored, cuda::Plus{}, sum, PerColumn{options.bias});
        } else {
            copy(stored, sum);
        }
    }

    void gemm_pair(const MatrixProduct& first, const MatrixProduct& second) {
        gemm(first.out, first.a, first.b, first.options);
        gemm(second.out, second.a, second.b, second.options);
    }

    // Without exact products a convolution is laid out as matrices ("im2col") for cuBLAS.
    void convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                  const SlidingWindow& window, const GemmOptions& options) {
        const cuda::WindowLoader windows{x, window, value_of(x, options)};
        const Operand right{weight, Transpose::yes};
        if (!goes_to_cublas(out, {x}, right, options))
            return multiply(out, options, weight.cols, windows,
                            cuda::MatrixLoader{weight, true, value_of(weight, options)});
        gemm(out, {laid_out(ScratchFor::left_operand, x.format, out.rows, weight.cols, windows)}, right,
             options);
    }
    void convolve_input_gradient(const TensorView& out, const TensorView& dy, const TensorView& weight,
                                 const SlidingWindow& window, const GemmOptions& options) {
        const std::int64_t depth = dy.cols * window.taps();
        const cuda::PositionLoader positions{dy, window, value_of(dy, options)};
        const cuda::TapWeightLoader taps{weight, window, value_of(weight, options)};
        if (!goes_to_cublas(out, {dy}, {weight}, options))
            return multiply(out, options, depth, positions, taps, window.stride > 1);
        gemm(out, {laid_out(ScratchFor::left_operand, dy.format, out.rows, depth, positions)},
             {laid_out(ScratchFor::right_operand, weight.format, depth, out.cols, taps)}, options);
    }
    void convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                  const SlidingWindow& window, const GemmOptions& options) {
        const cuda::WindowLoader patches{x, window, value_of(x, options)};
        const Operand left{dy, Transpose::yes};
        if (!goes_to_cublas(out, left, {x}, options))
            return multiply(out, options, dy.rows, cuda::MatrixLoader{dy, true, value_of(dy, options)},
                            patches, window.padding > 0);
        gemm(out, left, {laid_out(ScratchFor::right_operand, x.format, dy.rows, out.cols, patches)}, options);
    }

    void pool(const TensorView& out, const TensorView& x, const SlidingWindow& window, Pooling pooling) {
        store_each(Outputs<1>{{out}}, cuda::PoolBody{x, window, pooling});
    }
    void pool_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                       const SlidingWindow& window, Pooling pooling) {
        store_each(Outputs<1>{{out}}, cuda::PoolGradientBody{dy, x, window, pooling});
    }
    void gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens) {
        store_each(Outputs<1>{{out}}, cuda::GatherBody{table, tokens});
    }
    void scatter_add_rows(const TensorView& out, const std::int32_t* tokens, const TensorView& gradient) {
        store_each(Outputs<1>{{out}}, cuda::ScatterAddBody{gradient, tokens});
    }

    template <class F, class... In>
    void count_updates(UpdateCounts& counts, Format weight_format, F f, const TensorView& extent,
                       const In&... in) {
        if (extent.elements() <= 0) return;
        const cuda::CountJob<F, cuda::Inputs<TensorView, In...>> job{
            &counts, weight_format, extent.rows, extent.cols, f, cuda::inputs(extent, in...)};
        counts_.add(job, blocks_for_counting(extent.elements()));
    }

    /// Launches the updates that were collected, after the counts of what they will do.
    void finish_updates() {
        counts_.launch(stream_);
        updates_.launch(stream_);
    }
    /// Copies, of which none reads what another one stores, in fewer kernels where their tensors are small.
    void copy_each(std::span<const Conversion> conversions) {
        collects_copies_ = true;
        for (const Conversion& conversion : conversions) copy(conversion.out, conversion.in);
        collects_copies_ = false;
        copies_.launch(stream_);
    }

    /// After an exception: what was collected is not done.
    void forget_collected() {
        counts_.forget();
        updates_.forget();
        copies_.forget();
        collects_copies_ = false;
    }

    /// Device memory for what a check found, valid until a larger one is asked for.
    void* check_space(std::uint64_t bytes) {
        return scratch_.bytes(ScratchFor::checks, static_cast<std::int64_t>(bytes), stream_);
    }
    /// Device memory for what is measured of a gradient, valid until the next call of any member.
    void* measuring_space(std::int64_t bytes) {
        return scratch_.bytes(ScratchFor::partial_sums, bytes, stream_);
    }

    /// Device memory that is missing for the operations of these passes.
    std::uint64_t missing_scratch(std::span<const PlannedPass> passes) const {
        ScratchBytes needed{};
        for (const PlannedPass& pass : passes)
            needed = larger_of(needed, scratch_bound(pass.graph, pass.plan, products_));
        return scratch_.missing(needed);
    }
    std::uint64_t scratch_generation() const { return scratch_.generation(); }

  private:
    bool goes_to_cublas(const TensorView& out, const Operand& a, const Operand& b,
                        const GemmOptions& options) const {
        Operand left = a, right = b;
        if (is_mixed(a, b)) left.view.format = right.view.format = Format::fp32;  // as gemm() widens them
        const bool is_tf32 = left.view.format == Format::fp32 && options.operands == Format::tf32;
        return products_ == CudaProducts::cublas && CudaBlas::can_multiply(out, left, right, options) &&
               !is_small_fp32(out, left, options) && (has_tf32_ || !is_tf32);
    }
    /// The steps of a recurrent network: pedantic FP32 products of this size take cuBLAS several times as
    /// long as the kernel below (on an H100, 16 x 288 x 96: 30 us).
    static bool is_small_fp32(const TensorView& out, const Operand& a, const GemmOptions& options) {
        constexpr std::int64_t kFewElements = 8192, kShallow = 512;
        const std::int64_t depth = a.transpose == Transpose::yes ? a.view.rows : a.view.cols;
        return a.view.format == Format::fp32 && options.operands != Format::tf32 &&
               out.elements() <= kFewElements && depth <= kShallow;
    }
    static bool is_mixed(const Operand& a, const Operand& b) {
        return a.view.format != b.view.format &&
               (a.view.format == Format::fp32 || b.view.format == Format::fp32);
    }
    /// The operand in FP32; of two that differ, one is so already.
    Operand widened(const Operand& operand) {
        if (operand.view.format == Format::fp32) return operand;
        const TensorView wide = floats(scratch_floats(ScratchFor::widened, operand.view.elements()),
                                       operand.view.rows, operand.view.cols);
        TensorView narrow = operand.view;
        narrow.counts = nullptr;
        copy(wide, narrow);
        return {wide, operand.transpose};
    }
    float* scratch_floats(ScratchFor purpose, std::int64_t count) {
        return static_cast<float*>(
            scratch_.bytes(purpose, count * static_cast<std::int64_t>(sizeof(float)), stream_));
    }
    /// What a loader reads, as a matrix of its own: what cuBLAS multiplies for a convolution.
    template <class Load>
    TensorView laid_out(ScratchFor purpose, Format format, std::int64_t rows, std::int64_t cols,
                        const Load& loader) {
        TensorView matrix = floats(scratch_floats(purpose, rows * cols), rows, cols);
        matrix.format = format;
        store_each(Outputs<1>{{matrix}}, cuda::LoadedBody<Load>{loader});
        return matrix;
    }
    static unsigned blocks_for(std::int64_t threads) {
        constexpr std::int64_t kMostBlocks = 2048;
        return static_cast<unsigned>(
            std::clamp<std::int64_t>((threads + cuda::kThreads - 1) / cuda::kThreads, 1, kMostBlocks));
    }
    /// A block that counts begins and ends with work of its own: no more blocks than run at once.
    static unsigned blocks_for_counting(std::int64_t threads) {
        constexpr unsigned kMostBlocks = 528;
        return std::min(blocks_for(threads), kMostBlocks);
    }
    CudaGrid grid_of(unsigned blocks) const { return {blocks, cuda::kThreads, stream_}; }
    static TensorView floats(float* data, std::int64_t rows, std::int64_t cols) {
        TensorView view;
        view.data = data;
        view.rows = rows;
        view.cols = view.row_stride = cols;
        return view;
    }
    static cuda::OperandValue value_of(const TensorView& view, const GemmOptions& options) {
        return {view.format, options.operands == Format::tf32};
    }

    template <int N, class Body>
    void store_each(const Outputs<N>& out, const Body& body) {
        const std::int64_t elements = out.view[0].elements();
        if (elements <= 0) return;
        bool is_counted = false;
        for (const TensorView& view : out.view) is_counted = is_counted || view.counts != nullptr;
        if (is_counted) {
            const unsigned blocks = blocks_for_counting(elements);
            if constexpr (cuda::kIsCopy<Body>) {
                const cuda::StoreJob<N, true, Body> job{out, body};
                if (collects_copies_) return copies_.add(job, blocks);
            }
            return launch("a formula", grid_of(blocks), cuda::store_kernel<N, true, Body>, out, body);
        }
        // Below that the GPU is not full, and more threads are faster than more elements a thread.
        constexpr std::int64_t kPackedFrom = std::int64_t{1} << 19;
        if constexpr (cuda::HasPacks<Body>) {
            if (elements >= kPackedFrom && cuda::packable(out, body)) {
                if constexpr (cuda::kIsUpdate<Body>) counts_.launch(stream_);
                return launch("a formula", grid_of(blocks_for(elements / cuda::kPack)),
                              cuda::store_packs_kernel<N, Body>, out, body);
            }
        }
        if constexpr (cuda::kIsUpdate<Body>) {
            const cuda::StoreJob<N, false, Body> job{out, body};
            updates_.add(job, blocks_for(elements));
        } else {
            if constexpr (cuda::kIsCopy<Body>) {
                const cuda::StoreJob<N, false, Body> job{out, body};
                if (collects_copies_) return copies_.add(job, blocks_for(elements));
            }
            launch("a formula", grid_of(blocks_for(elements)), cuda::store_kernel<N, false, Body>, out, body);
        }
    }

    template <class LoadA, class LoadB>
    void multiply(const TensorView& out, const GemmOptions& options, std::int64_t depth, const LoadA& a,
                  const LoadB& b, bool is_zero_positive = false) {
        if (out.elements() <= 0) return;
        const std::int64_t blocks =
            (out.cols + cuda::kTile - 1) / cuda::kTile * ((out.rows + cuda::kTile - 1) / cuda::kTile);
        launch("a matrix product",
               CudaGrid{static_cast<unsigned>(blocks), static_cast<unsigned>(cuda::kProductThreads), stream_},
               cuda::product_kernel<LoadA, LoadB>, out, options.bias,
               cuda::ProductExtents{out.rows, out.cols, depth, is_zero_positive}, a, b, options.accumulate);
    }

    cudaStream_t stream_;
    CudaProducts products_;
    bool has_tf32_;
    CudaBlas blas_;
    CudaScratch scratch_;
    CudaTogether counts_, updates_, copies_;
    bool collects_copies_ = false;
};

}  // namespace halfscope
