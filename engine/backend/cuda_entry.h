// What the CUDA module exports: one function. Shared by the module and by cuda_module.cpp, which opens it.
#pragma once

#include <string>

#include "backend/cuda_module.h"

namespace halfscope {

inline constexpr const char* kOpenCudaBackend = "halfscope_open_cuda_backend";
/// Throws nothing: where it returns nullptr, `why_not` says why.
using OpenCudaBackend = Backend*(const CudaOptions& options, std::string& why_not);

}  // namespace halfscope
