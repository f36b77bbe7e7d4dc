// The calls of a part of a step as one CUDA graph, and when it may be launched. Used by cuda_backend.cu
// alone.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "backend/backend.h"
#include "backend/cuda_status.h"

namespace halfscope {

/// Empty until the part has run once: its first run grows the scratch memory, which no capture may.
class CudaRecording final : public Recording {
  public:
    ~CudaRecording() override { forget(); }

    /// Whether there is a graph whose kernels point to scratch memory of that generation.
    bool is_playable(std::uint64_t scratch_generation) const {
        return exec_ != nullptr && generation_ == scratch_generation;
    }
    /// Whether there is one whose kernels point to scratch memory that has moved since.
    bool is_outdated(std::uint64_t scratch_generation) const {
        return exec_ != nullptr && generation_ != scratch_generation;
    }
    void play(cudaStream_t stream) const { require(cudaGraphLaunch(exec_, stream), "a step"); }

    /// Captures what `calls` launches on the stream, without running it. Returns why that failed; empty where
    /// it did not. Afterwards the stream is as before either way.
    std::string record(cudaStream_t stream, std::uint64_t scratch_generation, FunctionRef<void()> calls) {
        forget();
        cudaGraph_t graph = nullptr;
        std::string failure;
        try {
            require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a step");
            calls();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        try {
            // Also where the calls failed: a capture under way must end.
            require(cudaStreamEndCapture(stream, &graph), "recording a step");
            if (failure.empty()) require(cudaGraphInstantiateWithFlags(&exec_, graph, 0), "recording a step");
        } catch (const std::exception& error) {
            if (failure.empty()) failure = error.what();
        }
        if (graph != nullptr) cudaGraphDestroy(graph);
        if (!failure.empty()) forget();
        generation_ = scratch_generation;
        return failure;
    }

    void forget() {
        if (exec_ != nullptr) cudaGraphExecDestroy(std::exchange(exec_, nullptr));
    }

  private:
    cudaGraphExec_t exec_ = nullptr;
    std::uint64_t generation_ = 0;
};

}  // namespace halfscope
