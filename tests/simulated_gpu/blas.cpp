// The functions of cublas_v2.h and cublasLt.h: matrix products as Tensor Cores make them, as far as anybody
// says how. Products are exact or rounded once; a block of them is summed, and blocks are added up in the
// precision of the sum, which is another order than the CPU backend's. Combinations are those of cuBLAS's
// documentation, "cublasGemmEx"; everything else is refused.
#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

#include "cublasLt.h"
#include "device.h"
#include "numerics/rounding.h"

namespace simulated_gpu {

struct Blas {
    cudaStream_t stream = nullptr;
    int math = CUBLAS_DEFAULT_MATH;
    bool has_workspace = false;
};
struct BlasLt {};
struct MatrixLayout {
    cudaDataType_t type;
    std::int64_t rows, cols, ld;
};
struct ProductDescription {
    cublasComputeType_t compute;
    cublasOperation_t op_a = CUBLAS_OP_N, op_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void* bias = nullptr;
    cudaDataType_t bias_type = CUDA_R_32F;
};
struct ProductPreference {
    std::uint64_t workspace_bytes = 0;
    std::uint32_t reductions = ~0u;
    std::uint32_t a_alignment = 256, b_alignment = 256, d_alignment = 256;  // the defaults
};

namespace {

using halfscope::Format;

Format format_of(cudaDataType_t type) {
    if (type == CUDA_R_16F) return Format::fp16;
    return type == CUDA_R_16BF ? Format::bf16 : Format::fp32;
}
std::int64_t bytes_of(cudaDataType_t type) { return type == CUDA_R_32F ? 4 : 2; }

float value_at(const void* data, cudaDataType_t type, std::int64_t at) {
    if (type == CUDA_R_32F) return static_cast<const float*>(data)[at];
    return halfscope::decode(format_of(type), static_cast<const std::uint16_t*>(data)[at]);
}
void store_at(void* data, cudaDataType_t type, std::int64_t at, float x) {
    if (type == CUDA_R_32F) {
        static_cast<float*>(data)[at] = x;
    } else {
        static_cast<std::uint16_t*>(data)[at] =
            static_cast<std::uint16_t>(halfscope::encode(format_of(type), x));
    }
}

/// Column-major, `ld` elements from column to column.
struct Matrix {
    const void* data;
    cudaDataType_t type;
    std::int64_t rows, cols, ld;
    cublasOperation_t op = CUBLAS_OP_N;

