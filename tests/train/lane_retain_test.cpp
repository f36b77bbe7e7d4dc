// Gradients kept whole: the FP32 gradients at the lane's rounded weights, and no trace of having looked.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "tiny_workload.h"
#include "train/experiment.h"
#include "train/input_error.h"
#include "train/retained_values.h"

namespace halfscope {
namespace {

std::vector<float> magnitudes_of(const std::vector<float>& values) {
    return retain_values(values).magnitudes;
}

TEST(LaneRetain, KeepsTheTrueGradientsOfTensorsAndOfLayers) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.dropout = 0.3f;
    const auto workload = tiny_workload(options);
    Lane lane(*backend, workload, "lane", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    Lane reference(*backend, workload, "reference", parse_techniques("fp32"));
    std::vector<NamedValues> weights = lane.parameters();
    for (NamedValues& weight : weights)
        for (float& value : weight.values) value = round_to_fp16(value);
    reference.load_parameters(weights);
    std::vector<float> layer;
    for (const NamedValues& gradient : reference.gradients(batch, 0).gradients) {
        const std::vector<std::string> name{gradient.name};
        const RetainedGradients kept =
            lane.retain_gradients(ProbeKind::weight_gradient, name, 0, std::span(&batch, 1));
        EXPECT_EQ(kept.values.magnitudes, magnitudes_of(gradient.values)) << gradient.name;
        EXPECT_EQ(kept.values.count(), gradient.values.size());
        EXPECT_EQ(kept.loss_scale, lane.loss_scale());
        TensorCounts counts;
        for (const float value : gradient.values) counts.add(value, value, Format::fp32);
        EXPECT_EQ(kept.counts.histogram, counts.histogram) << gradient.name;
        EXPECT_EQ(kept.counts.fp16, counts.fp16) << gradient.name;
        if (gradient.name.starts_with("fc1."))
            layer.insert(layer.end(), gradient.values.begin(), gradient.values.end());
    }
    const std::vector<std::string> names{"fc1.weight", "fc1.bias"};
    EXPECT_EQ(
        lane.retain_gradients(ProbeKind::weight_gradient, names, 0, std::span(&batch, 1)).values.magnitudes,
        magnitudes_of(layer));
}

/// What a probed FP32 step counts of its activation gradients is what is kept of them, layer by layer and
/// micro-batch or not.
TEST(LaneRetain, KeepsActivationGradientsAndLeavesNoTrace) {
    const auto backend = make_cpu_backend(2);
    ScenarioSettings settings;
    settings.parameters = {{"points", 256}, {"batch", 64}, {"micro_batches", 3}};
    ScenarioSettings pictures;
    pictures.parameters = {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}};
    for (const auto& workload :
         {std::shared_ptr<const Workload>(tiny_workload({})), find_scenario("spiral-mlp").create(settings),
          find_scenario("digits-cnn").create(pictures)}) {
        SCOPED_TRACE(workload->info().name);
        for (const char* techniques : {"fp32", "mixed"}) {
            Lane lane(*backend, workload, "a", parse_techniques(techniques));
            Lane plain(*backend, workload, "b", parse_techniques(techniques));
            std::vector<Batch> batches;
            for (std::int64_t part = 0; part < workload->micro_batches(); ++part)
                batches.push_back(workload->training_batch(part));
            const StepResult step = plain.step(0, batches, {true, false});
            int compared = 0;
            for (const Probe& probe : step.probes) {
                if (probe.kind != ProbeKind::activation_gradient && probe.kind != ProbeKind::weight_gradient)
                    continue;
                const std::vector<std::string> name{probe.tensor};
                const RetainedGradients kept = lane.retain_gradients(probe.kind, name, 0, batches);
                EXPECT_EQ(kept.values.count(), probe.counts.fp16.count()) << probe.tensor;
                ++compared;
                // Weight gradients of micro-batches are kept as their sum; probes are of the last.
                if (probe.own_format != Format::fp32 ||
                    (probe.kind == ProbeKind::weight_gradient && batches.size() > 1))
                    continue;
                EXPECT_EQ(kept.counts.histogram, probe.counts.histogram) << probe.tensor;
            }
            EXPECT_GE(compared, 8);
            lane.step(0, batches, {});
            EXPECT_EQ(lane.signature(), plain.signature()) << "looking left a trace";
        }
    }
}

TEST(LaneRetain, WhatIsNotThereIsRefused) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    const auto keep = [&](ProbeKind kind, const std::string& name) {
        lane.retain_gradients(kind, std::span(&name, 1), 0, std::span(&batch, 1));
    };
    EXPECT_THROW(keep(ProbeKind::weight_gradient, "nothing"), InputError);
    EXPECT_THROW(keep(ProbeKind::weight_gradient, "fc1"), InputError);
    EXPECT_THROW(keep(ProbeKind::activation_gradient, "fc1.weight"), InputError);
    EXPECT_THROW(keep(ProbeKind::weight, "fc1.weight"), InputError);
}

}  // namespace
}  // namespace halfscope
