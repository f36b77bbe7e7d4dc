#include <gtest/gtest.h>

#include "spy_backend.h"
#include "tiny_workload.h"
#include "train/bytes_text.h"
#include "train/experiment.h"
#include "train/input_error.h"
#include "train/lane_plan.h"

namespace halfscope {
namespace {

// The deep sigmoid MLP of scenarios.md A: 2-32-32-32-32-32-3, 8192 rows.
TinyOptions spiral() {
    TinyOptions options;
    options.rows = 8192;
    options.width = 32;
    options.hidden_layers = 5;
    return options;
}

struct Row {
    const char* techniques;
    std::uint64_t weights, master_weights, activations, gradients, optimizer_state;
};

// Worked by hand: 4419 parameters; 5 x (32 + 32) + 3 = 323 activations a row; x is 2 a row, labels 4 bytes,
// the loss op keeps two FP32 numbers a row and the loss itself. Of the activations' gradients those of two
// layers are there at once: 2 x 32 a row, whether before or after the activation function.
constexpr std::uint64_t kParameters = 96 + 4 * 1056 + 99;
constexpr std::uint64_t kRows = 8192;
constexpr std::uint64_t kFixed = kRows * 4 + kRows * 8 + 4;
constexpr std::uint64_t kPassing = kRows * 64;
constexpr Row kRowsOfTable[] = {
    {"fp32", 4 * kParameters, 0, kFixed + kRows * 325 * 4, (kParameters + kPassing) * 4, 8 * kParameters},
    {"mixed", 2 * kParameters, 4 * kParameters, kFixed + kRows * 325 * 2, (kParameters + kPassing) * 2,
     8 * kParameters},
    {"fp16", 2 * kParameters, 0, kFixed + kRows * 325 * 2, (kParameters + kPassing) * 2, 8 * kParameters},
    {"apex-o3", 2 * kParameters, 0, kFixed + kRows * 325 * 2, (kParameters + kPassing) * 2, 4 * kParameters},
    // FP32 parameters and their FP16 copies; x in FP32 and its copy; gradients of both, the copies' of one
    // layer at a time.
    {"autocast", 6 * kParameters, 0, kFixed + kRows*(2 * 6 + 323 * 2),
     4 * kParameters + (1056 + kPassing) * 2, 8 * kParameters},
    {"fp16-scaled,update_rounding=kahan", 2 * kParameters, 0, kFixed + kRows * 325 * 2,
     (kParameters + kPassing) * 2, 10 * kParameters},
};

TEST(LaneMemory, OfTheSpiralMlpByHand) {
    static_assert(kParameters == 4419);
    SpyBackend backend;
    const auto workload = tiny_workload(spiral());
    for (const Row& row : kRowsOfTable) {
        const Lane lane(backend, workload, "a", parse_techniques(row.techniques));
        const MemoryUse& use = lane.memory();
        EXPECT_EQ(use[MemoryCategory::weights], row.weights) << row.techniques;
        EXPECT_EQ(use[MemoryCategory::master_weights], row.master_weights) << row.techniques;
        EXPECT_EQ(use[MemoryCategory::activations], row.activations) << row.techniques;
        EXPECT_EQ(use[MemoryCategory::gradients], row.gradients) << row.techniques;
        EXPECT_EQ(use[MemoryCategory::optimizer_state], row.optimizer_state) << row.techniques;
    }
}

TEST(LaneMemory, SgdKeepsOneMomentOrNone) {
    SpyBackend backend;
    TinyOptions options;
    options.optimizer.kind = OptimizerKind::sgd;
    const auto count = static_cast<std::uint64_t>(tiny_workload(options)->training_graph().parameter_count());
    EXPECT_EQ(
        Lane(backend, tiny_workload(options), "a", Techniques{}).memory()[MemoryCategory::optimizer_state],
        4 * count);
    options.optimizer.momentum = 0.0f;
    EXPECT_EQ(
        Lane(backend, tiny_workload(options), "a", Techniques{}).memory()[MemoryCategory::optimizer_state],
        0u);
}

std::string refusal_of(const std::function<void()>& attempt) {
    try {
        attempt();
    } catch (const InputError& error) {
        return error.what();
    }
    return "nothing was refused";
}

TEST(LaneMemory, TooLargeIsRefusedBeforeAnythingIsAllocated) {
    SpyBackend backend;
    const auto workload = tiny_workload(spiral());
    const std::uint64_t needed = plan_lane(*workload, Techniques{}).total_bytes();
    backend.available = needed - 1;
    std::string sentence = refusal_of([&] { Lane lane(backend, workload, "a", Techniques{}); });
    EXPECT_EQ(backend.allocated, 0u);
    EXPECT_NE(sentence.find("lane 'a' needs " + bytes_text(needed)), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("only " + bytes_text(needed - 1)), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("reduce batch or width"), std::string::npos) << sentence;
    backend.available = needed;
    const Lane fits(backend, workload, "a", Techniques{});
    EXPECT_GT(backend.allocated, 0u);
    // Two lanes need twice as much, and the first is not made either.
    backend.allocated = 0;
    backend.available = 2 * needed - 1;
    sentence = refusal_of([&] {
        Experiment experiment(backend, workload, {{"a", Techniques{}}, {"b", Techniques{}}});
    });
    EXPECT_EQ(backend.allocated, 0u);
    EXPECT_NE(sentence.find("2 lanes"), std::string::npos) << sentence;
}

TEST(LaneMemory, WhatTheDeviceNeedsForItselfCountsOnce) {
    SpyBackend backend;
    backend.scratch = 1000;
    const auto workload = tiny_workload(spiral());
    const std::uint64_t lane = plan_lane(*workload, Techniques{}).total_bytes();
    backend.available = lane + 999;
    const std::string sentence = refusal_of([&] { Lane refused(backend, workload, "a", Techniques{}); });
    EXPECT_EQ(backend.allocated, 0u);
    EXPECT_NE(sentence.find("needs " + bytes_text(lane + 1000)), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("scratch memory " + bytes_text(1000)), std::string::npos) << sentence;
    EXPECT_EQ(backend.passes_asked, 3u);  // training, evaluation and shadow
    const std::vector<LaneSpec> two = {{"a", Techniques{}}, {"b", Techniques{}}};
    backend.available = 2 * lane + 999;
    EXPECT_THROW(Experiment(backend, workload, two), InputError);
    EXPECT_EQ(backend.passes_asked, 6u);
    backend.available = 2 * lane + 1000;
    EXPECT_NO_THROW(Experiment(backend, workload, two));
}

TEST(LaneMemory, WhatOtherLanesWillStillTakeIsNotFree) {
    SpyBackend backend;
    const auto workload = tiny_workload(spiral());
    const LanePlans plans = plan_lane(*workload, Techniques{});
    Experiment experiment(backend, workload, {{"a", Techniques{}}});
    // The first lane has trained but once: no evaluation, shadow pass or probe yet.
    const std::uint64_t to_come = plans.evaluation_bytes() + plans.shadow_bytes() + plans.probe_bytes;
    EXPECT_EQ(experiment.lanes()[0].running().bytes_to_come, to_come);
    experiment.step({});
    const LaneSpec second{"b", Techniques{}};
    backend.available = plans.total_bytes() + to_come - 1;
    backend.allocated = 0;
    const std::string sentence = refusal_of([&] { experiment.add_lane(second, nullptr); });
    EXPECT_EQ(backend.allocated, 0u);
    EXPECT_NE(sentence.find("lane 'b' needs " + bytes_text(plans.total_bytes())), std::string::npos)
        << sentence;
    EXPECT_NE(sentence.find("are free beside what the other lanes take"), std::string::npos) << sentence;
    EXPECT_EQ(experiment.lanes().size(), 1u);
    // Once it has everything, all that is free is free.
    experiment.step({true, true});
    experiment.lanes()[0].validate();
    EXPECT_EQ(experiment.lanes()[0].running().bytes_to_come, 0u);
    backend.available = plans.total_bytes();
    experiment.add_lane(second, nullptr);
    // A toggle of the one has the other's in mind, too.
    const Techniques fp32 = parse_techniques("fp32");
    const std::uint64_t needed = plan_lane(*workload, fp32).total_bytes();
    backend.available = needed + to_come - 1;
    EXPECT_THROW(experiment.set_techniques(experiment.lanes()[0], fp32), InputError);
    EXPECT_EQ(experiment.lanes()[0].techniques(), Techniques{});
    backend.available = needed + to_come;
    experiment.set_techniques(experiment.lanes()[0], fp32);
    EXPECT_EQ(experiment.lanes()[0].techniques(), fp32);
}

TEST(LaneMemory, ToggleThatDoesNotFitChangesNothing) {
    SpyBackend backend;
    const auto workload = tiny_workload();
    Lane lane(backend, workload, "a", Techniques{});
    const std::string before = lane.signature();
    backend.available = 1000;
    backend.allocated = 0;
    EXPECT_THROW(lane.set_techniques(parse_techniques("fp32"), 0), InputError);
    EXPECT_EQ(backend.allocated, 0u);
    EXPECT_EQ(lane.techniques(), Techniques{});
    EXPECT_EQ(lane.signature(), before);
    lane.step(0, workload->training_batch(0), {});
}

TEST(LaneMemory, EverythingALaneAllocatesWasPlanned) {
    SpyBackend backend;
    const auto workload = tiny_workload(spiral());
    const std::uint64_t needed = plan_lane(*workload, Techniques{}).total_bytes();
    Lane lane(backend, workload, "a", Techniques{});
    lane.step(0, workload->training_batch(0), {true, true});
    lane.validate();
    // Beside the plan: initial weights in FP32 once.
    const std::uint64_t passing = kParameters * 4;
    EXPECT_EQ(backend.allocated, needed + passing);
}

TEST(LaneMemory, BytesAreReadable) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(1023), "1023 B");
    EXPECT_EQ(bytes_text(640 * 1024), "640 KiB");
    EXPECT_EQ(bytes_text(std::uint64_t{3} << 19), "1.5 MiB");
    EXPECT_EQ(bytes_text(std::uint64_t{12} << 30), "12.0 GiB");
}

}  // namespace
}  // namespace halfscope
