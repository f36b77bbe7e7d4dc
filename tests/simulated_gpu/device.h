// The simulated GPU: memory of its own, which the host cannot touch; streams whose work waits until somebody
// waits for it; captures. Called by runtime_api.cpp and blas.cpp, and by tests that make it fail.
// Where CUDA leaves the moment open, work is done as late as possible; where it forbids something, it fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "block.h"
#include "cuda_runtime.h"

namespace simulated_gpu {

using Work = std::function<void()>;

class Graph {
  public:
    std::vector<Work> work;
};

class Stream {
  public:
    std::deque<Work> work;
    std::unique_ptr<Graph> capture;  ///< none: work is to be done
    cudaError_t capture_status = cudaSuccess;
};

class Event {
  public:
    std::chrono::steady_clock::time_point time;
};

/// What tests set before or while something runs.
struct Settings {
    /// Read when the first memory is asked for. HALFSCOPE_SIMULATED_GPU_MIB in the environment, else 160 MiB:
    /// too little for the products of 4096^3 that measure a GPU's peak, which take minutes here.
    std::uint64_t memory_bytes;
    bool has_device = true;
    int compute_capability = 9;     ///< its major number: from 8 on products of FP32 may be of TF32
    bool refuses_captures = false;  ///< as a driver would that cannot make a graph of something
    /// Of the work of all streams: after that many more pieces the device fails; negative: never. Before a
    /// test sets it, HALFSCOPE_SIMULATED_GPU_WORKS in the environment.
    std::int64_t works_for;
};
Settings& settings();

/// Device memory. Its pages are closed to everybody but while work is done, and those that were given back
/// then too.
class Memory {
  public:
    explicit Memory(std::uint64_t bytes);
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    /// Whole pages, filled with what nobody wrote; nullptr where there is no room.
    void* allocate(std::uint64_t bytes);
    /// False where that is no allocation. Ends the program where somebody wrote behind it.
    bool release(void* memory);
    /// Whether all these bytes lie in one allocation.
    bool holds(const void* data, std::uint64_t bytes) const;
    std::uint64_t free_bytes() const { return bytes_ - used_; }
    std::uint64_t total_bytes() const { return bytes_; }
    /// Of all allocations, as asked for.
    std::uint64_t requested_bytes() const;
    /// Calls of allocate() so far.
    std::uint64_t requests() const { return requests_; }

    void open();
    void close();

  private:
    std::uint64_t gap_of(std::uint64_t bytes) const;

    char* begin_;
    std::uint64_t bytes_, used_ = 0, requests_ = 0;
    std::uint64_t next_ = 0;                              ///< where the last allocation ended
    std::map<std::uint64_t, std::uint64_t> allocations_;  ///< offset -> bytes
};

class Device {
  public:
    static Device& get();

    /// Work in order. A failure stays: cudaErrorIllegalAddress and its like are sticky.
    cudaError_t enqueue(Stream* stream, Work work);
    cudaError_t synchronize(Stream* stream);
    cudaError_t synchronize_all();
    void run(const Kernel& kernel);
    void fail(const Failure& failure);

    cudaError_t status() const { return status_; }
    /// As if the program had been started anew after a failure; what lies in memory stays.
    void forget_failure();
    Memory& memory();
    Stream* create_stream();
    void destroy(Stream* stream);
    /// Of the calls that a capture under way forbids; it is lost.
    cudaError_t forbid_during_capture();

    std::recursive_mutex mutex;

  private:
    Device();
    void do_all(Stream& stream);

    std::unique_ptr<Memory> memory_;
    std::vector<std::unique_ptr<Stream>> streams_;
    Stream default_stream_;
    cudaError_t status_ = cudaSuccess;
    std::uint64_t launches_ = 0;
};

}  // namespace simulated_gpu
