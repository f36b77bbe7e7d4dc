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

cublasOperation_t operation(const Operand& operand) {
    return operand.transpose == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
}

/// Bytes that the address is a multiple of, as far as cuBLASLt cares.
std::uint32_t alignment_of(const void* data) {
    constexpr std::uintptr_t kMost = 256;
    const auto address = reinterpret_cast<std::uintptr_t>(data) | kMost;
    return static_cast<std::uint32_t>(address & (~address + 1));
}

/// Whether every row begins at a multiple of 16 bytes and so ends.
bool is_in_words(const TensorView& view) {
    constexpr std::int64_t kWord = 16;
    const std::int64_t bytes = format_info(view.format).bytes;
    return reinterpret_cast<std::uintptr_t>(view.data) % kWord == 0 && view.cols * bytes % kWord == 0 &&
           view.row_stride * bytes % kWord == 0;
}

/// A row-major matrix as cuBLASLt sees it: column-major, transposed.
class Layout : public CudaHandle<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> {
  public:
    explicit Layout(const TensorView& view) {
        require(
            cublasLtMatrixLayoutCreate(place(), type_of(view.format), static_cast<std::uint64_t>(view.cols),
                                       static_cast<std::uint64_t>(view.rows), view.row_stride),
            "a matrix product");
    }
};

class ProductDescription : public CudaHandle<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> {
  public:
    explicit ProductDescription(cublasComputeType_t compute) {
        require(cublasLtMatmulDescCreate(place(), compute, CUDA_R_32F), "a matrix product");
    }
    template <class Value>
    void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
        require(cublasLtMatmulDescSetAttribute(*this, attribute, &value, sizeof value), "a matrix product");
    }
};

class Preference : public CudaHandle<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> {
  public:
    Preference() { require(cublasLtMatmulPreferenceCreate(place()), "a matrix product"); }
    template <class Value>
    void set(cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
        require(cublasLtMatmulPreferenceSetAttribute(*this, attribute, &value, sizeof value),
                "a matrix product");
    }
};

bool fits_int(std::int64_t extent) { return extent <= std::numeric_limits<int>::max(); }

}  // namespace

CudaBlas::Workspace::Workspace() { require(cudaMalloc(place(), kWorkspaceBytes), "the workspace of cuBLAS"); }

CudaBlas::CudaBlas(cudaStream_t stream) : stream_(stream) {
    require(cublasSetStream(handle_, stream), "its start");
    require(cublasSetWorkspace(handle_, workspace_, kWorkspaceBytes), "its start");
    const auto mode =
        static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
    require(cublasSetMathMode(handle_, mode), "its start");
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

bool CudaBlas::multiply_with_bias(const TensorView& out, const Operand& a, const Operand& b,
                                  const GemmOptions& options) {
    const TensorView& bias = options.bias;
    if (options.accumulate == Accumulate::fp16 || bias.format != out.format) return false;
    if (out.format != Format::fp32) {
        // Where addresses or strides are odd, cuBLASLt 13 has been seen to round before the bias is added.
        if (!can_store(out, a, options) || !is_in_words(out) || !is_in_words(a.view) || !is_in_words(b.view))
            return false;
    }
    ProductDescription description(compute_type(a, options));
    description.set(CUBLASLT_MATMUL_DESC_TRANSA, operation(b));
    description.set(CUBLASLT_MATMUL_DESC_TRANSB, operation(a));
    description.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    description.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.data);
    description.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(bias.format));
    const Layout left(b.view), right(a.view), result(out);
    const std::uint32_t left_bytes = alignment_of(b.view.data), right_bytes = alignment_of(a.view.data);
    const std::uint32_t out_bytes = alignment_of(out.data);
    const ProductKey key{static_cast<std::int64_t>(a.view.format),
                         static_cast<std::int64_t>(out.format),
                         static_cast<std::int64_t>(options.operands),
                         operation(a),
                         operation(b),
                         out.rows,
                         out.cols,
                         a.view.rows * a.view.cols,
                         a.view.row_stride,
                         b.view.row_stride,
                         out.row_stride,
                         left_bytes,
                         right_bytes,
                         out_bytes,
                         alignment_of(bias.data)};
    const auto [place, is_new] = algorithms_.try_emplace(key);
    if (is_new) {
        Preference preference;
        preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
        // Parts of a sum meet in FP32, never in less.
        preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                       static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
        preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, left_bytes);
        preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, right_bytes);
        preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, out_bytes);
        preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, out_bytes);
        cublasLtMatmulHeuristicResult_t found{};
        int count = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(lt_, description, left, right, result,
                                                                     result, preference, 1, &found, &count);
        if (status == CUBLAS_STATUS_SUCCESS && count > 0) place->second = found.algo;
    }
    if (!place->second) return false;
    const float one = 1.0f, zero = 0.0f;
    require(cublasLtMatmul(lt_, description, &one, b.view.data, left, a.view.data, right, &zero, out.data,
                           result, out.data, result, &*place->second, workspace_, kWorkspaceBytes, stream_),
            "a matrix product");
    return true;
}

}  // namespace halfscope
