// The CUDA backend where something goes wrong, or nearly: what a real GPU cannot be asked for.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "backend/cuda_module.h"
#include "device.h"
#include "lane_pair.h"
#include "session/session.h"
#include "session_fixture.h"
#include "tiny_workload.h"
#include "train/lane_plan.h"

namespace halfscope {
namespace {

using simulated_gpu::Device;
using simulated_gpu::settings;

class CudaTrouble : public testing::Test {
  protected:
    void TearDown() override {
        settings() = usual_;
        Device::get().forget_failure();
    }
    static std::unique_ptr<Backend> open_gpu(bool exact = true) {
        std::string why_not;
        auto gpu = open_cuda_backend({exact}, why_not);
        EXPECT_NE(gpu, nullptr) << why_not;
        return gpu;
    }

  private:
    const simulated_gpu::Settings usual_ = settings();
};

TEST_F(CudaTrouble, WithoutADeviceThereIsAReason) {
    settings().has_device = false;
    std::string why_not;
    EXPECT_EQ(open_cuda_backend({}, why_not), nullptr);
    EXPECT_NE(why_not.find("no CUDA-capable device"), std::string::npos) << why_not;
}

TEST_F(CudaTrouble, WhereNoGraphCanBeMadeStepsAreTheSameAndTheNameSaysWhy) {
    const auto gpu = open_gpu(), cpu = make_cpu_backend(1);
    LanePair pair(*gpu, *cpu, tiny_workload({}), parse_techniques("mixed"));
    pair.steps(4);
    EXPECT_EQ(gpu->name().find("not one graph"), std::string::npos) << gpu->name();
    // Another plan, whose graphs are refused.
    settings().refuses_captures = true;
    pair.toggle("bf16");
    pair.steps(7);
    EXPECT_NE(gpu->name().find("(steps are not one graph: "), std::string::npos) << gpu->name();
}

// Turing: cuBLAS may round to TF32 there, but does not.
TEST_F(CudaTrouble, WhereTheDeviceHasNoTf32ProductsOfItAreOurs) {
    settings().compute_capability = 7;
    const auto gpu = open_gpu(false), cpu = make_cpu_backend(1);
    LanePair pair(*gpu, *cpu, tiny_workload({}), parse_techniques("fp32,matmul_input=tf32"));
    pair.steps(4);
}

struct LaneOf {
    const char* scenario;
    std::map<std::string, double> parameters;
    const char* techniques;
    bool exact;
};

TEST_F(CudaTrouble, ALaneTakesNoMoreMemoryThanWasAskedFor) {
    const std::map<std::string, double> pictures{{"batch", 8}, {"size", 16}, {"channels", 8}, {"blocks", 1}};
    const LaneOf lanes[] = {{"digits-cnn", pictures, "mixed", false},
                            {"digits-cnn", pictures, "fp32", false},
                            {"digits-cnn", pictures, "fp16-scaled,accumulate=fp16", false},
                            {"digits-cnn", pictures, "mixed,keep_fp32=op:conv2d", false},
                            {"digits-cnn", pictures, "mixed", true},
                            {"char-gru", {{"batch", 16}, {"hidden", 32}}, "mixed", false},
                            {"char-gru", {{"batch", 16}, {"hidden", 32}}, "mixed,keep_fp32=gru", false},
                            {"image-fit", {}, "bf16", false},
                            {"spiral-mlp", {{"width", 128}, {"points", 512}}, "mixed,keep_fp32=fc2", false},
                            {"spiral-mlp", {{"width", 128}, {"points", 512}}, "autocast", true}};
    for (const LaneOf& lane_of : lanes) {
        SCOPED_TRACE(std::string(lane_of.scenario) + " " + lane_of.techniques +
                     (lane_of.exact ? " exact" : ""));
        const auto gpu = open_gpu(lane_of.exact);
        ScenarioSettings scenario;
        scenario.parameters = lane_of.parameters;
        const auto workload = find_scenario(lane_of.scenario).create(scenario);
        const LanePlans plans = plan_lane(*workload, parse_techniques(lane_of.techniques));
        const auto passes = passes_of(*workload, plans);
        const std::uint64_t scratch = gpu->scratch_bytes(passes);
        const std::uint64_t before = Device::get().memory().requested_bytes();
        Lane lane(*gpu, workload, "lane", parse_techniques(lane_of.techniques));
        for (int step = 0; step < 3; ++step) lane.step(step, workload->training_batch(step), {true, true});
        lane.validate();
        const std::uint64_t taken = Device::get().memory().requested_bytes() - before;
        std::printf("%-11s %-28s %9llu bytes taken of %9llu\n", lane_of.scenario, lane_of.techniques,
                    static_cast<unsigned long long>(taken),
                    static_cast<unsigned long long>(plans.total_bytes() + scratch));
        EXPECT_LE(taken, plans.total_bytes() + scratch);
        EXPECT_LT(gpu->scratch_bytes(passes), scratch) << "what it has is not asked for again";
    }
}

TEST_F(CudaTrouble, StepsAllocateNothingOnceEverythingIsThere) {
    for (const bool exact : {false, true}) {
        const auto gpu = open_gpu(exact);
        ScenarioSettings scenario;
        scenario.parameters = {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}};
        const auto workload = find_scenario("digits-cnn").create(scenario);
        Lane lane(*gpu, workload, "lane", parse_techniques("mixed,keep_fp32=fc"));
        const auto steps = [&](std::int64_t first) {
            for (std::int64_t step = first; step < first + 6; ++step)
                lane.step(step, workload->training_batch(step), {step % 2 == 0, step % 3 == 0});
            lane.validate();
            lane.signature();
        };
        steps(0);
        const std::uint64_t before = Device::get().memory().requests();
        steps(6);
        EXPECT_EQ(Device::get().memory().requests(), before);
    }
}

/// All of the device's memory that somebody else takes, until it goes.
class MemoryTaken {
  public:
    explicit MemoryTaken(const Backend& gpu) {
        void* block = nullptr;
        for (std::uint64_t bytes = gpu.available_bytes(); bytes >= 4096; bytes /= 2)
            while (cudaMalloc(&block, bytes) == cudaSuccess) blocks_.push_back(block);
    }
    ~MemoryTaken() {
        for (void* block : blocks_) cudaFree(block);
    }
    MemoryTaken(const MemoryTaken&) = delete;
    MemoryTaken& operator=(const MemoryTaken&) = delete;

