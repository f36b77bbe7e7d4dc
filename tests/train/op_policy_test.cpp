// Lanes under op policies: where the formats agree with a uniform lane's the weights do, bit for bit; where
// they do not, what is cast, counted and kept is what the lists say.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "small_scenarios.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

std::vector<LaneSpec> lanes_of(std::initializer_list<const char*> techniques) {
    std::vector<LaneSpec> lanes;
    for (const char* text : techniques) lanes.push_back({text, parse_techniques(text)});
    return lanes;
}

// An MLP has products, activations and a loss: PyTorch's lists leave it exactly where the paper's recipe
// does, with the FP32 parameters in the part of the master copy.
TEST(OpPolicy, OfAnMlpGivesTheBitsOfMasterWeights) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    for (const char* scenario : {"spiral-mlp", "image-fit"}) {
        Experiment experiment(*backend, small_scenario_workload(scenario),
                              lanes_of({"mixed,scaler=pytorch", "autocast", "apex-o1,scaler=pytorch",
                                        "apex-o2,scaler=pytorch"}));
        for (int step = 0; step < 20; ++step) {
            const std::vector<StepResult> results = experiment.step({step % 5 == 0, step % 10 == 0});
            for (const StepResult& result : results)
                ASSERT_EQ(result.record.loss, results[0].record.loss) << scenario << " step " << step;
        }
        for (const Lane& lane : experiment.lanes())
            EXPECT_EQ(lane.signature(), experiment.lanes()[0].signature()) << scenario << " " << lane.name();
        for (Lane& lane : experiment.lanes())
            EXPECT_EQ(lane.validate().validation_loss, experiment.lanes()[0].validate().validation_loss)
                << lane.name();
    }
}

TEST(OpPolicy, OfOtherNetworksIsItsOwn) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    for (const char* scenario : {"char-gru", "digits-cnn"}) {
        Experiment experiment(*backend, small_scenario_workload(scenario),
                              lanes_of({"mixed,scaler=pytorch", "autocast", "fp32"}));
        std::vector<StepResult> results;
        for (int step = 0; step < 20; ++step) results = experiment.step({});
        EXPECT_NE(experiment.lanes()[0].signature(), experiment.lanes()[1].signature()) << scenario;
        EXPECT_NEAR(results[1].record.loss, results[2].record.loss, 0.02 * results[2].record.loss)
            << scenario;
    }
}

const Probe& probe_of(const StepResult& result, const std::string& tensor, ProbeKind kind) {
    for (const Probe& probe : result.probes)
        if (probe.tensor == tensor && probe.kind == kind) return probe;
    throw std::out_of_range(tensor);
}

// The shadow pass is at the weights that the lane computes with, not at what is kept of them in FP32: at step
// 0 those are the same with and without a master copy, and so is the error, to the last bit.
TEST(OpPolicy, ShadowPassIsAtTheComputeWeights) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    Experiment experiment(*backend, small_scenario_workload("spiral-mlp"),
                          lanes_of({"fp16-scaled,scaler=pytorch", "mixed,scaler=pytorch", "autocast"}));
    const std::vector<StepResult> results = experiment.step({true, true});
    for (std::size_t p = 0; p < results[0].probes.size(); ++p) {
        const Probe& probe = results[0].probes[p];
        if (probe.kind != ProbeKind::weight_gradient) continue;
        ASSERT_GT(probe.relative_error, 0.0) << probe.tensor;
        for (std::size_t lane = 1; lane < results.size(); ++lane)
            EXPECT_EQ(probe_of(results[lane], probe.tensor, probe.kind).relative_error, probe.relative_error)
                << probe.tensor << " lane " << lane;
    }
}

