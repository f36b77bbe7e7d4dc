// Tensors with several readers, and what a norm keeps from step to step: the two things that a residual
// network asks of a lane beside its operations.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "graph/graph_builder.h"
#include "numerics/rounding.h"
#include "train/experiment.h"
#include "train/lane_buffers.h"

namespace halfscope {
namespace {

/// x [4, 3] -> fc -> h, read by `readers` rectifiers, summed, and compared with a target.
Graph branching(int readers) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {4, 3}), target = builder.target("y", {4, 3});
    const TensorId h = builder.linear("fc", x, 3, WeightInit::he_normal);
    TensorId sum = builder.tanh("tanh0", h);
    for (int reader = 1; reader < readers; ++reader) {
        const std::string number = std::to_string(reader);
        sum = builder.add(
            "sum" + number, sum,
            reader % 2 == 1 ? builder.sigmoid("sigmoid" + number, h) : builder.gelu("gelu" + number, h));
    }
    builder.mean_squared_error("loss", sum, target);
    return builder.finish();
}

struct Pass {
    std::vector<float> branch_gradient, parts_sum;
    TensorCounts counts;
};

/// One backward pass; the gradient of h, and what its readers' own gradients add up to, one rounding an
/// addition.
Pass run(int readers, Format format) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const Graph graph = branching(readers);
    PrecisionPolicy policy;
    policy.storage = format;
    LaneBuffers buffers(*backend, graph, Plan(graph, policy, PlanPasses::forward_and_backward, {}));
    std::vector<float> weight(9), x(12), y(12);
    for (std::size_t i = 0; i < 9; ++i) weight[i] = round_to(format, 0.3f * static_cast<float>(i) - 1.1f);
    for (std::size_t i = 0; i < 12; ++i) {
        x[i] = 0.17f * static_cast<float>(i) - 0.9f;
        y[i] = 0.05f * static_cast<float>(i);
    }
    const DeviceMemory staged(*backend, sizeof(float) * 9);
    backend->upload(staged.data(), weight.data(), sizeof(float) * 9);
    TensorView from = buffers.flat_value(0);
    from.data = staged.data();
    from.format = Format::fp32;
    backend->convert(buffers.flat_value(0), from);
    constexpr float kLossGradient = 64.0f;
    buffers.feed({{{x, {}}, {y, {}}}}, {kLossGradient, 0});
    ProbeCounts counts(*backend, graph);
    PassSettings settings;
    settings.counts = &counts;
    buffers.forward(settings);
    buffers.backward(settings);

    const auto value_of = [&](const char* name) {
        return download_floats(*backend, buffers.value(graph.find(name)));
    };
    Pass pass;
    pass.branch_gradient = download_floats(*backend, buffers.gradient(graph.find("fc")));
    counts.fetch();
    pass.counts = counts.gradient(graph.find("fc"));
    // Every reader's output reaches the loss by additions alone, so each receives the loss's own gradient.
    const std::vector<float> h = value_of("fc"), target = value_of("y"),
                             sum = value_of(graph.nodes()[graph.nodes().size() - 2].name.c_str());
    std::vector<float> dy;
    for (std::size_t i = 0; i < h.size(); ++i)
        dy.push_back(round_to(format, 2.0f * (sum[i] - target[i]) * kLossGradient / 12.0f));
    // Backward order: the last reader first.
    std::vector<std::vector<float>> parts;
    for (std::size_t n = graph.nodes().size(); n-- > 0;) {
        const Node& node = graph.nodes()[n];
        if (node.inputs[0] != graph.find("fc")) continue;
        const std::vector<float> out = value_of(node.name.c_str());
        std::vector<float> part;
        for (std::size_t i = 0; i < h.size(); ++i) {
            const double phi = 0.5 * std::erfc(-h[i] / std::sqrt(2.0));
            const double density = std::exp(-0.5 * h[i] * h[i]) / std::sqrt(2.0 * std::acos(-1.0));
            double slope = 1.0 - static_cast<double>(out[i]) * out[i];
            if (node.op == OpKind::sigmoid) slope = static_cast<double>(out[i]) * (1.0 - out[i]);
            if (node.op == OpKind::gelu) slope = phi + h[i] * density;
            part.push_back(round_to(format, static_cast<float>(dy[i] * slope)));
        }
        parts.push_back(part);
    }
    pass.parts_sum = parts.front();
    for (std::size_t p = 1; p < parts.size(); ++p) {
        for (std::size_t i = 0; i < h.size(); ++i)
            pass.parts_sum[i] = round_to(format, pass.parts_sum[i] + parts[p][i]);
    }
    return pass;
}

