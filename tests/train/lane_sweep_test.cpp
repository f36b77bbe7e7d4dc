// A sweep over loss scales against steps really made under those scales, and that it leaves no trace.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "tiny_workload.h"
#include "train/experiment.h"
#include "train/scale_sweep.h"

namespace halfscope {
namespace {

std::vector<Batch> batches_of(const Workload& workload, std::int64_t step) {
    std::vector<Batch> batches;
    const std::int64_t count = workload.micro_batches();
    for (std::int64_t part = 0; part < count; ++part)
        batches.push_back(workload.training_batch(step * count + part));
    return batches;
}

ScaleSweep whole_sweep(Lane& lane, const Workload& workload, std::int64_t step) {
    const std::vector<Batch> batches = batches_of(workload, step);
    ScaleSweep sweep = lane.begin_sweep(step, batches);
    while (!sweep.is_complete()) lane.sweep_next(sweep, batches);
    return sweep;
}

std::shared_ptr<const Workload> scenario(const char* name, std::map<std::string, double> parameters) {
    ScenarioSettings settings;
    settings.parameters = std::move(parameters);
    return find_scenario(name).create(settings);
}

/// A lane of another static scale with the same weights makes a step that is probed and has a shadow pass:
/// what that measures, the sweep must have found.
void expect_what_steps_measure(const std::shared_ptr<const Workload>& workload, int steps_before) {
    const auto backend = make_cpu_backend(2);
    Lane lane(*backend, workload, "lane", parse_techniques("mixed,loss_scaling=static,loss_scale=1024"));
    for (int step = 0; step < steps_before; ++step) lane.step(step, batches_of(*workload, step), {});
    const ScaleSweep sweep = whole_sweep(lane, *workload, steps_before);
    for (int point : {0, 7, 10, 18, 25, 34, kSweptScales - 1}) {
        SCOPED_TRACE("2^" + std::to_string(kLowestSweptScale + point));
        Techniques techniques = lane.techniques();
        techniques.scaler.initial_scale = std::ldexp(1.0f, kLowestSweptScale + point);
        Lane other(*backend, workload, "other", techniques);
        other.copy_state_from(lane);
        const StepResult step = other.step(steps_before, batches_of(*workload, steps_before), {true, true});
        ASSERT_EQ(step.record.loss_scale, std::ldexp(1.0, kLowestSweptScale + point));
        std::size_t compared = 0;
        for (const SweptTensor& tensor : sweep.tensors) {
            for (const Probe& probe : step.probes) {
                if (probe.tensor != tensor.tensor || probe.kind != tensor.kind) continue;
                ++compared;
                const SweptGradient& found = tensor.points[static_cast<std::size_t>(point)];
                EXPECT_EQ(found.counts, probe.counts.own) << tensor.tensor;
                EXPECT_EQ(tensor.layer, probe.layer);
                EXPECT_EQ(tensor.format, probe.own_format);
                if (tensor.kind != ProbeKind::weight_gradient) continue;
                const auto same = [](double a, double b) {
                    return a == b || (std::isnan(a) && std::isnan(b));
                };
                EXPECT_TRUE(same(found.relative_error, probe.relative_error))
                    << tensor.tensor << ": " << found.relative_error << " " << probe.relative_error;
                EXPECT_TRUE(same(found.cosine, probe.cosine)) << tensor.tensor;
            }
        }
        EXPECT_EQ(compared, sweep.tensors.size());
    }
}

TEST(LaneSweep, FindsWhatStepsUnderThoseScalesMeasure) {
    TinyOptions options;
    options.dropout = 0.3f;
    options.layer_norm = true;
    expect_what_steps_measure(tiny_workload(options), 3);
}
TEST(LaneSweep, OfMicroBatchesToo) {
    expect_what_steps_measure(scenario("spiral-mlp", {{"points", 256}, {"batch", 64}, {"micro_batches", 3}}),
                              2);
}
TEST(LaneSweep, OfConvolutionsAndNormsToo) {
    expect_what_steps_measure(
        scenario("digits-cnn", {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}}), 2);
}

TEST(LaneSweep, TheTruthIsTheFp32GradientAtTheLanesRoundedWeights) {
    const auto backend = make_cpu_backend(1);
    TinyOptions options;
    const auto workload = tiny_workload(options);
    Lane lane(*backend, workload, "lane", parse_techniques("mixed"));
    const ScaleSweep sweep = whole_sweep(lane, *workload, 0);
    // The same weights, rounded to FP16, in a lane that is FP32 throughout.
    Lane reference(*backend, workload, "reference", parse_techniques("fp32"));
    std::vector<NamedValues> weights = lane.parameters();
    for (NamedValues& weight : weights)
        for (float& value : weight.values) value = round_to_fp16(value);
    reference.load_parameters(weights);
    const LossAndGradients truth = reference.gradients(workload->training_batch(0), 0);
    int compared = 0;
    for (const NamedValues& gradient : truth.gradients) {
        TensorCounts expected;
        for (const float value : gradient.values) expected.add(value, value, Format::fp32);
        for (const SweptTensor& tensor : sweep.tensors) {
            if (tensor.tensor != gradient.name) continue;
            ++compared;
            EXPECT_EQ(tensor.true_classes, expected.own) << gradient.name;
            EXPECT_EQ(tensor.true_exponents, expected.histogram) << gradient.name;
            // What storing the true values times S would flush, element by element.
            for (int scale_log2 : {kLowestSweptScale, 0, 9, kHighestSweptScale}) {
                std::uint64_t flushed = 0, overflowed = 0;
                for (const float value : gradient.values) {
                    const float scaled = std::ldexp(value, scale_log2);
                    flushed += value != 0 && round_to_fp16(scaled) == 0;
                    overflowed += std::isinf(round_to_fp16(scaled));
                }
                const ExponentHistogram::Prediction predicted = tensor.true_exponents.predict(scale_log2);
                EXPECT_EQ(predicted.flushed, flushed) << gradient.name << " 2^" << scale_log2;
                EXPECT_EQ(predicted.inf, overflowed) << gradient.name << " 2^" << scale_log2;
            }
        }
    }
    EXPECT_EQ(compared, static_cast<int>(truth.gradients.size()));
}

TEST(LaneSweep, HasAnUnderflowWallAFlatWindowAndAnOverflowWall) {
    const auto workload = scenario("spiral-mlp", {{"points", 8192}});
    const auto backend = make_cpu_backend(2);
    Lane lane(*backend, workload, "lane", parse_techniques("mixed"));
    const ScaleSweep sweep = whole_sweep(lane, *workload, 0);
    const SweptTensor& first = sweep.tensors.front();
    ASSERT_EQ(first.kind, ProbeKind::weight_gradient);
    const auto error = [&](int scale_log2) {
        return first.points[static_cast<std::size_t>(scale_log2 - kLowestSweptScale)].relative_error;
    };
    EXPECT_EQ(error(kLowestSweptScale), 1.0) << "nothing is left of it";
    EXPECT_EQ(first.lost_share(0), 1.0);
    EXPECT_LT(error(15), 0.01);
    EXPECT_EQ(first.lost_share(15 - kLowestSweptScale), 0.0);
    EXPECT_FALSE(error(kHighestSweptScale) < 1.0) << "infinite or NaN";
}

/// Two layers with errors by hand.
TEST(LaneSweep, TheFlatWindowIsWhereTheWorstLayerIsNearItsBest) {
    ScaleSweep sweep;
    sweep.tensors.resize(3);
    sweep.tensors[2].kind = ProbeKind::activation_gradient;
    for (SweptTensor& tensor : sweep.tensors) tensor.points.resize(6);
    const auto set = [&](std::size_t tensor, std::initializer_list<double> errors) {
        std::size_t point = 0;
        for (const double error : errors) sweep.tensors[tensor].points[point++].relative_error = error;
    };
    EXPECT_TRUE(flat_window(sweep).is_empty()) << "nothing is measured yet";
    sweep.done = 6;
    set(0, {1.0, 0.5, 0.01, 0.012, 0.011, NAN});
    set(1, {0.2, 0.02, 0.015, 0.019, 0.04, 0.01});
    EXPECT_EQ(worst_error(sweep, 1), 0.5);
    EXPECT_TRUE(std::isinf(worst_error(sweep, 5)));
    const FlatWindow window = flat_window(sweep);
    EXPECT_EQ(window.first, kLowestSweptScale + 2);
    EXPECT_EQ(window.last, kLowestSweptScale + 3);
    EXPECT_EQ(window.error, 0.015);
    set(1, {NAN, NAN, NAN, NAN, NAN, NAN});
    EXPECT_TRUE(flat_window(sweep).is_empty());
}

TEST(LaneSweep, LeavesNoTrace) {
    const auto backend = make_cpu_backend(2);
    TinyOptions dropout;
    dropout.dropout = 0.3f;
    const std::shared_ptr<const Workload> workloads[] = {
        tiny_workload(dropout),
        scenario("digits-cnn", {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}})};
    for (const auto& workload : workloads) {
        for (const char* preset : {"mixed", "fp32", "autocast"}) {
            Lane swept(*backend, workload, "swept", parse_techniques(preset));
            Lane plain(*backend, workload, "plain", parse_techniques(preset));
            for (int step = 0; step < 6; ++step) {
                if (step % 2 == 1) {
                    const std::vector<Batch> batches = batches_of(*workload, step);
                    ScaleSweep sweep = swept.begin_sweep(step, batches);
                    for (int i = 0; i < 3; ++i) swept.sweep_next(sweep, batches);
                }
                const StepResult a = swept.step(step, batches_of(*workload, step), {});
                const StepResult b = plain.step(step, batches_of(*workload, step), {});
                EXPECT_EQ(a.record.loss, b.record.loss) << preset;
            }
            EXPECT_EQ(swept.signature(), plain.signature()) << preset;
            // Running statistics stand behind the parameters.
            const std::vector<NamedValues> a = swept.parameters(), b = plain.parameters();
            for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].values, b[i].values) << a[i].name;
        }
    }
}

}  // namespace
}  // namespace halfscope
