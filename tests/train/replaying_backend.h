// The CPU backend, which plays recorded calls back as a device does with a graph: what Backend::repeat is
// given runs once, and from then on its calls are made again with the arguments of that first time. Whatever
// a lane does not keep in the backend's memory would show as a stale value. Used by lane_replay_test.cpp.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "backend/cpu_backend.h"

namespace halfscope {

class ReplayingBackend final : public Backend {
  public:
    std::string name() const override { return inner_->name(); }
    std::uint64_t available_bytes() const override { return inner_->available_bytes(); }
    void* allocate(std::uint64_t bytes) override { return inner_->allocate(bytes); }
    void release(void* memory) override { inner_->release(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        must_not_record();
        inner_->upload(device, host, bytes);
    }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        must_not_record();
        inner_->download(host, device, bytes);
    }
    void clear(void* memory, std::uint64_t bytes) override {
        make([this, memory, bytes] { inner_->clear(memory, bytes); });
    }
    void forward(const OpCall& call) override {
        const auto kept = std::make_shared<KeptCall>(call);
        make([this, kept] { inner_->forward(kept->call); });
    }
    void backward(const OpCall& call) override {
        const auto kept = std::make_shared<KeptCall>(call);
        make([this, kept] { inner_->backward(kept->call); });
    }
    void convert(const TensorView& out, const TensorView& in) override {
        make([this, out, in] { inner_->convert(out, in); });
    }
    void begin_check(std::span<const TensorView> gradients, UpdateValues* values) override {
        const std::vector<TensorView> kept(gradients.begin(), gradients.end());
        make([this, kept, values] { inner_->begin_check(kept, values); });
    }
    std::vector<GradientCheck> finish_check(std::size_t count) override {
        must_not_record();
        return inner_->finish_check(count);
    }
    void update(std::span<const UpdateCall> calls) override {
        const std::vector<UpdateCall> kept(calls.begin(), calls.end());
        make([this, kept] { inner_->update(kept); });
    }
    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        must_not_record();
        return inner_->compare(gradients, inverse_scale, shadows);
    }
    void repeat(std::unique_ptr<Recording>& recording, FunctionRef<void()> calls) override {
        if (!recording) {
            auto fresh = std::make_unique<Calls>();
            recorder_ = fresh.get();
            calls();
            recorder_ = nullptr;
            recording = std::move(fresh);
            ++recorded;
            return;
        }
        for (const auto& call : static_cast<const Calls&>(*recording).all) call();
        ++played;
    }

    int recorded = 0, played = 0;  ///< runs of repeat()

  private:
    struct Calls final : Recording {
        std::vector<std::function<void()>> all;
    };
    /// An operation's call with all it refers to.
    struct KeptCall {
        explicit KeptCall(const OpCall& given)
            : call(given),
              inputs(given.inputs.begin(), given.inputs.end()),
              saved(given.saved.begin(), given.saved.end()),
              input_gradients(given.input_gradients.begin(), given.input_gradients.end()),
              workspace(given.workspace.begin(), given.workspace.end()),
              tokens(given.tokens.begin(), given.tokens.end()),
              node(*given.node) {
            call.inputs = inputs;
            call.saved = saved;
            call.input_gradients = input_gradients;
            call.workspace = workspace;
            call.tokens = tokens;
            call.node = &node;
        }
        KeptCall(const KeptCall&) = delete;
        KeptCall& operator=(const KeptCall&) = delete;
        OpCall call;
        std::vector<TensorView> inputs, saved, input_gradients, workspace;
        std::vector<const std::int32_t*> tokens;
        Node node;
    };
    void make(std::function<void()> call) {
        call();
        if (recorder_) recorder_->all.push_back(std::move(call));
    }
    void must_not_record() const {
        if (recorder_) throw std::logic_error("a transfer among calls that are recorded");
    }

    std::unique_ptr<Backend> inner_ = make_cpu_backend(2);
    Calls* recorder_ = nullptr;
};

}  // namespace halfscope
