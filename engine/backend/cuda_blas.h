// cuBLAS under exactly the compute types that Techniques name. FP32 products are pedantic: no TF32, whatever
// the environment says. FP16 and BF16 operands are multiplied on Tensor Cores and summed in FP32 with no
// reduction in less; FP16 accumulation is CUBLAS_COMPUTE_16F. Used by the CUDA executor alone.
#pragma once

#include <cublas_v2.h>

#include "backend/cuda_status.h"
#include "ops/executor.h"

namespace halfscope {

class CudaBlas {
  public:
    explicit CudaBlas(cudaStream_t stream);
    ~CudaBlas();
    CudaBlas(const CudaBlas&) = delete;
    CudaBlas& operator=(const CudaBlas&) = delete;

    /// Whether cuBLAS has this product at all: operands of one format that it knows.
    static bool can_multiply(const TensorView& out, const Operand& a, const Operand& b,
                             const GemmOptions& options);
    /// Whether it can round the sum to out's format itself, as store() would.
    static bool can_store(const TensorView& out, const Operand& a, const GemmOptions& options);

    /// out = a b; no bias, no counts. out is FP32 (FP16 where sums are FP16), or what can_store() allows.
    void multiply(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options);

  private:
    cublasHandle_t handle_ = nullptr;
    void* workspace_ = nullptr;
};

}  // namespace halfscope
