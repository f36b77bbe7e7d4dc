// What the tests of the session share: a small scenario, and a CPU device that can be told to fail.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "backend/device_error.h"
#include "session/command.h"
#include "session/session.h"
#include "train/experiment.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {

inline const char* const kSmallScenario = "spiral-mlp";

/// The smallest spiral: a step takes well below a millisecond.
inline ScenarioSettings small_settings(std::uint64_t seed = 0) {
    ScenarioSettings settings;
    settings.parameters = {{"points", 64}, {"width", 8}, {"layers", 2}};
    settings.seed = seed;
    return settings;
}

inline std::vector<LaneSpec> small_lanes() {
    return {{"fp32", parse_techniques("fp32")}, {"mixed", parse_techniques("mixed")}};
}

inline OpenScenarioCommand small_scenario(std::uint64_t seed = 0) {
    return {kSmallScenario, small_settings(seed), small_lanes()};
}

/// The same run without a session: what it must reproduce.
struct DirectRun {
    std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Experiment experiment;
    std::vector<std::vector<StepRecord>> records;  // [lane][step]

    explicit DirectRun(std::uint64_t seed = 0, const std::vector<LaneSpec>& lanes = small_lanes())
        : experiment(
              *backend,
              find_scenario(kSmallScenario)
                  .create(resolve_settings(find_scenario(kSmallScenario).info(), small_settings(seed))),
              lanes),
          records(lanes.size()) {}

    void steps(int count) {
        for (int step = 0; step < count; ++step) {
            const std::vector<StepResult> results = experiment.step({});
            for (std::size_t lane = 0; lane < results.size(); ++lane)
                records[lane].push_back(results[lane].record);
        }
    }
    std::string signature(std::size_t lane) const { return experiment.lanes()[lane].signature(); }
};

/// A CPU device with as much memory as a test says, whose forward pass throws while it is told to.
class FailingBackend : public Backend {
  public:
    /// next_forward: it is lost with its next operation.
    enum class Failure { none, out_of_memory, device, next_forward, lost };
    std::atomic<Failure> failure{Failure::none};
    std::uint64_t memory_bytes = std::uint64_t{1} << 40;
    std::uint64_t used_bytes = 0;

    bool is_losable = false;  ///< as a GPU is

    std::string name() const override { return cpu_->name(); }
    bool can_be_lost() const override { return is_losable; }
    std::uint64_t available_bytes() const override {
        return memory_bytes - std::min(memory_bytes, used_bytes);
    }
    void* allocate(std::uint64_t bytes) override {
        void* memory = cpu_->allocate(bytes);
        sizes_[memory] = bytes;
        used_bytes += bytes;
        return memory;
    }
    void release(void* memory) override {
        used_bytes -= sizes_[memory];
        sizes_.erase(memory);
        cpu_->release(memory);
    }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        fail_where_lost();
        cpu_->upload(device, host, bytes);
    }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        fail_where_lost();
        cpu_->download(host, device, bytes);
    }
    void clear(void* memory, std::uint64_t bytes) override { cpu_->clear(memory, bytes); }
    void forward(const OpCall& call) override {
        if (failure == Failure::out_of_memory) throw std::bad_alloc();
        if (failure == Failure::device) throw std::runtime_error("the device fell off the bus");
        if (failure == Failure::next_forward) failure = Failure::lost;
        fail_where_lost();
        cpu_->forward(call);
    }
    void backward(const OpCall& call) override { cpu_->backward(call); }
    void convert(const TensorView& out, const TensorView& in) override { cpu_->convert(out, in); }
    void begin_check(std::span<const TensorView> gradients, UpdateValues* values) override {
        cpu_->begin_check(gradients, values);
    }
    std::vector<GradientCheck> finish_check(std::size_t count) override { return cpu_->finish_check(count); }
    void update(std::span<const UpdateCall> calls) override { cpu_->update(calls); }
    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        return cpu_->compare(gradients, inverse_scale, shadows);
    }

    /// Uses that much power from its construction on; nothing is told where it is below 0.
    double watts = -1.0;
    std::optional<double> joules() override {
        if (watts < 0) return std::nullopt;
        return watts * std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    void fail_where_lost() const {
        if (failure == Failure::lost) throw DeviceError("the device is gone");
    }
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::map<void*, std::uint64_t> sizes_;
    std::unique_ptr<Backend> cpu_ = make_cpu_backend(1);
};

/// A session with what belongs to it, moved on step by step. `reports` counts what it tells of long work,
/// which is cancelled after `cancel_at` of them.
struct SteppedRun {
    FailingBackend backend;
    Timeline timeline;
    int reports = 0, cancel_at = -1;
    Session session{backend, timeline, [](int, const StepRecord&) {}, [this] { ++reports; },
                    [this] { return cancel_at >= 0 && reports > cancel_at; }};

    explicit SteppedRun(const OpenScenarioCommand& scenario = small_scenario()) {
        session.begin(scenario, RunState::paused);
    }
    void to(std::int64_t step) {
        const std::int64_t now = snapshot().next_step;
        if (step <= now) return;
        session.apply(StepCommand{static_cast<int>(step - now)});
        while (session.running()) session.step();
    }
    /// Applies it before a step.
    void at(std::int64_t step, const Command& command) {
        to(step);
        session.apply(command);
    }
    Snapshot snapshot() { return session.make_snapshot(); }
    std::vector<std::string> signatures() {
        std::vector<std::string> all;
        for (const LaneSnapshot& lane : snapshot().lanes) all.push_back(lane.name + " " + lane.signature);
        return all;
    }
    std::string last_message() {
        const Snapshot now = snapshot();
        return now.messages.empty() ? "" : now.messages.back().text;
    }
};

}  // namespace halfscope
