#include "backend/cuda_energy.h"

#include <dlfcn.h>

#include <utility>

namespace halfscope {

/// What is called of NVML (nvml.h, which not every CUDA toolkit brings). All return 0 for success.
struct CudaEnergy::Library {
    using Device = void*;
    using Millijoules = unsigned long long;  // NOLINT(google-runtime-int): NVML's type
    int (*init)() = nullptr;
    int (*shutdown)() = nullptr;
    int (*device_of_address)(const char*, Device*) = nullptr;
    int (*energy_millijoules)(Device, Millijoules*) = nullptr;
    int (*power_milliwatts)(Device, unsigned*) = nullptr;

    void* handle = nullptr;
    Device device = nullptr;
    bool is_open = false;  ///< init() succeeded

    ~Library() {
        if (is_open && shutdown) shutdown();
        if (handle) dlclose(handle);
    }
    template <class Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(dlsym(handle, name));
    }
};

CudaEnergy::CudaEnergy(const std::string& pci_address, const char* library) {
    auto opened = std::make_unique<Library>();
    opened->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!opened->handle) return;
    opened->find(opened->init, "nvmlInit_v2");
    opened->find(opened->shutdown, "nvmlShutdown");
    opened->find(opened->device_of_address, "nvmlDeviceGetHandleByPciBusId_v2");
    opened->find(opened->energy_millijoules, "nvmlDeviceGetTotalEnergyConsumption");
    opened->find(opened->power_milliwatts, "nvmlDeviceGetPowerUsage");
    if (!opened->init || !opened->device_of_address || opened->init() != 0) return;
    opened->is_open = true;
    if (opened->device_of_address(pci_address.c_str(), &opened->device) == 0) library_ = std::move(opened);
}

CudaEnergy::~CudaEnergy() = default;

std::optional<double> CudaEnergy::joules() {
    if (!library_) return std::nullopt;
    Library::Millijoules millijoules = 0;
    if (library_->energy_millijoules && library_->energy_millijoules(library_->device, &millijoules) == 0)
        return static_cast<double>(millijoules) / 1e3;
    unsigned milliwatts = 0;
    if (!library_->power_milliwatts || library_->power_milliwatts(library_->device, &milliwatts) != 0)
        return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    const double watts = milliwatts / 1e3;
    if (last_watts_) {
        const double seconds = std::chrono::duration<double>(now - last_call_).count();
        summed_joules_ += 0.5 * (watts + *last_watts_) * seconds;
    }
    last_watts_ = watts;
    last_call_ = now;
    return summed_joules_;
}

}  // namespace halfscope