    std::int64_t bytes() const { return ((cols - 1) * ld + rows) * bytes_of(type); }
    std::int64_t result_rows() const { return op == CUBLAS_OP_N ? rows : cols; }
    std::int64_t result_cols() const { return op == CUBLAS_OP_N ? cols : rows; }
    bool is_in_words() const {
        return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && rows * bytes_of(type) % 16 == 0 &&
               ld * bytes_of(type) % 16 == 0;
    }
    /// op(matrix), row by row, its values rounded to `operands`.
    std::vector<float> values(Format operands) const {
        const std::int64_t height = result_rows(), width = result_cols();
        std::vector<float> all(static_cast<std::size_t>(height * width));
        for (std::int64_t row = 0; row < height; ++row)
            for (std::int64_t col = 0; col < width; ++col)
                all[static_cast<std::size_t>(row * width + col)] = halfscope::round_to(
                    operands, value_at(data, type, op == CUBLAS_OP_N ? col * ld + row : row * ld + col));
        return all;
    }
};

struct Product {
    Matrix a, b, c;
    cublasComputeType_t compute;
    bool is_reduced_in_fp16 = false;  ///< what DISALLOW_REDUCED_PRECISION_REDUCTION forbids
    const void* bias = nullptr;       ///< of c's type, one for each of c's rows
};

cublasStatus_t finding(const Product& product) {
    const auto& [a, b, c, compute, reduced, bias] = product;
    for (const Matrix* matrix : {&a, &b, &c})
        if (matrix->rows <= 0 || matrix->cols <= 0 || matrix->ld < matrix->rows)
            return CUBLAS_STATUS_INVALID_VALUE;
    if (a.result_rows() != c.rows || b.result_cols() != c.cols || a.result_cols() != b.result_rows())
        return CUBLAS_STATUS_INVALID_VALUE;
    bool is_supported = a.type == b.type && (c.type == a.type || c.type == CUDA_R_32F);
    if (compute == CUBLAS_COMPUTE_16F)
        is_supported = a.type == CUDA_R_16F && b.type == CUDA_R_16F && c.type == CUDA_R_16F;
    if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) is_supported = is_supported && a.type == CUDA_R_32F;
    return is_supported ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

void multiply(const Product& product) {
    constexpr std::int64_t kBlock = 16;
    const bool sums_fp16 = product.compute == CUBLAS_COMPUTE_16F || product.is_reduced_in_fp16;
    const bool is_tf32 =
        product.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && settings().compute_capability >= 8;
    const Format operands = is_tf32 ? Format::tf32 : Format::fp32;
    const std::vector<float> a = product.a.values(operands), b = product.b.values(operands);
    const Matrix& c = product.c;
    const std::int64_t depth = product.a.result_cols(), cols = c.cols;
    // Seen of cuBLASLt 13: where addresses or strides are odd, it rounds before the bias is added.
    const bool rounds_before_bias =
        c.type != CUDA_R_32F && !(product.a.is_in_words() && product.b.is_in_words() && c.is_in_words());
    std::vector<float> sums(static_cast<std::size_t>(cols)), block(sums.size());
    for (std::int64_t row = 0; row < c.rows; ++row) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (std::int64_t first = 0; first < depth; first += kBlock) {
            std::fill(block.begin(), block.end(), 0.0f);
            for (std::int64_t k = first; k < std::min(first + kBlock, depth); ++k) {
                const float left = a[static_cast<std::size_t>(row * depth + k)];
                const float* const right = &b[static_cast<std::size_t>(k * cols)];
                for (std::int64_t col = 0; col < cols; ++col)
                    block[static_cast<std::size_t>(col)] += left * right[col];
            }
            for (std::size_t col = 0; col < sums.size(); ++col) {
                sums[col] += block[col];
                if (sums_fp16) sums[col] = halfscope::round_to(Format::fp16, sums[col]);
            }
        }
        for (std::int64_t col = 0; col < cols; ++col) {
            float sum = sums[static_cast<std::size_t>(col)];
            if (product.bias) {
                if (rounds_before_bias) sum = halfscope::round_to(format_of(c.type), sum);
                sum += value_at(product.bias, c.type, row);
            }
            store_at(const_cast<void*>(c.data), c.type, col * c.ld + row, sum);
        }
    }
}

cublasStatus_t enqueue(cudaStream_t stream, const Product& product) {
    Device& device = Device::get();
    const std::lock_guard lock(device.mutex);
    for (const Matrix* matrix : {&product.a, &product.b, &product.c})
        if (!device.memory().holds(matrix->data, static_cast<std::uint64_t>(matrix->bytes())))
            return CUBLAS_STATUS_INVALID_VALUE;
    const auto bias_bytes = static_cast<std::uint64_t>(product.c.rows * bytes_of(product.c.type));
    if (product.bias && !device.memory().holds(product.bias, bias_bytes)) return CUBLAS_STATUS_INVALID_VALUE;
    return device.enqueue(stream, [product] { multiply(product); }) == cudaSuccess
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_EXECUTION_FAILED;
}

/// alpha = 1 and beta = 0, in the precision of the sums: all that the backend asks for.
bool is_plain(cublasComputeType_t compute, const void* alpha, const void* beta) {
    if (compute == CUBLAS_COMPUTE_16F) {
        return *static_cast<const std::uint16_t*>(alpha) == 0x3c00 &&
               *static_cast<const std::uint16_t*>(beta) == 0;
    }
    return *static_cast<const float*>(alpha) == 1.0f && *static_cast<const float*>(beta) == 0.0f;
}

template <class Value>
cublasStatus_t set(Value& place, const void* value, std::size_t bytes) {
    if (bytes != sizeof place) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&place, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

/// What an algorithm depends on, but for alignments.
std::array<std::int64_t, 16> chosen_for(const ProductDescription& description, const MatrixLayout& a,
                                        const MatrixLayout& b, const MatrixLayout& d) {
    return {description.compute,
            description.op_a,
            description.op_b,
            description.epilogue,
            a.type,
            a.rows,
            a.cols,
            a.ld,
            b.type,
            b.rows,
            b.cols,
            b.ld,
            d.type,
            d.rows,
            d.cols,
            d.ld};
}
/// The largest power of two, up to 256, that divides the address.
std::uint32_t alignment_of(const void* data) {
    std::uint32_t bytes = 256;
    while (reinterpret_cast<std::uintptr_t>(data) % bytes != 0) bytes /= 2;
    return bytes;
}

std::optional<Product> described(const ProductDescription& description, const MatrixLayout& a,
                                 const MatrixLayout& b, const MatrixLayout& d) {
    const auto matrix = [](const MatrixLayout& layout, cublasOperation_t op) {
        return Matrix{nullptr, layout.type, layout.rows, layout.cols, layout.ld, op};
    };
    Product product{matrix(a, description.op_a), matrix(b, description.op_b), matrix(d, CUBLAS_OP_N),
                    description.compute};
    if (finding(product) != CUBLAS_STATUS_SUCCESS) return std::nullopt;
    if (description.epilogue == CUBLASLT_EPILOGUE_BIAS) {
        if (!description.bias || description.bias_type != d.type) return std::nullopt;
        product.bias = description.bias;
    }
    return product;
}

}  // namespace
}  // namespace simulated_gpu

