// Operations on the device against the CPU backend, bit for bit.
#include <gtest/gtest.h>

#include "device_agreement.h"
#include "plain_cuda_backend.h"

namespace halfscope {
namespace {

class OpsOnDevice : public testing::Test {
  protected:
    void SetUp() override {
        const std::string reason = why_no_device();
        if (!reason.empty()) GTEST_SKIP() << reason;
        RecordProperty("device", make_plain_cuda_backend()->name());
    }
};

TEST_F(OpsOnDevice, OperationsHaveTheBitsOfTheCpuBackend) {
    expect_operations_agree(make_plain_cuda_backend);
}
TEST_F(OpsOnDevice, ConvolutionsHaveTheBitsOfTheCpuBackend) {
    expect_convolutions_agree(make_plain_cuda_backend);
}
TEST_F(OpsOnDevice, DropoutHasTheBitsOfTheCpuBackend) { expect_dropout_agrees(make_plain_cuda_backend); }
TEST_F(OpsOnDevice, UpdatesHaveTheBitsOfTheCpuBackend) { expect_updates_agree(make_plain_cuda_backend); }
TEST_F(OpsOnDevice, CountsAreThoseOfTheCpuBackend) { expect_counts_agree(make_plain_cuda_backend); }

}  // namespace
}  // namespace halfscope
