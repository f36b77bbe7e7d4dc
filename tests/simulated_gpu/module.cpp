// Opens the CUDA backend that was compiled for the simulated GPU, in the place of engine/backend/
// cuda_module.cpp, which opens the module of a real one.
#include "backend/cuda_module.h"

#include "backend/cuda_entry.h"

extern "C" halfscope::OpenCudaBackend halfscope_open_cuda_backend;

namespace halfscope {

std::unique_ptr<Backend> open_cuda_backend(const CudaOptions& options, std::string& why_not) {
    return std::unique_ptr<Backend>(halfscope_open_cuda_backend(options, why_not));
}

}  // namespace halfscope
