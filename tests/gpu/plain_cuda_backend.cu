// Every operation, forward and backward, and every form of the optimizer's update as kernels. That nvcc takes
// this file is a check of its own: no formula of ops/ may use what a device lacks.
#include "plain_cuda_backend.h"

#include "cuda_device.cuh"
#include "plain_backend.h"

namespace halfscope {

std::string why_no_device() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) return std::string("no CUDA device: ") + cudaGetErrorString(status);
    return count > 0 ? "" : "no CUDA device: the driver knows none";
}

std::unique_ptr<Backend> make_plain_cuda_backend() {
    return std::make_unique<plain::PlainBackend<CudaDevice>>();
}

}  // namespace halfscope
