// A management library that counts as told, in the place of NVIDIA's: for cuda_energy_test.cpp.
#include <cstdlib>
#include <cstring>

// NOLINTBEGIN(google-runtime-int): NVML's types
namespace {

/// An environment variable as a number; -1: the GPU does not tell that.
long long told(const char* name) {
    const char* const text = std::getenv(name);
    return text ? std::atoll(text) : -1;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) int nvmlInit_v2() { return told("FAKE_NVML_INIT") > 0 ? 1 : 0; }
__attribute__((visibility("default"))) int nvmlShutdown() { return 0; }
__attribute__((visibility("default"))) int nvmlDeviceGetHandleByPciBusId_v2(const char* address,
                                                                            void** device) {
    *device = device;
    return std::strcmp(address, "0000:1B:00.0") == 0 ? 0 : 6;
}
__attribute__((visibility("default"))) int nvmlDeviceGetTotalEnergyConsumption(void*,
                                                                               unsigned long long* energy) {
    if (told("FAKE_NVML_ENERGY") < 0) return 3;
    *energy = static_cast<unsigned long long>(told("FAKE_NVML_ENERGY"));
    return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetPowerUsage(void*, unsigned* power) {
    if (told("FAKE_NVML_POWER") < 0) return 3;
    *power = static_cast<unsigned>(told("FAKE_NVML_POWER"));
    return 0;
}
}
// NOLINTEND(google-runtime-int)
