// Steps of a lane on the CUDA device, where they are graphs, against the CPU's, where they are calls:
// toggles, skips and scales during the run, with exact products, so that everything has the same bits.
#include <gtest/gtest.h>

#include "backend/cpu_backend.h"
#include "backend/cuda_module.h"
#include "lane_pair.h"
#include "tiny_workload.h"
#include "train/dot_capture.h"
#include "train/overflow_report.h"
#include "train/scale_sweep.h"
#include "train/update_peek.h"

namespace halfscope {
namespace {

class CudaSteps : public testing::Test {
  protected:
    void SetUp() override {
        std::string why_not;
        gpu = open_cuda_backend({.exact = true}, why_not);
        if (!gpu) GTEST_SKIP() << why_not;
    }
    void TearDown() override {
        // A capture that failed is said in the name.
        if (gpu) {
            EXPECT_EQ(gpu->name().find("not one graph"), std::string::npos) << gpu->name();
        }
    }
    std::unique_ptr<Backend> gpu, cpu = make_cpu_backend(0);
};

std::shared_ptr<const Workload> tiny() {
    TinyOptions options;
    options.dropout = 0.2f;
    options.layer_norm = true;
    options.schedule = true;
    options.optimizer.kind = OptimizerKind::adamw;
    options.optimizer.weight_decay = 0.01f;
    return tiny_workload(options);
}

TEST_F(CudaSteps, EveryPresetOneAfterTheOther) {
    LanePair pair(*gpu, *cpu, tiny(), parse_techniques("fp32"));
    for (const Preset& preset : presets()) {
        SCOPED_TRACE(preset.name);
        pair.toggle(preset.name);
        pair.steps(7);
        if (HasFatalFailure()) return;
    }
}

// Nodes of FP32 beside nodes of 16 bits: products of mixed operands, casts, and the step recorded anew.
TEST_F(CudaSteps, NodesKeptInFp32) {
    for (const char* preset : {"mixed", "fp16-scaled", "autocast", "bf16"}) {
        LanePair pair(*gpu, *cpu, tiny(), parse_techniques(preset));
        for (const char* kept : {"fc1", "op:linear", "head+sigmoid1", "op:layer_norm+op:dropout", "none"}) {
            SCOPED_TRACE(std::string(preset) + " " + kept);
            pair.toggle(std::string(preset) + ",keep_fp32=" + kept);
            pair.steps(7);
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(CudaSteps, EveryTechniqueSwitchedDuringTheRun) {
    LanePair pair(*gpu, *cpu, tiny(), parse_techniques("mixed"));
    for (const TechniqueKey& key : technique_keys()) {
        for (const std::string& choice : key.choices) {
            Techniques techniques = parse_techniques("mixed");
            if (!set_technique(techniques, key.name, choice).empty() || !refusal(techniques).empty())
                continue;
            SCOPED_TRACE(key.name + "=" + choice);
            pair.toggle("mixed," + key.name + "=" + choice);
            pair.steps(4);
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(CudaSteps, OverflowsSkipAndScalesMove) {
    LanePair pair(
        *gpu, *cpu, tiny(),
        parse_techniques("mixed,loss_scale=65536,growth_interval=1,growth_factor=16,max_scale=none"));
    pair.steps(24);
    EXPECT_GT(pair.skips, 1);
    for (Lane* lane : {&pair.found, &pair.expected}) lane->multiply_loss_scale(0.0625);
    pair.steps(4);
}

TEST_F(CudaSteps, MicroBatchesAndScenarios) {
    const std::pair<const char*, std::map<std::string, double>> scenarios[] = {
        {"spiral-mlp", {{"points", 256}, {"batch", 64}, {"micro_batches", 3}}},
        {"char-gru", {{"hidden", 24}, {"time", 16}}},
        {"digits-cnn", {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}}}};
    for (const auto& [name, parameters] : scenarios) {
        SCOPED_TRACE(name);
        ScenarioSettings settings;
        settings.parameters = parameters;
        LanePair pair(*gpu, *cpu, find_scenario(name).create(settings), parse_techniques("mixed"));
        pair.steps(7);
        if (HasFatalFailure()) return;
    }
}

/// Two lanes share the device's scratch memory: the larger one makes it grow, which outdates the graphs of
/// the smaller one.
TEST_F(CudaSteps, ALaneBesideGrowsTheScratchMemory) {
    LanePair small(*gpu, *cpu, tiny(), parse_techniques("mixed"));
    small.steps(4);
    TinyOptions larger;
    larger.rows = 16384;
    larger.width = 320;  // sums of more columns than the least block of scratch memory holds
    larger.hidden_layers = 1;
    LanePair large(*gpu, *cpu, tiny_workload(larger), parse_techniques("mixed"));
    for (int turn = 0; turn < 2; ++turn) {
        large.steps(1);
        small.steps(1);
    }
}

/// What looks at a lane without a step: sweeps over scales, updates before they are made, overflows, single
/// sums. All of it equals the CPU's, and leaves the recorded steps as they are.
TEST_F(CudaSteps, LooksFindWhatTheCpuFindsAndLeaveNoTrace) {
    const auto workload = tiny();
    LanePair pair(*gpu, *cpu, workload, parse_techniques("mixed"));
    pair.steps(4);
    const std::vector<Batch> batches{workload->training_batch(pair.next)};
    ScaleSweep found = pair.found.begin_sweep(pair.next, batches),
               expected = pair.expected.begin_sweep(pair.next, batches);
    while (!expected.is_complete()) {
        pair.found.sweep_next(found, batches);
        pair.expected.sweep_next(expected, batches);
    }
    ASSERT_EQ(found.tensors.size(), expected.tensors.size());
    for (std::size_t i = 0; i < expected.tensors.size(); ++i) {
        EXPECT_EQ(found.tensors[i].true_exponents, expected.tensors[i].true_exponents)
            << expected.tensors[i].tensor;
        for (std::size_t point = 0; point < expected.tensors[i].points.size(); ++point)
            EXPECT_EQ(found.tensors[i].points[point].counts, expected.tensors[i].points[point].counts);
    }
    const std::string name =
        workload->training_graph().tensor(workload->training_graph().parameters()[0]).name;
    EXPECT_EQ(pair.found.peek_update(name, pair.next, batches).next,
              pair.expected.peek_update(name, pair.next, batches).next);
    const DotSource source = dot_sources(workload->training_graph())[1];
    const DotCapture a = pair.found.capture_dot(source, 1, 1, pair.next, batches);
    const DotCapture b = pair.expected.capture_dot(source, 1, 1, pair.next, batches);
    EXPECT_EQ(a.a, b.a);
    EXPECT_EQ(a.b, b.b);
    EXPECT_EQ(a.stored, b.stored);
    for (Lane* lane : {&pair.found, &pair.expected}) lane->multiply_loss_scale(1 << 20);
    const OverflowReport one = pair.found.examine_overflow(pair.next, batches);
    const OverflowReport other = pair.expected.examine_overflow(pair.next, batches);
    EXPECT_EQ(one.halvings, other.halvings);
    EXPECT_EQ(one.origin_layer, other.origin_layer);
    EXPECT_EQ(one.tensors.size(), other.tensors.size());
    pair.steps(8);
}

}  // namespace
}  // namespace halfscope
