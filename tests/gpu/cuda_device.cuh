// A CUDA device for the plain executor and for kernels of tests: memory, copies, and one kernel that runs a
// body for each item. Used by the .cu files of tests/gpu alone. Must not become fast: the backend's kernels
// will be elsewhere, and these check them.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "plain_executor.h"

namespace halfscope {

inline void cuda_check(cudaError_t status, const char* call) {
    if (status == cudaSuccess) return;
    throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(status));
}

template <class Body>
__global__ void run_items(std::int64_t items, Body body) {
    const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (std::int64_t item = first; item < items; item += stride) body(item);
}

class CudaDevice {
  public:
    std::string name() const {
        cudaDeviceProp properties{};
        cuda_check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
        return std::string("cuda, plain: ") + properties.name;
    }
    void* allocate(std::uint64_t bytes) {
        void* memory = nullptr;
        cuda_check(cudaMalloc(&memory, bytes == 0 ? 1 : bytes), "cudaMalloc");
        cuda_check(cudaMemset(memory, 0, bytes), "cudaMemset");
        return memory;
    }
    void release(void* memory) { cudaFree(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) {
        cuda_check(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice), "upload");
    }
    void download(void* host, const void* device, std::uint64_t bytes) {
        cuda_check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "download");
    }
    template <class Body>
    void run(std::int64_t items, plain::Work work, const Body& body) {
        constexpr std::int64_t kThreads = 128, kMostBlocks = 4096;
        if (items <= 0) return;
        const bool is_serial = work == plain::Work::serial;
        const std::int64_t blocks = (items + kThreads - 1) / kThreads;
        const auto grid = static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
        run_items<<<is_serial ? 1u : grid, is_serial ? 1u : static_cast<unsigned>(kThreads)>>>(items, body);
        cuda_check(cudaGetLastError(), "kernel launch");
    }
};

}  // namespace halfscope
