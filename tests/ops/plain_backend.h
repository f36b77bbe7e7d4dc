// A Backend over PlainExecutor, for tests alone: what a lane asks of a device, less what training adds to the
// operations (check, compare). Its memory is the Device's; counts of probes must lie there too.
//
// Besides run(), see plain_executor.h, a Device has name(), allocate() of zeroed memory, release(), upload()
// and download(), which wait for what runs.
#pragma once

#include <stdexcept>
#include <string>

#include "backend/backend.h"
#include "ops/op_list.h"
#include "ops/optimizer_update.h"
#include "plain_executor.h"

namespace halfscope::plain {

template <class Device>
class PlainBackend final : public Backend {
  public:
    std::string name() const override { return device_.name(); }
    std::uint64_t available_bytes() const override { return 0; }
    void* allocate(std::uint64_t bytes) override { return device_.allocate(bytes); }
    void release(void* memory) override { device_.release(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        device_.upload(device, host, bytes);
    }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        device_.download(host, device, bytes);
    }
    void clear(void*, std::uint64_t) override { throw std::logic_error("not an operation"); }
    void forward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::forward(executor_, call); });
    }
    void backward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::backward(executor_, call); });
    }
    void convert(const TensorView& out, const TensorView& in) override { executor_.copy(out, in); }
    void update(std::span<const UpdateCall> calls) override {
        for (const UpdateCall& call : calls) update_parameter(executor_, call);
    }
    void begin_check(std::span<const TensorView>, UpdateValues*) override {
        throw std::logic_error("not an operation");
    }
    std::vector<GradientCheck> finish_check(std::size_t) override {
        throw std::logic_error("not an operation");
    }
    std::vector<GradientComparison> compare(std::span<const TensorView>, float,
                                            std::span<const TensorView>) override {
        throw std::logic_error("not an operation");
    }

  private:
    Device device_;
    PlainExecutor<Device> executor_{device_};
};

}  // namespace halfscope::plain
