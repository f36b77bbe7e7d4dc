// The energy a GPU has used, as the driver's management library (NVML) counts it. The library is opened at
// run time: a driver without it, or a GPU that does not tell, costs nothing but the figure. Used by
// cuda_backend.cu alone; needs no CUDA.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace halfscope {

class CudaEnergy {
  public:
    /// The GPU at that address ("0000:1B:00.0"). `library` is another for tests.
    explicit CudaEnergy(const std::string& pci_address, const char* library = "libnvidia-ml.so.1");
    ~CudaEnergy();
    CudaEnergy(const CudaEnergy&) = delete;
    CudaEnergy& operator=(const CudaEnergy&) = delete;

    /// Since some fixed moment: what the GPU counts (nvmlDeviceGetTotalEnergyConsumption, from Volta on),
    /// else its power (nvmlDeviceGetPowerUsage) summed over the time between calls. Nothing where it tells
    /// neither.
    std::optional<double> joules();

  private:
    struct Library;
    std::unique_ptr<Library> library_;
    double summed_joules_ = 0;
    std::optional<double> last_watts_;
    std::chrono::steady_clock::time_point last_call_{};
};

}  // namespace halfscope
