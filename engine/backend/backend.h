// The contract between training and a device. Implemented by CpuBackend and by the CUDA module; used by
// train/Lane alone, from the trainer thread. Calls may be asynchronous; what download() and the checks return
// is finished. What views and calls point to - tensors, tokens, counts - lies in the backend's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/function_ref.h"
#include "graph/plan.h"
#include "ops/op_call.h"
#include "ops/update_call.h"

namespace halfscope {

/// out = store(in).
struct Conversion {
    TensorView out, in;
};

/// A graph and how it is going to be run.
struct PlannedPass {
    const Graph& graph;
    const Plan& plan;
};

/// Calls that a device has recorded (Backend::repeat). Must not outlive its backend.
class Recording {
  public:
    virtual ~Recording() = default;
    Recording() = default;
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
};

class Backend {
  public:
    virtual ~Backend() = default;
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    /// One line for the status bar: "cpu: AMD EPYC, 2 threads".
    virtual std::string name() const = 0;
    /// Processor threads for what is computed on the processor whatever the device; 0: all cores.
    virtual int host_threads() const { return 0; }
    /// Whether it can fail with all that is in its memory (DeviceError): who wants to go on elsewhere must
    /// keep copies.
    virtual bool can_be_lost() const { return false; }
    /// Energy used since some fixed moment, where the machine tells it.
    virtual std::optional<double> joules() { return std::nullopt; }
    /// FLOP/s that a large product of operands of this format reaches here, measured at the first request;
    /// none where that says nothing of the device.
    virtual std::optional<double> matrix_peak(Format /*operands*/) { return std::nullopt; }
    /// Bytes that can still be allocated.
    virtual std::uint64_t available_bytes() const = 0;
    /// Bytes that operations of these passes will allocate for themselves, at most, beyond what they have; 0
    /// where the device cannot tell, and for small ones.
    virtual std::uint64_t scratch_bytes(std::span<const PlannedPass> /*passes*/) const { return 0; }

    /// Zeroed memory, kBufferAlignment-aligned. Throws std::bad_alloc, or DeviceError where the device has
    /// failed.
    virtual void* allocate(std::uint64_t bytes) = 0;
    virtual void release(void* memory) = 0;
    virtual void upload(void* device, const void* host, std::uint64_t bytes) = 0;
    virtual void download(void* host, const void* device, std::uint64_t bytes) = 0;
    virtual void clear(void* memory, std::uint64_t bytes) = 0;
    /// Where the processor reads and writes `memory` itself; nullptr where it has to download() and upload().
    virtual void* host_address(void* /*memory*/) const { return nullptr; }

    virtual void forward(const OpCall& call) = 0;
    virtual void backward(const OpCall& call) = 0;
    /// out = store(in): casts weights, gradients and inputs between formats.
    virtual void convert(const TensorView& out, const TensorView& in) = 0;
    /// The same for several, of which none reads what another one stores.
    virtual void convert_each(std::span<const Conversion> conversions) {
        for (const Conversion& one : conversions) convert(one.out, one.in);
    }
    /// Of each scaled gradient (1 x n): counts non-finite values and sums its unscaled squares; then decides
    /// (ops/update_decision.h). `values` lies in the backend's memory: what it reads, and its decision.
    virtual void begin_check(std::span<const TensorView> gradients, UpdateValues* values) = 0;
    /// What the last check found, of `count` gradients.
    virtual std::vector<GradientCheck> finish_check(std::size_t count) = 0;
    /// One optimizer update of each parameter.
    virtual void update(std::span<const UpdateCall> calls) = 0;
    /// Of each gradient: relative error and cosine ingredients against the shadow pass's FP32 one.
    virtual std::vector<GradientComparison> compare(std::span<const TensorView> gradients,
                                                    float inverse_scale,
                                                    std::span<const TensorView> shadows) = 0;

    /// Does what `calls` does, which must be clear, forward, backward, convert, convert_each, begin_check and
    /// update alone, the same ones with the same arguments each time: what differs from step to step lies in
    /// memory they point to. A device may record them into `recording` (empty at first) and play that back
    /// without making them. Where what they do changes, the caller empties it.
    virtual void repeat(std::unique_ptr<Recording>& /*recording*/, FunctionRef<void()> calls) { calls(); }
};

/// Owns one allocation of a Backend.
class DeviceMemory {
  public:
    DeviceMemory() = default;
    DeviceMemory(Backend& backend, std::uint64_t bytes)
        : backend_(&backend), data_(backend.allocate(bytes)), bytes_(bytes) {}
    DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
    DeviceMemory& operator=(DeviceMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~DeviceMemory() {
        if (backend_) backend_->release(data_);
    }
    char* data() const { return static_cast<char*>(data_); }
    std::uint64_t bytes() const { return bytes_; }

  private:
    void swap(DeviceMemory& other) noexcept {
        std::swap(backend_, other.backend_);
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
    }
    Backend* backend_ = nullptr;
    void* data_ = nullptr;
    std::uint64_t bytes_ = 0;
};

}  // namespace halfscope