TEST(SeveralReaders, GradientsAddUpInBackwardOrder) {
    for (const int readers : {1, 2, 3}) {
        const Pass pass = run(readers, Format::fp32);
        for (std::size_t i = 0; i < pass.parts_sum.size(); ++i)
            EXPECT_NEAR(pass.branch_gradient[i], pass.parts_sum[i], 4e-6f) << readers << " readers";
        // Each contribution and each sum is rounded to storage: off by two units in the last place at most,
        // which a missing or doubled contribution exceeds by far.
        const Pass low = run(readers, Format::fp16);
        for (std::size_t i = 0; i < low.parts_sum.size(); ++i) {
            EXPECT_NEAR(low.branch_gradient[i], low.parts_sum[i],
                        0x1p-9f * std::fabs(low.parts_sum[i]) + 0x1p-12f)
                << readers << " readers";
        }
    }
}

TEST(SeveralReaders, ProbesCountTheSumOnce) {
    for (const int readers : {1, 2, 3}) {
        const Pass pass = run(readers, Format::fp16);
        EXPECT_EQ(pass.counts.own.count(), 12u) << readers;
        float largest = 0;
        for (float g : pass.branch_gradient) largest = std::max(largest, std::fabs(g));
        EXPECT_NEAR(pass.counts.max_abs, largest, 0x1p-9f * largest) << readers;
    }
}

ScenarioSettings small_pictures(double batch = 8) {
    ScenarioSettings settings;
    settings.parameters = {{"batch", batch}, {"size", 8}, {"channels", 4}, {"blocks", 1}};
    return settings;
}

/// A buffer of the lane's training graph by way of evaluation: the validation loss moves where it moves.
TEST(RunningStatistics, FollowTheBatchesAndDecideEvaluation) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const auto workload = find_scenario("digits-cnn").create(small_pictures());
    Experiment experiment(*backend, workload,
                          {{"still", parse_techniques("fp32")}, {"moving", parse_techniques("fp32")}});
    // Lanes of equal techniques stay equal, evaluation in between changes nothing.
    const double before = experiment.lanes()[0].validate().validation_loss;
    for (int step = 0; step < 3; ++step) {
        experiment.step({});
        experiment.lanes()[0].validate();
    }
    EXPECT_EQ(experiment.lanes()[0].signature(), experiment.lanes()[1].signature());
    const double after = experiment.lanes()[0].validate().validation_loss;
    EXPECT_NE(before, after);
    EXPECT_EQ(after, experiment.lanes()[1].validate().validation_loss);
}

TEST(RunningStatistics, AreNotTouchedByAShadowPass) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const auto workload = find_scenario("digits-cnn").create(small_pictures());
    const std::vector<LaneSpec> lanes{{"lane", parse_techniques("mixed")}};
    Experiment plain(*backend, workload, lanes), watched(*backend, workload, lanes);
    for (int step = 0; step < 4; ++step) {
        plain.step({});
        watched.step({true, true});
    }
    EXPECT_EQ(plain.lanes()[0].signature(), watched.lanes()[0].signature());
    EXPECT_EQ(plain.lanes()[0].validate().validation_loss, watched.lanes()[0].validate().validation_loss);
}

TEST(RunningStatistics, SurviveAChangeOfFormats) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const auto workload = find_scenario("digits-cnn").create(small_pictures());
    Experiment experiment(*backend, workload, {{"lane", parse_techniques("fp32")}});
    for (int step = 0; step < 4; ++step) experiment.step({});
    Lane& lane = experiment.lanes()[0];
    const double before = lane.validate().validation_loss;
    lane.set_techniques(parse_techniques("mixed"), 4);
    // FP16 weights move the loss a little; statistics of step 0 would move it a lot.
    EXPECT_NEAR(lane.validate().validation_loss, before, 0.01 * before);
}

// scenarios.md G: only the batch size differs.
TEST(NormStatisticsInFp16, OverflowAtABatchOf256AndNotAt32) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(0);
    for (const double batch : {32.0, 256.0}) {
        ScenarioSettings settings;
        settings.parameters = {{"batch", batch}};
        Experiment experiment(*backend, find_scenario("digits-cnn").create(settings),
                              {{"sums", parse_techniques("mixed,reductions=storage")}});
        EXPECT_EQ(std::isnan(experiment.step({})[0].record.loss), batch == 256) << batch;
    }
}

}  // namespace
}  // namespace halfscope
