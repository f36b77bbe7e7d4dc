#include "backend/cuda_blas.h"

#include <cstdint>
#include <limits>

namespace halfscope {
namespace {

// NVIDIA's recommendation for Hopper; a workspace of one's own keeps results the same from run to run and
// lets graphs be captured (cuBLAS, "cublasSetWorkspace").
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

cudaDataType_t type_of(Format format) {
    if (format == Format::fp16) return CUDA_R_16F;
    if (format == Format::bf16) return CUDA_R_16BF;
    return CUDA_R_32F;
}

bool is_known(Format format) {
    return format == Format::fp16 || format == Format::bf16 || format == Format::fp32 ||
           format == Format::tf32;
}

cublasComputeType_t compute_type(const Operand& a, const GemmOptions& options) {
    if (options.accumulate == Accumulate::fp16) return CUBLAS_COMPUTE_16F;
    if (type_of(a.view.format) != CUDA_R_32F) return CUBLAS_COMPUTE_32F;
    return options.operands == Format::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F_PEDANTIC;
}

bool fits_int(std::int64_t extent) { return extent <= std::numeric_limits<int>::max(); }

}  // namespace

CudaBlas::CudaBlas(cudaStream_t stream) {
    require(cublasCreate(&handle_), "its start");
    require(cublasSetStream(handle_, stream), "its start");
    require(cudaMalloc(&workspace_, kWorkspaceBytes), "the workspace of cuBLAS");
    require(cublasSetWorkspace(handle_, workspace_, kWorkspaceBytes), "its start");
    const auto mode =
        static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
    require(cublasSetMathMode(handle_, mode), "its start");
}

CudaBlas::~CudaBlas() {
    if (handle_) cublasDestroy(handle_);
    cudaFree(workspace_);
}

bool CudaBlas::can_multiply(const TensorView& out, const Operand& a, const Operand& b,
                            const GemmOptions& options) {
    const Format format = a.view.format;
    if (format != b.view.format || !is_known(format)) return false;
    if (options.accumulate == Accumulate::fp16 && format != Format::fp16) return false;
    if (out.elements() == 0 || a.view.elements() == 0) return false;
    for (const TensorView* view : {&out, &a.view, &b.view})
        if (!fits_int(view->rows) || !fits_int(view->cols) || !fits_int(view->row_stride)) return false;
    return true;
}

bool CudaBlas::can_store(const TensorView& out, const Operand& a, const GemmOptions& options) {
    if (options.accumulate == Accumulate::fp16) return false;
    return out.subnormals == Subnormals::keep && out.format == a.view.format &&
           (out.format == Format::fp16 || out.format == Format::bf16);
}

void CudaBlas::multiply(const TensorView& out, const Operand& a, const Operand& b,
                        const GemmOptions& options) {
    // Row-major out = a b is column-major out^T = b^T a^T.
    const auto operation = [](const Operand& operand) {
        return operand.transpose == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
    };
    const std::int64_t depth = a.transpose == Transpose::yes ? a.view.rows : a.view.cols;
    const cublasComputeType_t compute = compute_type(a, options);
    const float one = 1.0f, zero = 0.0f;
    const std::uint16_t half_one = 0x3c00, half_zero = 0;
    const bool is_half = compute == CUBLAS_COMPUTE_16F;
    const void* const alpha = is_half ? static_cast<const void*>(&half_one) : &one;
    const void* const beta = is_half ? static_cast<const void*>(&half_zero) : &zero;
    require(cublasGemmEx(handle_, operation(b), operation(a), static_cast<int>(out.cols),
                         static_cast<int>(out.rows), static_cast<int>(depth), alpha, b.view.data,
                         type_of(b.view.format), static_cast<int>(b.view.row_stride), a.view.data,
                         type_of(a.view.format), static_cast<int>(a.view.row_stride), beta, out.data,
                         type_of(out.format), static_cast<int>(out.row_stride), compute, CUBLAS_GEMM_DEFAULT),
            "a matrix product");
}

}  // namespace halfscope