TEST(OpPolicy, AutocastCountsWhereItCasts) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    Experiment experiment(*backend, small_scenario_workload("char-gru"), lanes_of({"autocast"}));
    const StepResult result = experiment.step({true, true})[0];
    for (const char* cast : {"gru.weight_hh_l0", "head.weight", "head.bias"}) {
        EXPECT_EQ(probe_of(result, cast, ProbeKind::weight).own_format, Format::fp16) << cast;
        EXPECT_EQ(probe_of(result, cast, ProbeKind::weight_gradient).own_format, Format::fp16) << cast;
    }
    EXPECT_EQ(probe_of(result, "embedding.weight", ProbeKind::weight).own_format, Format::fp32);
    EXPECT_EQ(probe_of(result, "embedding.weight", ProbeKind::weight_gradient).own_format, Format::fp32);
    EXPECT_EQ(probe_of(result, "embedding", ProbeKind::activation).own_format, Format::fp32);
    for (const Probe& probe : result.probes) {
        EXPECT_GT(probe.counts.own.count(), 0u) << probe.tensor << " " << probe_kind_name(probe.kind);
        if (probe.kind != ProbeKind::weight_gradient) continue;
        EXPECT_LT(probe.relative_error, 0.02) << probe.tensor;
        EXPECT_GT(probe.cosine, 0.999) << probe.tensor;
    }
}

TEST(OpPolicy, NormFp32KeepsNormsAndOnlyThem) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    Experiment experiment(*backend, small_scenario_workload("digits-cnn"), lanes_of({"apex-o2"}));
    const StepResult result = experiment.step({true, false})[0];
    for (const Probe& probe : result.probes) {
        const bool is_norm = probe.tensor.find("bn") != std::string::npos ||
                             probe.tensor.find("downsample.1") != std::string::npos;
        const bool is_parameter = probe.tensor.ends_with(".weight") || probe.tensor.ends_with(".bias");
        EXPECT_EQ(probe.own_format, is_norm && is_parameter ? Format::fp32 : Format::fp16)
            << probe.tensor << " " << probe_kind_name(probe.kind);
    }
}

TEST(OpPolicy, SwitchedDuringTheRunKeepsWeightsInFp32) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    Experiment experiment(*backend, small_scenario_workload("digits-cnn"),
                          lanes_of({"mixed", "mixed,growth_interval=101"}));
    for (int step = 0; step < 5; ++step) experiment.step({});
    Lane& lane = experiment.lanes()[1];
    const std::string before = lane.signature();
    for (const char* policy : {"autocast", "norm-fp32", "apex-o1", "uniform"}) {
        Techniques techniques = lane.techniques();
        ASSERT_EQ(set_technique(techniques, "op_policy", policy), "");
        EXPECT_EQ(lane.set_techniques(techniques, 5).size(), 1u) << policy << ": nothing was rounded";
        EXPECT_EQ(lane.signature(), before) << policy;
    }
    for (int step = 0; step < 5; ++step) experiment.step({});
    EXPECT_EQ(lane.signature(), experiment.lanes()[0].signature()) << "back as if nothing had been";
}

TEST(OpPolicy, LeavesMasterWeightsToTheirOwnersOnly) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(2);
    const Lane uniform(*backend, small_scenario_workload("digits-cnn"), "a", parse_techniques("mixed"));
    const Lane norms(*backend, small_scenario_workload("digits-cnn"), "b", parse_techniques("apex-o2"));
    const Lane cast(*backend, small_scenario_workload("digits-cnn"), "c", parse_techniques("autocast"));
    std::uint64_t norm_parameters = 0, parameters = 0;
    const std::shared_ptr<const Workload> workload = small_scenario_workload("digits-cnn");
    for (TensorId id : workload->training_graph().parameters()) {
        const TensorInfo& info = workload->training_graph().tensor(id);
        const auto count = static_cast<std::uint64_t>(info.shape.elements());
        parameters += count;
        const bool is_norm =
            info.name.find("bn") != std::string::npos || info.name.find("downsample.1") != std::string::npos;
        if (is_norm) norm_parameters += count;
    }
    EXPECT_EQ(uniform.memory()[MemoryCategory::master_weights], 4 * parameters);
    EXPECT_EQ(norms.memory()[MemoryCategory::master_weights], 4 * (parameters - norm_parameters));
    EXPECT_EQ(norms.memory()[MemoryCategory::weights] - uniform.memory()[MemoryCategory::weights],
              2 * norm_parameters);
    EXPECT_EQ(cast.memory()[MemoryCategory::master_weights], 0u);
}

}  // namespace
}  // namespace halfscope
