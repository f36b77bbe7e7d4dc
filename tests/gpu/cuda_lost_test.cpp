// A kernel that fails takes the device's memory with it: the run goes on on the CPU from its kept copy. In a
// program of its own, since no call of CUDA works in it afterwards.
#include <gtest/gtest.h>

#include <string>

#include "backend/cuda_module.h"
#include "session/session.h"

namespace halfscope {
namespace {

TEST(CudaLost, AFailedKernelIsSaidAndTheRunGoesOnOnTheCpu) {
    std::string why_not;
    const std::unique_ptr<Backend> gpu = open_cuda_backend({true}, why_not);
    if (!gpu) GTEST_SKIP() << why_not;
    Timeline timeline;
    Session session(
        *gpu, timeline, [](int, const StepRecord&) {}, [] {});
    ScenarioSettings settings;
    settings.parameters = {{"points", 64}, {"width", 8}, {"layers", 2}};
    session.begin(OpenScenarioCommand{"spiral-mlp", settings, {{"mixed", parse_techniques("mixed")}}},
                  RunState::paused);
    const auto run = [&](int steps) {
        session.apply(StepCommand{steps});
        while (session.running()) session.step();
    };
    run(10);
    const std::string signature = session.make_snapshot().lanes[0].signature;
    // Reads where nothing is.
    TensorView nowhere;
    nowhere.data = reinterpret_cast<void*>(std::uintptr_t{64});
    nowhere.rows = 1;
    nowhere.cols = nowhere.row_stride = 1024;
    const DeviceMemory memory(*gpu, 1024 * sizeof(float));
    TensorView there = nowhere;
    there.data = memory.data();
    gpu->convert(there, nowhere);
    run(5);
    Snapshot snapshot = session.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::failed);
    ASSERT_FALSE(snapshot.messages.empty());
    EXPECT_NE(snapshot.messages.back().text.find("the GPU failed"), std::string::npos)
        << snapshot.messages.back().text;
    ASSERT_EQ(snapshot.rescued_steps, 10);
    session.apply(GoOnOnCpuCommand{});
    session.apply(PauseCommand{});
    snapshot = session.make_snapshot();
    EXPECT_EQ(snapshot.next_step, 10);
    EXPECT_EQ(snapshot.lanes[0].signature, signature);
    run(5);
    EXPECT_EQ(session.make_snapshot().next_step, 15);
}

}  // namespace
}  // namespace halfscope
