// Runs blocks of kernels: a block's threads are fibers, which go on in turn when one waits. They begin and go
// on in another order from block to block, so that a missing barrier shows. Called by device.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cuda_runtime.h"

namespace simulated_gpu {

struct Failure {
    cudaError_t status;
    std::string what;
};

class Fibers;

/// What one thread of the host works through blocks with, one after the other.
class BlockRunner {
  public:
    BlockRunner();
    ~BlockRunner();
    BlockRunner(const BlockRunner&) = delete;
    BlockRunner& operator=(const BlockRunner&) = delete;

    /// All threads of the block, to their end. `disorder` decides in which order they come.
    std::optional<Failure> run(const Kernel& kernel, unsigned block, std::uint64_t disorder);

  private:
    std::unique_ptr<Fibers> fibers_;
};

}  // namespace simulated_gpu
