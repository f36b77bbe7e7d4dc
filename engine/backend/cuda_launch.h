// How kernels are started: one call, which throws where the start fails. Used by cuda_* files alone. A plain
// function of the CUDA runtime instead of <<< >>>, so that it is C++ and any compiler can read the executor
// (tests/simulated_gpu).
#pragma once

#include <utility>

#include "backend/cuda_status.h"

namespace halfscope {

/// Where kernels run: blocks and threads lie along x alone.
struct CudaGrid {
    unsigned blocks, threads;
    cudaStream_t stream;
};

/// Starts kernel(arguments...) (CUDA Runtime API, "cudaLaunchKernelEx"). `what` names it where that fails.
template <class... Parameters, class... Arguments>
void launch(const char* what, const CudaGrid& grid, void (*kernel)(Parameters...), Arguments&&... arguments) {
    cudaLaunchConfig_t config{};
    config.gridDim.x = grid.blocks;
    config.blockDim.x = grid.threads;
    config.stream = grid.stream;
    require(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), what);
}

}  // namespace halfscope