using namespace simulated_gpu;

const char* cublasGetStatusString(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_SUCCESS:
            return "success";
        case CUBLAS_STATUS_ALLOC_FAILED:
            return "the resource allocation failed";
        case CUBLAS_STATUS_INVALID_VALUE:
            return "an unsupported value or parameter was passed to the function";
        case CUBLAS_STATUS_EXECUTION_FAILED:
            return "the function failed to launch on the GPU";
        case CUBLAS_STATUS_NOT_SUPPORTED:
            return "the functionality requested is not supported";
    }
    return "unknown error";
}

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
    *handle = new Blas;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    handle->has_workspace = false;  // as documented
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
    handle->has_workspace = Device::get().memory().holds(workspace, bytes);
    return handle->has_workspace ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m,
                            int n, int k, const void* alpha, const void* a, cudaDataType_t a_type, int lda,
                            const void* b, cudaDataType_t b_type, int ldb, const void* beta, void* c,
                            cudaDataType_t c_type, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t) {
    const bool is_a_straight = op_a == CUBLAS_OP_N, is_b_straight = op_b == CUBLAS_OP_N;
    Product product{Matrix{a, a_type, is_a_straight ? m : k, is_a_straight ? k : m, lda, op_a},
                    Matrix{b, b_type, is_b_straight ? k : n, is_b_straight ? n : k, ldb, op_b},
                    Matrix{c, c_type, m, n, ldc}, compute};
    // Without a workspace of its own a capture would allocate one.
    if (!handle->has_workspace || !is_plain(compute, alpha, beta)) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (const cublasStatus_t status = finding(product); status != CUBLAS_STATUS_SUCCESS) return status;
    product.is_reduced_in_fp16 =
        a_type == CUDA_R_16F && (handle->math & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) == 0;
    return enqueue(handle->stream, product);
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = new BlasLt;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
    *layout = new MatrixLayout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cols), ld};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType_t) {
    *description = new ProductDescription{compute};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
    delete description;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
    switch (attribute) {
        case CUBLASLT_MATMUL_DESC_TRANSA:
            return set(description->op_a, value, bytes);
        case CUBLASLT_MATMUL_DESC_TRANSB:
            return set(description->op_b, value, bytes);
        case CUBLASLT_MATMUL_DESC_EPILOGUE:
            return set(description->epilogue, value, bytes);
        case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
            return set(description->bias, value, bytes);
        case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
            return set(description->bias_type, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    *preference = new ProductPreference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        return set(preference->workspace_bytes, value, bytes);
    if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
        return set(preference->reductions, value, bytes);
    if (attribute == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)
        return set(preference->a_alignment, value, bytes);
    if (attribute == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES)
        return set(preference->b_alignment, value, bytes);
    return set(preference->d_alignment, value, bytes);
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* found, int* count) {
    *count = 0;
    if (wanted < 1 || !described(*description, *a, *b, *d)) return CUBLAS_STATUS_NOT_SUPPORTED;
    *count = 1;
    found->algo.chosen_for = chosen_for(*description, *a, *b, *d);
    found->algo.alignments = {preference->a_alignment, preference->b_alignment, preference->d_alignment};
    found->algo.bias_alignment = alignment_of(description->bias);
    found->algo.reduces_in_output =
        (preference->reductions & ~static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)) != 0;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
    std::optional<Product> product = described(*description, *a_layout, *b_layout, *d_layout);
    const auto is_aligned = [](const void* data, std::uint32_t bytes) {
        return reinterpret_cast<std::uintptr_t>(data) % bytes == 0;
    };
    const auto& alignments = algorithm->alignments;
    if (!product || algorithm->chosen_for != chosen_for(*description, *a_layout, *b_layout, *d_layout) ||
        !is_aligned(a, alignments[0]) || !is_aligned(b, alignments[1]) || !is_aligned(d, alignments[2]) ||
        !is_aligned(description->bias, algorithm->bias_alignment) ||
        !is_plain(description->compute, alpha, beta) ||
        !Device::get().memory().holds(workspace, workspace_bytes))
        return CUBLAS_STATUS_INVALID_VALUE;
    product->a.data = a;
    product->b.data = b;
    product->c.data = d;
    product->is_reduced_in_fp16 = algorithm->reduces_in_output && a_layout->type == CUDA_R_16F;
    return enqueue(stream, *product);
}