  private:
    std::vector<void*> blocks_;
};

/// A lane's scratch memory cannot grow and is lost; another lane's graphs point to where it was.
TEST_F(CudaTrouble, ScratchMemoryThatIsLostComesBack) {
    const auto gpu = open_gpu(), cpu = make_cpu_backend(1);
    TinyOptions larger;
    larger.rows = 16384;
    larger.width = 320;  // sums of more columns than the least block holds
    larger.hidden_layers = 1;
    const auto large_workload = tiny_workload(larger);
    Lane large(*gpu, large_workload, "large", parse_techniques("mixed"));
    LanePair small(*gpu, *cpu, tiny_workload({}), parse_techniques("mixed"));
    small.steps(7);
    {
        const MemoryTaken taken(*gpu);
        EXPECT_THROW(large.step(0, large_workload->training_batch(0), {}), std::bad_alloc);
    }
    small.steps(7);
    EXPECT_EQ(gpu->name().find("not one graph"), std::string::npos) << gpu->name();
    large.step(0, large_workload->training_batch(0), {});
}

/// A session on the GPU, step by step.
struct SessionRun {
    Timeline timeline;
    Session session;
    explicit SessionRun(Backend& gpu)
        : session(
              gpu, timeline, [](int, const StepRecord&) {}, [] {}) {}
    void steps(int count) {
        session.apply(StepCommand{count});
        while (session.running()) session.step();
    }
    std::string signature() { return session.make_snapshot().lanes[1].signature; }
    std::string last_message() {
        const Snapshot snapshot = session.make_snapshot();
        return snapshot.messages.empty() ? "" : snapshot.messages.back().text;
    }
};

TEST_F(CudaTrouble, WhereverTheGpuFailsTheRunGoesOnOnTheCpuAsIfNothingHadHappened) {
    constexpr int kSteps = 9;
    const auto cpu = make_cpu_backend(1);
    SessionRun undisturbed(*cpu);
    undisturbed.session.begin(small_scenario(), RunState::paused);
    undisturbed.steps(kSteps);
    int failures = 0;
    for (std::int64_t works = 0;; works = works * 5 / 4 + 1) {
        SCOPED_TRACE("after " + std::to_string(works) + " pieces of work");
        const auto gpu = open_gpu();
        SessionRun run(*gpu);
        run.session.begin(small_scenario(), RunState::paused);
        ASSERT_EQ(run.session.make_snapshot().state, RunState::paused);
        settings().works_for = works;
        run.steps(kSteps);
        settings().works_for = -1;
        Snapshot snapshot = run.session.make_snapshot();
        if (snapshot.state != RunState::failed) break;
        ++failures;
        EXPECT_NE(run.last_message().find("the GPU failed"), std::string::npos) << run.last_message();
        // Where it failed while the first copy was made, there is nothing to go on from.
        if (snapshot.rescued_steps) {
            run.session.apply(GoOnOnCpuCommand{});
            run.session.apply(PauseCommand{});
            run.steps(kSteps - static_cast<int>(*snapshot.rescued_steps));
            EXPECT_EQ(run.session.make_snapshot().next_step, kSteps);
            EXPECT_EQ(run.signature(), undisturbed.signature());
        }
        Device::get().forget_failure();
    }
    EXPECT_GT(failures, 20);
}

TEST_F(CudaTrouble, ALaneForWhichThereIsNoRoomLeavesTheOthersAlone) {
    const auto gpu = open_gpu(), cpu = make_cpu_backend(1);
    SessionRun run(*gpu), expected(*cpu);
    for (SessionRun* one : {&run, &expected}) {
        one->session.begin(small_scenario(), RunState::paused);
        one->steps(6);  // the first probes and shadow passes among them
    }
    void* rest = nullptr;
    const std::uint64_t free = gpu->available_bytes();
    ASSERT_EQ(cudaMalloc(&rest, free - 16384), cudaSuccess);
    run.session.apply(AddLaneCommand{{"third", parse_techniques("bf16")}, "", {}});
    EXPECT_EQ(run.session.make_snapshot().lanes.size(), 2u);
    EXPECT_NE(run.last_message().find("are free beside what the other lanes take"), std::string::npos)
        << run.last_message();
    for (SessionRun* one : {&run, &expected}) one->steps(6);
    EXPECT_EQ(run.signature(), expected.signature()) << run.last_message();
    ASSERT_EQ(cudaFree(rest), cudaSuccess);
    run.session.apply(AddLaneCommand{{"third", parse_techniques("bf16")}, "", {}});
    EXPECT_EQ(run.session.make_snapshot().lanes.size(), 3u) << run.last_message();
}

TEST_F(CudaTrouble, AStepThatRunsOutOfMemorySaysSo) {
    const auto gpu = open_gpu();
    SessionRun run(*gpu);
    run.session.begin(small_scenario(), RunState::paused);
    {
        const MemoryTaken what_the_first_step_needs(*gpu);
        run.steps(1);
        EXPECT_EQ(run.session.make_snapshot().state, RunState::failed);
        EXPECT_NE(run.last_message().find("ran out of memory"), std::string::npos) << run.last_message();
    }
    run.session.apply(RestartCommand{});
    run.session.apply(PauseCommand{});
    run.steps(4);
    EXPECT_EQ(run.session.make_snapshot().next_step, 4) << run.last_message();
}

}  // namespace
}  // namespace halfscope
