// The CUDA device, a module (libhalfscope_cuda.so, beside the program) that is opened at run time: the
// program starts where there is no driver, no cuBLAS or no module. Called by whoever opens devices.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace halfscope {

struct CudaOptions {
    bool exact = false;  ///< products in the CPU's order of summation: a run has the CPU's bits
};

/// The first GPU, or nullptr and in `why_not` one clause that says why ("no NVIDIA driver is installed").
std::unique_ptr<Backend> open_cuda_backend(const CudaOptions& options, std::string& why_not);

}  // namespace halfscope
