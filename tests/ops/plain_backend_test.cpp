// The plain executor on the host: CpuExecutor's chunks, threads and vectors must not change one bit of what
// the contract of ops/executor.h says. tests/gpu asks the same of a device.
#include "plain_backend.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "device_agreement.h"

namespace halfscope {
namespace {

struct HostDevice {
    std::string name() const { return "host, plain"; }
    void* allocate(std::uint64_t bytes) { return std::calloc(bytes == 0 ? 1 : bytes, 1); }
    void release(void* memory) { std::free(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) { copy(device, host, bytes); }
    void download(void* host, const void* device, std::uint64_t bytes) { copy(host, device, bytes); }
    template <class Body>
    void run(std::int64_t items, plain::Work, const Body& body) {
        for (std::int64_t item = 0; item < items; ++item) body(item);
    }

  private:
    static void copy(void* to, const void* from, std::uint64_t bytes) {
        if (bytes != 0) std::memcpy(to, from, bytes);
    }
};

std::unique_ptr<Backend> make_plain_backend() { return std::make_unique<plain::PlainBackend<HostDevice>>(); }

TEST(PlainBackend, OperationsHaveTheBitsOfTheCpuBackend) { expect_operations_agree(make_plain_backend); }
TEST(PlainBackend, ConvolutionsHaveTheBitsOfTheCpuBackend) { expect_convolutions_agree(make_plain_backend); }
TEST(PlainBackend, DropoutHasTheBitsOfTheCpuBackend) { expect_dropout_agrees(make_plain_backend); }
TEST(PlainBackend, UpdatesHaveTheBitsOfTheCpuBackend) { expect_updates_agree(make_plain_backend); }
TEST(PlainBackend, CountsAreThoseOfTheCpuBackend) { expect_counts_agree(make_plain_backend); }

}  // namespace
}  // namespace halfscope
