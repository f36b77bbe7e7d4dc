#include "backend/cuda_module.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>

#include "backend/cuda_entry.h"

namespace halfscope {
namespace {

constexpr const char* kModule = "libhalfscope_cuda.so";

/// The module beside the program, opened once and for good.
void* module(std::string& why_not) {
    static std::string reason;
    static void* const opened = [] {
        // Asked first: the module brings all of cuBLAS along.
        if (!dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
            reason = "no NVIDIA driver is installed";
            return static_cast<void*>(nullptr);
        }
        std::error_code error;
        const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
        const std::string path = (program.parent_path() / kModule).string();
        void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library) return library;
        const char* const message = dlerror();
        reason = std::string("the CUDA module does not load: ") + (message ? message : "no reason is given");
        return static_cast<void*>(nullptr);
    }();
    why_not = reason;
    return opened;
}

}  // namespace

std::unique_ptr<Backend> open_cuda_backend(const CudaOptions& options, std::string& why_not) {
    void* const library = module(why_not);
    if (!library) return nullptr;
    const auto open = reinterpret_cast<OpenCudaBackend*>(dlsym(library, kOpenCudaBackend));
    if (!open) {
        why_not = std::string("the CUDA module lacks ") + kOpenCudaBackend + "; build anew";
        return nullptr;
    }
    return std::unique_ptr<Backend>(open(options, why_not));
}

}  // namespace halfscope
