// Gradient accumulation: N micro-batches are one batch N times as large, up to the order of summation, and
// the format they are added up in shows.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "graph/graph_builder.h"
#include "numerics/random.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

/// A workload whose batches can be put together: batch `number` of the small one is a part of the large
/// one's.
class SplitWorkload final : public Workload {
  public:
    SplitWorkload(std::int64_t rows, std::int64_t parts)
        : rows_(rows), graph_(record(rows / parts)), evaluation_(record(4)) {
        info_.name = "split";
        settings_.parameters["micro_batches"] = static_cast<double>(parts);
    }
    const ScenarioInfo& info() const override { return info_; }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return graph_; }
    const Graph& evaluation_graph() const override { return evaluation_; }
    Batch training_batch(std::int64_t number) const override {
        const std::int64_t part_rows = rows_ / micro_batches();
        Batch batch;
        batch.tensors.resize(2);
        for (std::int64_t row = number * part_rows; row < (number + 1) * part_rows; ++row) {
            for (int column = 0; column < 3; ++column) {
                const auto i = static_cast<std::uint64_t>(3 * row + column);
                batch.tensors[0].values.push_back(normal(RandomKey{5, 1, 0}, i));
                batch.tensors[1].values.push_back(normal(RandomKey{5, 2, 0}, i));
            }
        }
        return batch;
    }
    OptimizerStep optimizer(std::int64_t) const override {
        OptimizerStep step;
        step.kind = OptimizerKind::sgd;
        step.momentum = 0.0f;
        step.learning_rate = 0.1f;
        return step;
    }
    Metric validate(const Predict&) const override { return {}; }
    ModelView view(const Predict&) const override { return {}; }

  private:
    static Graph record(std::int64_t rows) {
        GraphBuilder builder;
        const TensorId x = builder.input("x", {rows, 3}), y = builder.target("y", {rows, 3});
        const TensorId h = builder.tanh("tanh", builder.linear("fc1", x, 8, WeightInit::fan_in_uniform));
        builder.mean_squared_error("loss", builder.linear("fc2", h, 3, WeightInit::fan_in_uniform), y);
        return builder.finish();
    }
    std::int64_t rows_;
    ScenarioInfo info_;
    ScenarioSettings settings_;
    Graph graph_, evaluation_;
};

StepResult train(std::int64_t parts, const char* techniques, std::vector<float>& weight, int steps = 1) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Experiment experiment(*backend, std::make_shared<SplitWorkload>(64, parts),
                          {{"lane", parse_techniques(techniques)}});
    StepResult result;
    for (int step = 0; step < steps; ++step) result = experiment.step({true, true})[0];
    weight = experiment.lanes()[0].parameter("fc1.weight");
    return result;
}

TEST(MicroBatches, AddUpToOneLargeBatch) {
    std::vector<float> whole, parts, sums;
    const StepResult large = train(1, "fp32", whole, 3), split = train(4, "fp32", parts, 3);
    EXPECT_NEAR(split.record.loss, large.record.loss, 1e-6 * large.record.loss);
    EXPECT_NEAR(split.record.grad_norm, large.record.grad_norm, 1e-5 * large.record.grad_norm);
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(parts[i], whole[i], 1e-6f);
    // Summed losses are not divided by the number of parts.
    const StepResult summed = train(4, "fp32,loss_reduction=sum", sums);
    const StepResult summed_whole = train(1, "fp32,loss_reduction=sum", sums);
    EXPECT_NEAR(summed.record.loss, summed_whole.record.loss, 1e-5 * summed.record.loss);
}

TEST(MicroBatches, AreAddedInTheFormatAskedFor) {
    std::vector<float> fp32, storage;
    const StepResult exact = train(16, "mixed", fp32),
                     rounded = train(16, "mixed,gradient_accumulation=storage", storage);
    EXPECT_NE(fp32, storage);
    const auto error = [](const StepResult& result) {
        for (const Probe& probe : result.probes)
            if (probe.tensor == "fc1.weight" && probe.kind == ProbeKind::weight_gradient)
                return probe.relative_error;
        return -1.0;
    };
    // Against the FP32 gradient of all sixteen: rounding the running sum each time costs more.
    EXPECT_GT(error(exact), 0.0);
    EXPECT_LT(error(exact), 2e-3);
    EXPECT_GT(error(rounded), error(exact));
    EXPECT_LT(error(rounded), 5e-3);
}

TEST(MicroBatches, TakeNothingMoreWhereThereIsOne) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const auto gradients = [&](std::int64_t parts, const char* techniques) {
        const Lane lane(*backend, std::make_shared<SplitWorkload>(64, parts), "a",
                        parse_techniques(techniques));
        const MemoryUse use = lane.memory();
        const std::uint64_t rows = 64 / static_cast<std::uint64_t>(parts);
        // The activations' in FP16: the hidden layer's before and after its activation share a place.
        return use[MemoryCategory::gradients] - rows * (8 + 3) * 2;
    };
    constexpr std::uint64_t kParameters = 3 * 8 + 8 + 8 * 3 + 3;
    EXPECT_EQ(gradients(1, "mixed"), 2 * kParameters);
    EXPECT_EQ(gradients(4, "mixed"), (2 + 4) * kParameters);
    EXPECT_EQ(gradients(4, "mixed,gradient_accumulation=storage"), (2 + 2) * kParameters);
}

TEST(MicroBatches, OfAScenarioAreItsNextBatches) {
    ScenarioSettings settings;
    settings.parameters = {{"points", 300}, {"batch", 50}, {"micro_batches", 3}};
    const auto workload = find_scenario("spiral-mlp").create(settings);
    EXPECT_EQ(workload->micro_batches(), 3);
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Experiment experiment(*backend, workload,
                          {{"a", parse_techniques("mixed")}, {"b", parse_techniques("mixed")}});
    std::vector<StepResult> results;
    for (int step = 0; step < 5; ++step) results = experiment.step({step == 2, step == 2});
    EXPECT_EQ(results[0].record.loss, results[1].record.loss);
    EXPECT_EQ(experiment.lanes()[0].signature(), experiment.lanes()[1].signature());
}

// One overflowing micro-batch poisons the sum: the whole step is skipped.
TEST(MicroBatches, OverflowInOneSkipsTheStep) {
    std::vector<float> weight, initial;
    const StepResult result = train(4, "mixed,loss_scaling=static,loss_scale=2^24", weight);
    EXPECT_TRUE(result.record.skipped);
    EXPECT_FALSE(result.record.overflow_layer.empty());
}

}  // namespace
}  // namespace halfscope
