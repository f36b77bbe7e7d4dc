// cuBLAS under exactly the compute types that Techniques name. FP32 products are pedantic: no TF32, whatever
// the environment says. FP16 and BF16 operands are multiplied on Tensor Cores and summed in FP32 with no
// reduction in less; FP16 accumulation is CUBLAS_COMPUTE_16F. Used by the CUDA executor alone.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "backend/cuda_status.h"
#include "ops/executor.h"

namespace halfscope {

class CudaBlas {
  public:
    explicit CudaBlas(cudaStream_t stream);
    CudaBlas(const CudaBlas&) = delete;
    CudaBlas& operator=(const CudaBlas&) = delete;

    /// Whether cuBLAS has this product at all: operands of one format that it knows.
    static bool can_multiply(const TensorView& out, const Operand& a, const Operand& b,
                             const GemmOptions& options);
    /// Whether it can round the sum to out's format itself, as store() would.
    static bool can_store(const TensorView& out, const Operand& a, const GemmOptions& options);

    /// out = a b; no bias, no counts. out is FP32 (FP16 where sums are FP16), or what can_store() allows.
    void multiply(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options);

    /// out = a b + bias as one product: the bias joins the sum before it is rounded. False, and nothing done,
    /// where cuBLASLt has none such.
    bool multiply_with_bias(const TensorView& out, const Operand& a, const Operand& b,
                            const GemmOptions& options);

  private:
    /// What an algorithm was chosen for: formats, transposes, extents, strides, alignments.
    using ProductKey = std::array<std::int64_t, 15>;
    struct Handle : CudaHandle<cublasHandle_t, cublasDestroy> {
        Handle() { require(cublasCreate(place()), "its start"); }
    };
    struct LtHandle : CudaHandle<cublasLtHandle_t, cublasLtDestroy> {
        LtHandle() { require(cublasLtCreate(place()), "its start"); }
    };
    struct Workspace : CudaHandle<void*, cudaFree> {
        Workspace();
    };

    cudaStream_t stream_;
    Handle handle_;
    LtHandle lt_;
    Workspace workspace_;
    std::map<ProductKey, std::optional<cublasLtMatmulAlgo_t>> algorithms_;
};

}  // namespace halfscope
