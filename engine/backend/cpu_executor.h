// The executor of the CPU device: the primitives of ops/executor.h on a thread pool. Those that take a
// formula stand in cpu_formulas.h; here are the products, the windows and the tables. Used by cpu_backend.cpp
// alone. Knows no operation.
#pragma once

#include <cstdint>

#include "backend/cpu_formulas.h"
#include "backend/cpu_frame.h"
#include "backend/cpu_gemm.h"
#include "backend/cpu_gradient_phase.h"
#include "backend/cpu_indirect_product.h"

namespace halfscope {

class CpuExecutor : public CpuFormulas {
  public:
    using CpuFormulas::CpuFormulas;

    // cpu_executor.cpp
    void gemm(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options);
    void gemm_pair(const MatrixProduct& first, const MatrixProduct& second);
    void gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens);
    void scatter_add_rows(const TensorView& out, const std::int32_t* tokens, const TensorView& gradient);

    // cpu_convolution.cpp
    void convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                  const SlidingWindow& window, const GemmOptions& options);
    void convolve_input_gradient(const TensorView& out, const TensorView& dy, const TensorView& weight,
                                 const SlidingWindow& window, const GemmOptions& options);
    void convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                  const SlidingWindow& window, const GemmOptions& options);

    // cpu_pooling.cpp
    void pool(const TensorView& out, const TensorView& x, const SlidingWindow& window, Pooling pooling);
    void pool_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                       const SlidingWindow& window, Pooling pooling);

  private:
    class StoredProduct;

    const float* frames(const FramedPictures& pictures);
    const float* weights(const TensorView& weight, Format operands);
    const float* widened(const TensorView& view, std::int64_t pitch, Format operands);
    bool all_finite(const float* values, std::int64_t count);
    void multiply_with_padding(const float* by_position, std::int64_t pitch, std::int64_t outputs,
                               const TensorView& x, const SlidingWindow& window, const GemmOptions& options,
                               GemmSink sink);
    /// Counts a part of a product in FP32 that is stored: what is stored is what was computed.
    static void count_in_place(const TensorView& out, const GemmBlock& block, CpuTallies& tallies,
                               int output = 0);
    /// Stores a part of a product, with a bias of out.cols numbers where there is one, and counts it where
    /// `tallies` is given.
    static void store_block(const TensorView& out, const GemmBlock& block, const float* bias,
                            CpuTallies* tallies, int output = 0);
    /// Where the rows of a convolution's product lie in an image: `width` of them in a line. Line y reads
    /// lines of the frame from y * line_step on, `reach` of them.
    struct Places {
        std::int64_t lines, width, line_step, reach;
    };
    void multiply_by_bands(const FramedPictures& pictures, const Places& places,
                           const IndirectProduct& product, GemmSink sink);
    void store_by_bands(const TensorView& out, CpuTallies* counted, const FramedPictures& pictures,
                        const Places& places, IndirectProduct product);
    static void store_phase(const TensorView& out, const GradientPhase& phase, const GemmBlock& block,
                            CpuTallies* tallies);
};

}  // namespace halfscope
