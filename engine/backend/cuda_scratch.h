// Device memory that an operation needs for itself: grown where it is too small, kept otherwise. Used by the
// CUDA executor alone, on one stream, so that one operation's scratch is free when the next one's kernels
// run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend/cuda_scratch_bound.h"
#include "backend/cuda_status.h"

namespace halfscope {

class CudaScratch {
  public:
    CudaScratch() = default;
    CudaScratch(const CudaScratch&) = delete;
    CudaScratch& operator=(const CudaScratch&) = delete;
    ~CudaScratch() {
        for (const Block& block : blocks_) cudaFree(block.data);
    }

    /// At least that many bytes, until the next call for the same purpose.
    void* bytes(ScratchFor purpose, std::int64_t count, cudaStream_t stream) {
        return grown(blocks_[static_cast<std::size_t>(purpose)], count, stream);
    }

    /// What is missing for operations that take that much.
    std::uint64_t missing(const ScratchBytes& needed) const {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < kScratchPurposes; ++i) {
            // A block is given back before a larger one is asked for.
            const auto size = static_cast<std::uint64_t>(blocks_[i].size);
            if (needed[i] > size) bytes += std::max<std::uint64_t>(needed[i], kLeast) - size;
        }
        return bytes;
    }

    /// Grows with every block that moved or was lost: what remembers a pointer compares it.
    std::uint64_t generation() const { return generation_; }

  private:
    static constexpr std::int64_t kLeast = std::int64_t{1} << 16;
    struct Block {
        void* data = nullptr;
        std::int64_t size = 0;
    };
    void* grown(Block& block, std::int64_t count, cudaStream_t stream) {
        if (count <= block.size) return block.data;
        // Kernels under way still use the old one.
        require(cudaStreamSynchronize(stream), "scratch memory");
        cudaFree(std::exchange(block.data, nullptr));
        block.size = 0;
        ++generation_;  // also where the next line throws: the old place is gone
        const std::int64_t size = std::max<std::int64_t>(count, kLeast);
        require(cudaMalloc(&block.data, static_cast<std::size_t>(size)), "scratch memory");
        block.size = size;
        return block.data;
    }

    Block blocks_[kScratchPurposes];
    std::uint64_t generation_ = 0;
};

}  // namespace halfscope
