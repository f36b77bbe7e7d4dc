// A small workload for the lane tests: a sigmoid MLP (with dropout or LayerNorm where asked for) that
// classifies points of a three-arm spiral, made from the engine's parts alone so that the tests need no
// scenario.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph_builder.h"
#include "numerics/random.h"
#include "train/scenario.h"

namespace halfscope {

struct TinyOptions {
    std::int64_t rows = 64;
    std::int64_t width = 16;
    int hidden_layers = 2;
    std::uint64_t seed = 0;
    float dropout = 0.0f;  ///< after the first hidden layer; 0: no such node
    bool layer_norm = false;
    OptimizerStep optimizer;
    bool schedule = false;  ///< learning rate falls by 1% with each position
};

class TinyWorkload final : public Workload {
  public:
    explicit TinyWorkload(TinyOptions options)
        : options_(options), training_(record(options.rows)), evaluation_(record(kEvaluationRows)) {
        info_.name = "tiny";
        settings_.seed = options.seed;
    }

    const ScenarioInfo& info() const override { return info_; }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return training_; }
    const Graph& evaluation_graph() const override { return evaluation_; }
    Batch training_batch(std::int64_t step) const override { return points(options_.rows, "train", step); }
    OptimizerStep optimizer(std::int64_t position) const override {
        OptimizerStep step = options_.optimizer;
        if (options_.schedule) step.learning_rate *= 1.0f - 0.01f * static_cast<float>(position);
        return step;
    }
    Metric validate(const Predict& predict) const override {
        const Batch batch = points(kEvaluationRows, "validation", 0);
        const std::vector<float> logits = predict(batch);
        int right = 0;
        for (std::size_t row = 0; row < kEvaluationRows; ++row) {
            const float* scores = logits.data() + 3 * row;
            const std::int32_t label = batch.tensors[1].tokens[row];
            if (scores[label] >= scores[0] && scores[label] >= scores[1] && scores[label] >= scores[2])
                ++right;
        }
        return {static_cast<double>(logits[0]), right / static_cast<double>(kEvaluationRows)};
    }
    /// The sum of the logits stands for a picture.
    ModelView view(const Predict& predict) const override {
        ModelView view;
        Batch batch = points(kEvaluationRows, "validation", 0);
        batch.tensors[1].tokens.clear();  // a picture has no labels
        float sum = 0.0f;
        for (float logit : predict(batch)) sum += logit;
        view.text = std::to_string(sum);
        return view;
    }

    static constexpr std::int64_t kEvaluationRows = 33;

  private:
    Graph record(std::int64_t rows) const {
        GraphBuilder builder;
        TensorId x = builder.input("x", {rows, 2});
        const TensorId labels = builder.tokens("labels", {rows});
        for (int layer = 1; layer <= options_.hidden_layers; ++layer) {
            const std::string number = std::to_string(layer);
            x = builder.linear("fc" + number, x, options_.width, WeightInit::fan_in_uniform);
            if (options_.layer_norm) x = builder.layer_norm("norm" + number, x, 1e-5f);
            x = builder.sigmoid("sigmoid" + number, x);
            if (layer == 1 && options_.dropout > 0.0f) x = builder.dropout("dropout", x, options_.dropout);
        }
        x = builder.linear("head", x, 3, WeightInit::fan_in_uniform);
        builder.softmax_cross_entropy("loss", x, labels);
        return builder.finish();
    }

    Batch points(std::int64_t rows, const char* purpose, std::int64_t step) const {
        const RandomKey key{settings_.seed, stream_of(purpose), static_cast<std::uint32_t>(step)};
        Batch batch;
        batch.tensors.resize(2);
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto i = static_cast<std::uint64_t>(row);
            const double t = uniform(key, 3 * i);
            const double angle = 4.0 * t + 2.0 * 3.14159265358979 * static_cast<double>(row % 3) / 3.0;
            const double radius = 0.1 + 0.9 * t;
            batch.tensors[0].values.push_back(static_cast<float>(radius * std::cos(angle)));
            batch.tensors[0].values.push_back(static_cast<float>(radius * std::sin(angle)));
            batch.tensors[1].tokens.push_back(static_cast<std::int32_t>(row % 3));
        }
        return batch;
    }

    TinyOptions options_;
    ScenarioInfo info_;
    ScenarioSettings settings_;
    Graph training_, evaluation_;
};

inline std::shared_ptr<const Workload> tiny_workload(TinyOptions options = {}) {
    return std::make_shared<TinyWorkload>(options);
}

/// One layer, mean squared error, inputs and targets so large that 1/S makes gradients infinite that were
/// finite times S.
class HugeWorkload final : public Workload {
  public:
    HugeWorkload() : graph_(record()) { info_.name = "huge"; }
    const ScenarioInfo& info() const override { return info_; }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return graph_; }
    const Graph& evaluation_graph() const override { return graph_; }
    Batch training_batch(std::int64_t) const override {
        Batch batch;
        batch.tensors.resize(2);
        batch.tensors[0].values = {1e10f, 1e10f};
        batch.tensors[1].values = {1e30f};
        return batch;
    }
    OptimizerStep optimizer(std::int64_t) const override {
        OptimizerStep step;
        step.kind = OptimizerKind::sgd;
        step.momentum = 0.0f;
        return step;
    }
    Metric validate(const Predict&) const override { return {}; }
    ModelView view(const Predict&) const override { return {}; }

  private:
    static Graph record() {
        GraphBuilder builder;
        const TensorId x = builder.input("x", {1, 2});
        const TensorId target = builder.target("target", {1, 1});
        builder.mean_squared_error("loss", builder.linear("fc1", x, 1, WeightInit::fan_in_uniform), target);
        return builder.finish();
    }
    ScenarioInfo info_;
    ScenarioSettings settings_;
    Graph graph_;
};

}  // namespace halfscope
