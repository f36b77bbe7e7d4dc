#include <gtest/gtest.h>

#include <cmath>

#include "numerics/rounding.h"
#include "spy_backend.h"
#include "tiny_workload.h"
#include "train/lane.h"
#include "train/lane_buffers.h"

namespace halfscope {
namespace {

const Probe* find_probe(const StepResult& result, const std::string& tensor, ProbeKind kind) {
    for (const Probe& probe : result.probes) {
        if (probe.tensor == tensor && probe.kind == kind) return &probe;
    }
    return nullptr;
}

TEST(LaneProbe, EveryTensorIsThere) {
    SpyBackend backend;
    TinyOptions options;
    options.layer_norm = true;
    const auto workload = tiny_workload(options);
    Lane lane(backend, workload, "a", parse_techniques("mixed,loss_scaling=static,loss_scale=2^10"));
    const StepResult result = lane.step(0, workload->training_batch(0), {true, false});
    const Graph& graph = workload->training_graph();
    std::size_t expected = 0;
    for (const TensorInfo& info : graph.tensors()) {
        const auto count = static_cast<std::uint64_t>(info.shape.elements());
        std::vector<ProbeKind> kinds;
        if (info.role == TensorRole::parameter)
            kinds = {ProbeKind::weight, ProbeKind::weight_gradient, ProbeKind::update};
        if (info.role == TensorRole::activation)
            kinds = {ProbeKind::activation, ProbeKind::activation_gradient};
        for (ProbeKind kind : kinds) {
            ++expected;
            const Probe* probe = find_probe(result, info.name, kind);
            ASSERT_TRUE(probe) << info.name << " " << probe_kind_name(kind);
            EXPECT_EQ(probe->counts.own.count(), count) << info.name << " " << probe_kind_name(kind);
            EXPECT_EQ(probe->counts.fp16.count(), count) << info.name << " " << probe_kind_name(kind);
            const bool gradient =
                kind == ProbeKind::weight_gradient || kind == ProbeKind::activation_gradient;
            EXPECT_EQ(probe->scale, gradient ? 1024.0 : 1.0);
            EXPECT_EQ(probe->own_format, Format::fp16);
            EXPECT_EQ(probe->layer, info.name.substr(0, info.name.find('.')));
            EXPECT_EQ(probe->relative_error, -1.0);
            EXPECT_EQ(probe->cosine, -2.0);
        }
    }
    EXPECT_EQ(result.probes.size(), expected);
}

/// Checks one counted tensor against what lies in memory after the op.
void expect_counts_of_stored(Backend& backend, const TensorView& view, bool exact_is_stored) {
    TensorCounts expected;
    for (float value : download_floats(backend, view)) expected.add(value, value, view.format);
    const ClassCounts& own = view.counts->own;
    EXPECT_EQ(own.true_zero + own.flushed, expected.own.true_zero);
    EXPECT_EQ(own.subnormal, expected.own.subnormal);
    EXPECT_EQ(own.normal, expected.own.normal);
    EXPECT_EQ(own.inf, expected.own.inf);
    EXPECT_EQ(own.nan, expected.own.nan);
    if (!exact_is_stored) return;
    EXPECT_EQ(own, expected.own);
    EXPECT_EQ(view.counts->fp16, expected.fp16);
    EXPECT_EQ(view.counts->min_abs, expected.min_abs);
    EXPECT_EQ(view.counts->max_abs, expected.max_abs);
    for (int exponent = -149; exponent <= 127; ++exponent) {
        ASSERT_EQ(view.counts->histogram.at(exponent), expected.histogram.at(exponent)) << exponent;
    }
}

TEST(LaneProbe, CountsAreThoseOfTheStoredTensors) {
    TinyOptions options;
    options.layer_norm = true;
    options.dropout = 0.4f;
    options.hidden_layers = 3;
    const auto workload = tiny_workload(options);
    for (const char* text : {"fp32", "mixed", "bf16", "fp16", "mixed,loss_scaling=static,loss_scale=2^24",
                             "fp16,subnormals=flush"}) {
        SpyBackend backend;
        int seen = 0;
        const Techniques techniques = parse_techniques(text);
        backend.witness = [&](const TensorView& view) {
            ++seen;
            expect_counts_of_stored(backend, view, techniques.storage == Format::fp32);
        };
        Lane lane(backend, workload, "a", techniques);
        for (int step = 0; step < 3; ++step) lane.step(step, workload->training_batch(step), {true, false});
        EXPECT_GE(seen, 3 * 20) << text;
    }
}

TEST(LaneProbe, WeightsAreCountedAgainstTheMaster) {
    SpyBackend backend;
    const auto workload = tiny_workload();
    for (const char* text : {"mixed", "fp16-scaled", "fp32", "bf16", "mixed,subnormals=flush"}) {
        Lane lane(backend, workload, "a", parse_techniques(text));
        for (int step = 0; step < 3; ++step) lane.step(step, workload->training_batch(step), {});
        const std::vector<float> master = lane.parameter("fc2.weight");
        const StepResult result = lane.step(3, workload->training_batch(3), {true, false});
        const Techniques& techniques = lane.techniques();
        TensorCounts expected;
        for (float value : master)
            expected.add(value, round_to(techniques.storage, value, techniques.subnormals),
                         techniques.storage);
        const Probe* probe = find_probe(result, "fc2.weight", ProbeKind::weight);
        ASSERT_TRUE(probe);
        EXPECT_EQ(probe->counts.own, expected.own) << text;
        EXPECT_EQ(probe->counts.fp16, expected.fp16) << text;
        EXPECT_EQ(probe->counts.max_abs, expected.max_abs) << text;
    }
}

TEST(LaneProbe, SwallowedUpdatesAreThoseThatLeaveTheWeight) {
    SpyBackend backend;
    TinyOptions options;
    options.optimizer.learning_rate = 2e-5f;
    const auto workload = tiny_workload(options);
    Lane lane(backend, workload, "a", parse_techniques("fp16-scaled"));
    const std::vector<float> before = lane.parameter("fc2.weight");
    const StepResult result = lane.step(0, workload->training_batch(0), {true, false});
    const std::vector<float> after = lane.parameter("fc2.weight");
    const Probe* probe = find_probe(result, "fc2.weight", ProbeKind::update);
    ASSERT_TRUE(probe);
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < before.size(); ++i) kept += before[i] == after[i] ? 1 : 0;
    EXPECT_GT(probe->swallowed, 0u);
    EXPECT_LT(probe->swallowed, probe->updates);
    // Adam's first step moves every weight with a non-zero gradient.
    const std::uint64_t unmoved_for_other_reasons = before.size() - probe->updates;
    EXPECT_LE(probe->swallowed, kept);
    EXPECT_GE(probe->swallowed + unmoved_for_other_reasons, kept);
}

/// Relative errors of one step at initialisation, recomputed from the tensors themselves.
struct InitialErrors {
    double whole_model = 0;  ///< ||g - s|| / ||s|| over all parameters
    double worst_tensor = 0;
    double first_layer = 0;
    double first_layer_cosine = 0;
};

InitialErrors errors_at_initialisation(const std::shared_ptr<const Workload>& workload,
                                       const char* techniques) {
    SpyBackend backend;
    std::vector<double> expected;
    double all_difference = 0, all_shadow = 0;
    backend.compare_witness = [&](const TensorView& gradient, float inverse_scale, const TensorView& shadow) {
        const std::vector<float> g = download_floats(backend, gradient), s = download_floats(backend, shadow);
        double difference = 0, square = 0;
        for (std::size_t i = 0; i < g.size(); ++i) {
            const double unscaled = static_cast<double>(g[i]) * static_cast<double>(inverse_scale);
            difference += (unscaled - s[i]) * (unscaled - s[i]);
            square += static_cast<double>(s[i]) * s[i];
        }
        expected.push_back(std::sqrt(difference) / std::max(std::sqrt(square), 1e-12));
        all_difference += difference;
        all_shadow += square;
    };
    Lane lane(backend, workload, "a", parse_techniques(techniques));
    const StepResult result = lane.step(0, workload->training_batch(0), {true, true});
    InitialErrors errors;
    errors.whole_model = std::sqrt(all_difference / all_shadow);
    std::size_t index = 0;
    for (const Probe& probe : result.probes) {
        if (probe.kind != ProbeKind::weight_gradient) {
            EXPECT_EQ(probe.relative_error, -1.0);
            continue;
        }
        EXPECT_NEAR(probe.relative_error, expected.at(index), 1e-6 * expected.at(index)) << probe.tensor;
        ++index;
        errors.worst_tensor = std::max(errors.worst_tensor, probe.relative_error);
    }
    const Probe* first = find_probe(result, "fc1.weight", ProbeKind::weight_gradient);
    errors.first_layer = first->relative_error;
    errors.first_layer_cosine = first->cosine;
    return errors;
}

// scenarios.md, "Weight-gradient error at initialisation", sigmoid MLP: the first layers are lost wholly at
// S=1 and little is at S=2^10. Layers half lost can be worse than lost: what lies just above 2^-25 is stored
// as 2^-24, all in one direction.
TEST(LaneProbe, ShadowPassShowsUnderflowAtInitialisation) {
    TinyOptions options;
    options.rows = 8192;
    options.width = 32;
    options.hidden_layers = 5;
    for (std::uint64_t seed : {0, 1, 2}) {
        options.seed = seed;
        const auto workload = tiny_workload(options);
        const InitialErrors unscaled = errors_at_initialisation(workload, "fp16-master");
        EXPECT_EQ(unscaled.first_layer, 1.0);
        EXPECT_EQ(unscaled.first_layer_cosine, 0.0);
        EXPECT_GE(unscaled.worst_tensor, 1.0);
        const InitialErrors scaled =
            errors_at_initialisation(workload, "mixed,loss_scaling=static,loss_scale=2^10");
        EXPECT_LT(scaled.worst_tensor, 0.15);
        EXPECT_GT(scaled.whole_model, 1e-5);
        EXPECT_LT(scaled.whole_model, 0.004);
        EXPECT_GT(scaled.first_layer_cosine, 0.99);
        EXPECT_GT(unscaled.whole_model, 3.0 * scaled.whole_model);
        EXPECT_LT(errors_at_initialisation(workload, "bf16").worst_tensor, 0.15);
        RecordProperty("seed_" + std::to_string(seed), std::to_string(unscaled.whole_model) + " / " +
                                                           std::to_string(scaled.whole_model) + ", worst " +
                                                           std::to_string(unscaled.worst_tensor) + " / " +
                                                           std::to_string(scaled.worst_tensor));
    }
}

TEST(LaneProbe, ShadowOfAnFp32LaneIsNotMeasuredUnlessSomethingDiffers) {
    SpyBackend backend;
    TinyOptions options;
    options.dropout = 0.5f;
    const auto workload = tiny_workload(options);
    Lane plain(backend, workload, "a", parse_techniques("fp32"));
    Lane scaled(backend, workload, "b", parse_techniques("fp32,loss_scaling=static,loss_scale=2^8"));
    const Batch batch = workload->training_batch(0);
    const Probe* probe = nullptr;
    const StepResult unmeasured = plain.step(0, batch, {true, true});
    probe = find_probe(unmeasured, "fc1.weight", ProbeKind::weight_gradient);
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->relative_error, -1.0);
    // Same dropout mask, a power of two: the very same gradients.
    const StepResult measured = scaled.step(0, batch, {true, true});
    for (const Probe& each : measured.probes) {
        if (each.kind != ProbeKind::weight_gradient) continue;
        EXPECT_EQ(each.relative_error, 0.0) << each.tensor;
        EXPECT_NEAR(each.cosine, 1.0, 1e-12) << each.tensor;
    }
}

TEST(LaneProbe, OverflowIsNamedFromTheLossBackwards) {
    SpyBackend backend;
    const auto workload = tiny_workload();
    for (bool probed : {false, true}) {
        Lane lane(backend, workload, "a", parse_techniques("mixed,loss_scaling=static,loss_scale=2^24"));
        const StepResult result = lane.step(0, workload->training_batch(0), {probed, false});
        EXPECT_EQ(result.record.overflow_layer, "head");
    }
}

}  // namespace
}  // namespace halfscope
