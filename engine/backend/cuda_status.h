// What the CUDA module does with a call that failed. Used by cuda_*.cu alone.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <new>
#include <string>

#include "backend/device_error.h"

namespace halfscope {

/// Owns a handle of CUDA's or cuBLAS's, which `destroy` gives back; who derives from it makes it, at place().
template <class Handle, auto destroy>
class CudaHandle {
  public:
    CudaHandle(const CudaHandle&) = delete;
    CudaHandle& operator=(const CudaHandle&) = delete;
    operator Handle() const { return handle_; }

  protected:
    CudaHandle() = default;
    ~CudaHandle() {
        if (handle_) destroy(handle_);
    }
    Handle* place() { return &handle_; }

  private:
    Handle handle_ = nullptr;
};

/// Throws std::bad_alloc where memory ran out, else DeviceError.
inline void require(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // what was reported is not reported again
    if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
    throw DeviceError(std::string("the GPU failed in ") + what + ": " + cudaGetErrorString(status));
}

inline void require(cublasStatus_t status, const char* what) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
    throw DeviceError(std::string("cuBLAS failed in ") + what + ": " + cublasGetStatusString(status));
}

}  // namespace halfscope
