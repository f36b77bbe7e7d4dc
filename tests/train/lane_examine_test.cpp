// Where the first value that is not finite arose, against what probes count and against steps under other
// scales.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/cpu_backend.h"
#include "tiny_workload.h"
#include "train/experiment.h"
#include "train/overflow_report.h"

namespace halfscope {
namespace {

Techniques with_scale(double scale) {
    Techniques techniques = parse_techniques("mixed,loss_scaling=static,max_scale=none");
    techniques.scaler.initial_scale = static_cast<float>(scale);
    return techniques;
}

bool is_skipped_at(Backend& backend, const std::shared_ptr<const Workload>& workload, const Lane& from,
                   double scale) {
    Lane lane(backend, workload, "try", with_scale(scale));
    lane.copy_state_from(from);
    return lane.step(0, workload->training_batch(0), {}).record.skipped;
}

TEST(LaneExamine, FindsWhatProbesCountAndTheScaleThatIsSmallEnough) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.layer_norm = true;
    options.dropout = 0.2f;
    const auto workload = tiny_workload(options);
    for (const int scale_log2 : {22, 26, 30}) {
        SCOPED_TRACE(scale_log2);
        const double scale = std::ldexp(1.0, scale_log2);
        Lane lane(*backend, workload, "a", with_scale(scale)),
            plain(*backend, workload, "b", with_scale(scale));
        const Batch batch = workload->training_batch(0);
        const OverflowReport report = lane.examine_overflow(0, std::span(&batch, 1));
        const StepResult step = lane.step(0, batch, {true, false});
        plain.step(0, batch, {});
        EXPECT_EQ(lane.signature(), plain.signature()) << "looking left a trace";
        ASSERT_TRUE(step.record.skipped);
        EXPECT_EQ(report.loss, step.record.loss);
        EXPECT_EQ(report.loss_scale, scale);
        EXPECT_FALSE(report.is_forward);
        std::size_t wanted = 0;
        for (const Probe& probe : step.probes) {
            if (probe.counts.own.inf + probe.counts.own.nan == 0) continue;
            ++wanted;
            bool is_found = false;
            for (const OverflownTensor& tensor : report.tensors) {
                if (tensor.tensor != probe.tensor || tensor.kind != probe.kind) continue;
                is_found = true;
                EXPECT_EQ(tensor.counts, probe.counts.own) << probe.tensor;
                EXPECT_EQ(tensor.layer, probe.layer) << probe.tensor;
                EXPECT_EQ(tensor.max_abs, probe.counts.max_abs);
                if (tensor.kind == ProbeKind::weight_gradient) {
                    EXPECT_EQ(tensor.elements.size(),
                              std::min<std::size_t>(OverflowReport::kElements, tensor.nonfinite()));
                }
            }
            EXPECT_TRUE(is_found) << probe.tensor;
        }
        EXPECT_EQ(report.tensors.size(), wanted);
        EXPECT_EQ(report.tensors.front().layer, step.record.overflow_layer);
        // So many halvings are enough, and one less is not.
        ASSERT_GT(report.halvings, 0);
        Lane start(*backend, workload, "start", with_scale(scale));
        EXPECT_FALSE(is_skipped_at(*backend, workload, start, std::ldexp(scale, -report.halvings)));
        EXPECT_TRUE(is_skipped_at(*backend, workload, start, std::ldexp(scale, 1 - report.halvings)));
        EXPECT_LT(report.largest_gradient, 65520.0);
        EXPECT_GT(report.largest_gradient, 100.0);
    }
}

TEST(LaneExamine, TheElementsAreThoseThatAreNotFinite) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", with_scale(std::ldexp(1.0, 27)));
    const Batch batch = workload->training_batch(0);
    const OverflowReport report = lane.examine_overflow(0, std::span(&batch, 1));
    const LossAndGradients gradients = lane.gradients(batch, 0);
    int compared = 0;
    for (const OverflownTensor& tensor : report.tensors) {
        for (const NamedValues& gradient : gradients.gradients) {
            if (gradient.name != tensor.tensor || tensor.kind != ProbeKind::weight_gradient) continue;
            ++compared;
            std::vector<std::int64_t> expected;
            for (std::size_t i = 0; i < gradient.values.size() && expected.size() < OverflowReport::kElements;
                 ++i)
                if (!std::isfinite(gradient.values[i])) expected.push_back(static_cast<std::int64_t>(i));
            EXPECT_EQ(tensor.elements, expected) << tensor.tensor;
        }
    }
    EXPECT_GT(compared, 0);
}

TEST(LaneExamine, AWeightThatIsNotFiniteIsTheOriginAndNoScaleHelps) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", parse_techniques("fp16"));
    std::vector<NamedValues> weights = lane.parameters();
    for (NamedValues& weight : weights)
        if (weight.name == "fc2.weight") weight.values[5] = std::numeric_limits<float>::infinity();
    lane.load_parameters(weights);
    const Batch batch = workload->training_batch(0);
    const OverflowReport report = lane.examine_overflow(0, std::span(&batch, 1));
    ASSERT_FALSE(report.is_finite());
    EXPECT_EQ(report.origin_layer, "fc2");
    EXPECT_EQ(report.origin_op, "weight");
    EXPECT_TRUE(report.is_forward);
    EXPECT_EQ(report.halvings, -1);
    EXPECT_EQ(report.tensors.front().tensor, "fc2.weight");
    EXPECT_EQ(report.tensors.front().elements, std::vector<std::int64_t>{5});
}

TEST(LaneExamine, AFiniteStepIsSaidToBeFinite) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    const OverflowReport report = lane.examine_overflow(0, std::span(&batch, 1));
    EXPECT_TRUE(report.is_finite());
    EXPECT_EQ(report.halvings, 0);
    EXPECT_TRUE(report.origin_layer.empty());
}

}  // namespace
}  // namespace halfscope
