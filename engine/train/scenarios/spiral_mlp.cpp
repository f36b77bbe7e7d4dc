// A deep sigmoid MLP on a spiral: gradients shrink layer by layer and with the batch size, until the first
// layers' fall below what FP16 can hold.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "data/spiral.h"
#include "graph/graph_builder.h"
#include "models/mlp.h"
#include "train/scenarios/row_batches.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"
#include "train/scenarios/scores.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

constexpr std::int64_t kValidationPoints = 1024;
constexpr int kMapSize = 96;
constexpr std::int64_t kShownPoints = 300;

ScenarioInfo describe() {
    ScenarioInfo info;
    info.name = "spiral-mlp";
    info.title = "Deep sigmoid MLP on a spiral";
    info.description =
        "Why loss scaling exists. Every sigmoid layer shrinks the gradient, and the mean over a large batch "
        "divides it by the "
        "batch size; the first layers' gradients fall below 2^-25, FP16 flushes them to zero, and plain FP16 "
        "stays near "
        "chance. A loss scale of 8 already brings learning back here (Micikevicius et al. 2018, section "
        "3.2). The batch "
        "size is the honest "
        "knob: at 2048 the harm is mild. Master weights make no difference in this scenario.";
    info.metric_name = "accuracy";
    info.validation =
        "Share of 1024 fresh points of the same spiral that are put on the right arm (chance is 1/3).";
    info.parameters = {
        {"points", Kind::integer, 8192, 64, 65536, true, {}, "Training points on the three arms."},
        {"batch",
         Kind::integer,
         8192,
         1,
         65536,
         true,
         {},
         "Points per step; as many as there are, or more, means all of them, the same each step."},
        {"layers", Kind::integer, 5, 1, 12, false, {}, "Hidden layers."},
        {"width", Kind::integer, 32, 2, 4096, true, {}, "Units of each hidden layer."},
        {"activation",
         Kind::choice,
         0,
         0,
         3,
         false,
         {"sigmoid", "tanh", "relu", "gelu"},
         "What follows each hidden layer; sigmoid shrinks gradients at least four-fold per layer."},
        {"lr", Kind::real, 5e-3, 1e-6, 1, true, {}, "Adam's learning rate before the cosine schedule."},
        {"steps", Kind::integer, 500, 10, 100000, true, {}, "Steps until the schedule reaches its end."},
        micro_batches_parameter()};
    info.lanes = {{"fp32", "fp32"}, {"mixed", "mixed"}, {"fp16", "fp16"}};
    info.steps = 500;
    return info;
}

const ScenarioInfo& spiral_info() {
    static const ScenarioInfo info = describe();
    return info;
}

/// Grid of pixel centres over [-kSpiralExtent, kSpiralExtent]^2, y upwards, rows from the top.
RowTable make_map_grid() {
    RowTable grid{kMapSize * kMapSize, 2, 0, {}, {}, {}};
    const auto centre = [](int pixel) {
        return kSpiralExtent *
               (2.0f * (static_cast<float>(pixel) + 0.5f) / static_cast<float>(kMapSize) - 1.0f);
    };
    for (int row = 0; row < kMapSize; ++row) {
        for (int column = 0; column < kMapSize; ++column) {
            grid.x.push_back(centre(column));
            grid.x.push_back(-centre(row));
        }
    }
    grid.labels.assign(static_cast<std::size_t>(grid.rows), 0);
    return grid;
}

class SpiralWorkload final : public Workload {
  public:
    explicit SpiralWorkload(ScenarioSettings settings)
        : settings_(std::move(settings)),
          train_(make_spiral(integer("points"), settings_.seed, "train")),
          validation_(make_spiral(kValidationPoints, settings_.seed, "validation")),
          map_grid_(make_map_grid()),
          batch_rows_(std::min(integer("batch"), train_.rows)),
          training_graph_(record(batch_rows_)),
          evaluation_graph_(record(kValidationPoints)) {}

    const ScenarioInfo& info() const override { return spiral_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return training_graph_; }
    const Graph& evaluation_graph() const override { return evaluation_graph_; }

    Batch training_batch(std::int64_t step) const override {
        return draw_batch(train_, batch_rows_, settings_.seed, "spiral-mlp.batch", step);
    }

    OptimizerStep optimizer(std::int64_t position) const override {
        return cosine_adam(static_cast<float>(settings_.parameters.at("lr")), position, integer("steps"));
    }

    Metric validate(const Predict& predict) const override {
        const std::vector<float> logits = predict_rows(predict, validation_, kValidationPoints);
        const ClassScore score = score_classes(logits, validation_.labels, kSpiralArms);
        return {score.loss, score.accuracy};
    }

    ModelView view(const Predict& predict) const override {
        ModelView view;
        const std::vector<float> logits = predict_rows(predict, map_grid_, kValidationPoints);
        view.pictures.push_back({"Class probabilities over the plane, with validation points",
                                 Picture::Kind::probabilities, kMapSize, kMapSize, kSpiralArms,
                                 softmax_rows(logits, kSpiralArms, 1.0f)});
        for (std::size_t i = 0; i < static_cast<std::size_t>(kShownPoints); ++i) {
            const float x = validation_.x[2 * i], y = validation_.x[2 * i + 1];
            view.markers.push_back({0.5f + x / (2.0f * kSpiralExtent), 0.5f - y / (2.0f * kSpiralExtent),
                                    validation_.labels[i]});
        }
        return view;
    }

  private:
    std::int64_t integer(const char* name) const {
        return static_cast<std::int64_t>(settings_.parameters.at(name));
    }

    Graph record(std::int64_t rows) const {
        GraphBuilder builder;
        const TensorId x = builder.input("x", {rows, 2});
        const TensorId y = builder.tokens("y", {rows});
        MlpShape shape;
        shape.hidden.assign(static_cast<std::size_t>(integer("layers")), integer("width"));
        shape.outputs = kSpiralArms;
        shape.activation = static_cast<Activation>(integer("activation"));
        builder.softmax_cross_entropy("loss", mlp(builder, x, shape), y);
        return builder.finish();
    }

    ScenarioSettings settings_;
    RowTable train_, validation_, map_grid_;
    std::int64_t batch_rows_;
    Graph training_graph_, evaluation_graph_;
};

class SpiralMlp final : public Scenario {
  public:
    const ScenarioInfo& info() const override { return spiral_info(); }
    std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const override {
        return std::make_shared<SpiralWorkload>(resolve_settings(info(), settings));
    }
};

}  // namespace

std::unique_ptr<Scenario> make_spiral_mlp() { return std::make_unique<SpiralMlp>(); }

}  // namespace halfscope
