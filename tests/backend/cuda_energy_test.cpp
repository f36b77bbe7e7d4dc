// The energy of a GPU through a management library of our own: what is counted, what is summed, what is
// absent.
#include "backend/cuda_energy.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

namespace halfscope {
namespace {

constexpr const char* kAddress = "0000:1B:00.0";

class CudaEnergyTest : public testing::Test {
  protected:
    void TearDown() override {
        for (const char* name : {"FAKE_NVML_INIT", "FAKE_NVML_ENERGY", "FAKE_NVML_POWER"}) unsetenv(name);
    }
    static void tell(const char* name, const char* value) { setenv(name, value, 1); }
};

TEST_F(CudaEnergyTest, IsWhatTheGpuCounts) {
    CudaEnergy energy(kAddress, HALFSCOPE_FAKE_NVML);
    tell("FAKE_NVML_ENERGY", "123456");
    tell("FAKE_NVML_POWER", "250000");
    EXPECT_EQ(energy.joules(), 123.456);
    tell("FAKE_NVML_ENERGY", "124456");
    EXPECT_EQ(energy.joules(), 124.456);
}

TEST_F(CudaEnergyTest, IsPowerOverTimeWhereNothingIsCounted) {
    CudaEnergy energy(kAddress, HALFSCOPE_FAKE_NVML);
    tell("FAKE_NVML_POWER", "100000");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(energy.joules(), 0.0);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    tell("FAKE_NVML_POWER", "300000");
    const double joules = energy.joules().value();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // 200 W on the average, over at least the pause and at most what passed here.
    EXPECT_GE(joules, 200 * 0.02);
    EXPECT_LE(joules, 200 * seconds);
}

TEST_F(CudaEnergyTest, IsAbsentWhereNobodyTells) {
    CudaEnergy silent(kAddress, HALFSCOPE_FAKE_NVML);
    EXPECT_FALSE(silent.joules().has_value());
    tell("FAKE_NVML_ENERGY", "5");
    EXPECT_FALSE(CudaEnergy("0000:99:00.0", HALFSCOPE_FAKE_NVML).joules().has_value()) << "another GPU";
    EXPECT_FALSE(CudaEnergy(kAddress, "libthere-is-none.so").joules().has_value());
    tell("FAKE_NVML_INIT", "1");
    EXPECT_FALSE(CudaEnergy(kAddress, HALFSCOPE_FAKE_NVML).joules().has_value()) << "no driver";
}

}  // namespace
}  // namespace halfscope
