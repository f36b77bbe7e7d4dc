// The CPU backend with a witness: counts allocations, can pretend to have little memory, and looks at every
// tensor an op has written where a probe counted it.
#pragma once

#include <functional>
#include <memory>

#include "backend/cpu_backend.h"

namespace halfscope {

class SpyBackend final : public Backend {
  public:
    explicit SpyBackend(int threads = 2) : inner_(make_cpu_backend(threads)) {}

    std::string name() const override { return inner_->name(); }
    std::uint64_t available_bytes() const override { return available; }
    std::uint64_t scratch_bytes(std::span<const PlannedPass> passes) const override {
        passes_asked = passes.size();
        return scratch;
    }
    void* allocate(std::uint64_t bytes) override {
        allocated += bytes;
        return inner_->allocate(bytes);
    }
    void release(void* memory) override { inner_->release(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        inner_->upload(device, host, bytes);
    }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        inner_->download(host, device, bytes);
    }
    void clear(void* memory, std::uint64_t bytes) override { inner_->clear(memory, bytes); }
    void forward(const OpCall& call) override {
        inner_->forward(call);
        if (witness && call.output.counts) witness(call.output);
    }
    void backward(const OpCall& call) override {
        inner_->backward(call);
        for (const TensorView& gradient : call.input_gradients) {
            if (witness && gradient.counts) witness(gradient);
        }
    }
    void convert(const TensorView& out, const TensorView& in) override { inner_->convert(out, in); }
    void begin_check(std::span<const TensorView> gradients, UpdateValues* values) override {
        inner_->begin_check(gradients, values);
    }
    std::vector<GradientCheck> finish_check(std::size_t count) override {
        return inner_->finish_check(count);
    }
    void update(std::span<const UpdateCall> calls) override { inner_->update(calls); }
    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        for (std::size_t i = 0; compare_witness && i < gradients.size(); ++i)
            compare_witness(gradients[i], inverse_scale, shadows[i]);
        return inner_->compare(gradients, inverse_scale, shadows);
    }

    std::uint64_t available = UINT64_MAX;
    std::uint64_t allocated = 0;
    std::uint64_t scratch = 0;                       ///< what it says that operations need for themselves
    mutable std::size_t passes_asked = 0;            ///< for how many passes it was asked
    std::function<void(const TensorView&)> witness;  ///< a tensor that was just stored and counted
    /// Before each comparison: gradient, inverse scale, shadow.
    std::function<void(const TensorView&, float, const TensorView&)> compare_witness;

  private:
    std::unique_ptr<Backend> inner_;
};

}  // namespace halfscope
