// Device memory that an operation needs for itself: grown where it is too small, kept otherwise. Used by the
// CUDA executor alone, on one stream, so that one operation's scratch is free when the next one's kernels
// run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend/cuda_status.h"

namespace halfscope {

/// What lies beside each other within one operation.
enum class ScratchFor : std::uint8_t {
    partial_sums,
    products,
    counted,
    left_operand,
    right_operand,
    widened,  ///< an operand of 16 bits beside one of FP32
    checks    ///< kept from begin_check to finish_check
};
inline constexpr std::size_t kScratchPurposes = 7;

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

    /// Grows with every block that moved or was lost: what remembers a pointer compares it.
    std::uint64_t generation() const { return generation_; }

  private:
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
        const std::int64_t size = std::max<std::int64_t>(count, std::int64_t{1} << 16);
        require(cudaMalloc(&block.data, static_cast<std::size_t>(size)), "scratch memory");
        block.size = size;
        return block.data;
    }

    Block blocks_[kScratchPurposes];
    std::uint64_t generation_ = 0;
};

}  // namespace halfscope
