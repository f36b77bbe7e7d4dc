// Where the first value that is not finite arose, against what probes count and against steps under other
// scales.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "tiny_workload.h"
#include "train/dot_capture.h"
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

bool is_same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Against the sums of the linear layers, taken addend by addend. Returns how many of what was computed are
/// finite numbers that FP16 does not hold.
int check_computed(Lane& lane, const Workload& workload, const OverflownTensor& tensor) {
    const Graph& graph = workload.training_graph();
    const Batch batch = workload.training_batch(0);
    int overflown = 0;
    for (const DotSource& source : dot_sources(graph)) {
        const bool is_of_weight = tensor.kind == ProbeKind::weight_gradient;
        if (source.kind != (is_of_weight ? DotKind::weight_gradient : DotKind::input_gradient)) continue;
        for (const Node& node : graph.nodes()) {
            if (node.name != source.layer || graph.tensor(node.inputs[is_of_weight]).name != tensor.tensor)
                continue;
            for (std::size_t i = 0; i < tensor.elements.size(); ++i) {
                const std::int64_t element = tensor.elements[i];
                const DotCapture dot = lane.capture_dot(source, element / source.columns,
                                                        element % source.columns, 0, std::span(&batch, 1));
                const auto sum =
                    static_cast<float>(sum_up(Summation::fp32, Format::fp16, dot.a, dot.b).result);
                EXPECT_TRUE(is_same(sum, tensor.computed[i])) << sum << " " << tensor.computed[i];
                overflown += std::isfinite(sum) && std::fabs(sum) >= 65520;
            }
        }
    }
    return overflown;
}

TEST(LaneExamine, ActivationGradientsAreListedWithWhatWasComputed) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.layer_norm = true;
    const auto workload = tiny_workload(options);
    const Batch batch = workload->training_batch(0);
    int of_activations = 0, of_weights = 0;
    for (int scale_log2 = 18; scale_log2 <= 26; ++scale_log2) {
        Lane lane(*backend, workload, "a", with_scale(std::ldexp(1.0, scale_log2)));
        // Large weights behind the loss: gradients overflow on their way back, and not at once.
        std::vector<NamedValues> weights = lane.parameters();
        for (NamedValues& weight : weights)
            for (float& value : weight.values) value *= weight.name == "head.weight" ? 64.0f : 1.0f;
        lane.load_parameters(weights);
        for (const OverflownTensor& tensor : lane.examine_overflow(0, std::span(&batch, 1)).tensors) {
            SCOPED_TRACE(testing::Message() << tensor.tensor << " at 2^" << scale_log2);
            EXPECT_EQ(tensor.elements.size(),
                      std::min<std::size_t>(OverflowReport::kElements, tensor.nonfinite()));
            ASSERT_EQ(tensor.stored.size(), tensor.elements.size());
            ASSERT_EQ(tensor.computed.size(), tensor.elements.size());
            for (std::size_t i = 0; i < tensor.elements.size(); ++i) {
                EXPECT_FALSE(std::isfinite(tensor.stored[i]));
                EXPECT_TRUE(is_same(round_to_fp16(tensor.computed[i]), tensor.stored[i]));
            }
            const bool is_of_weight = tensor.kind == ProbeKind::weight_gradient;
            (is_of_weight ? of_weights : of_activations) += check_computed(lane, *workload, tensor);
        }
    }
    EXPECT_GT(of_weights, 0);
    EXPECT_GT(of_activations, 0);
}

/// A tensor that two nodes read has no one value before it is stored; one that is counted has its elements.
TEST(LaneExamine, EveryActivationGradientOfAResidualNetworkIsFollowed) {
    const auto backend = make_cpu_backend(2);
    ScenarioSettings settings;
    settings.parameters = {{"batch", 3}, {"size", 12}, {"channels", 8}, {"blocks", 1}};
    const auto workload = find_scenario("digits-cnn").create(settings);
    const Graph& graph = workload->training_graph();
    Lane lane(*backend, workload, "a", with_scale(std::ldexp(1.0, 23))),
        plain(*backend, workload, "b", with_scale(std::ldexp(1.0, 23)));
    const Batch batch = workload->training_batch(0);
    const OverflowReport report = lane.examine_overflow(0, std::span(&batch, 1));
    int told = 0, not_told = 0;
    for (const OverflownTensor& tensor : report.tensors) {
        SCOPED_TRACE(tensor.tensor);
        const bool is_read_once = graph.readers(graph.find(tensor.tensor)) == 1;
        EXPECT_EQ(tensor.elements.size(),
                  std::min<std::size_t>(OverflowReport::kElements, tensor.nonfinite()));
        EXPECT_EQ(tensor.computed.size(), is_read_once ? tensor.elements.size() : 0);
        if (tensor.kind == ProbeKind::activation_gradient) ++(is_read_once ? told : not_told);
        for (std::size_t i = 0; i < tensor.elements.size(); ++i)
            EXPECT_FALSE(std::isfinite(tensor.stored[i]));
    }
    EXPECT_GT(told, 3);
    EXPECT_GT(not_told, 0);
    lane.step(0, batch, {});
    plain.step(0, batch, {});
    EXPECT_EQ(lane.signature(), plain.signature()) << "looking left a trace";
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
