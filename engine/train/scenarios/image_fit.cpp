// A coordinate network fits a picture with small steps: where weights stored in FP16 swallow their updates.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "data/fourier_features.h"
#include "data/synthetic_image.h"
#include "graph/graph_builder.h"
#include "models/mlp.h"
#include "train/scenarios/row_batches.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"
#include "train/scenarios/scores.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

// Cycles per picture. Low enough that FP32 still sharpens the picture at the end of the schedule, which is
// where small updates matter.
constexpr float kFrequencyDeviation = 1.0f;
constexpr std::int64_t kMaximumEvaluationRows = 4096;

ScenarioInfo describe() {
    ScenarioInfo info;
    info.name = "image-fit";
    info.title = "Coordinate MLP fits a picture";
    info.description =
        "Why master weights exist. Adam's steps of 3e-4 and less are smaller than half the spacing of FP16 "
        "around most "
        "weights, so that w - u rounds back to w: without a master copy the picture stays more blurred by "
        "about 2 dB, in "
        "bfloat16 by about 7 dB (Micikevicius et al. 2018, section 3.1). Stochastic rounding repairs it as "
        "well. The harm "
        "grows as the learning rate falls; loss scaling makes no difference to the picture here.";
    info.metric_name = "psnr_db";
    info.validation =
        "Peak signal-to-noise ratio over all pixels of the picture that is fitted, prediction not clamped "
        "(there is no held-out "
        "data).";
    info.parameters = {
        {"size", Kind::integer, 48, 8, 256, true, {}, "Width and height of the picture, pixels."},
        {"batch",
         Kind::integer,
         2304,
         16,
         65536,
         true,
         {},
         "Pixels per step; as many as the picture has, or more, means all of them each step."},
        {"features", Kind::integer, 64, 2, 512, true, {}, "Random Fourier features of a pixel's position."},
        {"layers", Kind::integer, 4, 1, 8, false, {}, "Hidden ReLU layers."},
        {"width", Kind::integer, 64, 4, 512, true, {}, "Units of each hidden layer."},
        {"lr", Kind::real, 3e-4, 1e-6, 1, true, {}, "Adam's learning rate before the cosine schedule."},
        {"steps", Kind::integer, 800, 10, 100000, true, {}, "Steps until the schedule reaches its end."},
        micro_batches_parameter()};
    info.lanes = {{"fp32", "fp32"}, {"mixed", "mixed"}, {"no-master", "fp16-scaled"}};
    info.steps = 800;
    return info;
}

const ScenarioInfo& image_info() {
    static const ScenarioInfo info = describe();
    return info;
}

class ImageWorkload final : public Workload {
  public:
    explicit ImageWorkload(ScenarioSettings settings)
        : settings_(std::move(settings)),
          pixels_(make_pixels()),
          batch_rows_(std::min(integer("batch"), pixels_.rows)),
          evaluation_rows_(std::min(kMaximumEvaluationRows, pixels_.rows)),
          training_graph_(record(batch_rows_)),
          evaluation_graph_(record(evaluation_rows_)) {}

    const ScenarioInfo& info() const override { return image_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return training_graph_; }
    const Graph& evaluation_graph() const override { return evaluation_graph_; }

    Batch training_batch(std::int64_t step) const override {
        return draw_batch(pixels_, batch_rows_, settings_.seed, "image-fit.batch", step);
    }

    OptimizerStep optimizer(std::int64_t position) const override {
        return cosine_adam(static_cast<float>(settings_.parameters.at("lr")), position, integer("steps"));
    }

    Metric validate(const Predict& predict) const override {
        const std::vector<float> prediction = predict_rows(predict, pixels_, evaluation_rows_);
        const double error = mean_square(prediction, pixels_.targets);
        return {error, psnr_db(error)};
    }

    ModelView view(const Predict& predict) const override {
        return picture("What the network paints", predict_rows(predict, pixels_, evaluation_rows_));
    }
    ModelView target_view() const override { return picture("The picture to fit", pixels_.targets); }

  private:
    std::int64_t integer(const char* name) const {
        return static_cast<std::int64_t>(settings_.parameters.at(name));
    }

    RowTable make_pixels() const {
        const std::int64_t size = integer("size");
        RowTable pixels{size * size, integer("features"), 3, {}, {}, {}};
        pixels.x =
            fourier_features(pixel_coordinates(size), pixels.columns, kFrequencyDeviation, settings_.seed);
        pixels.targets = make_synthetic_image(size);
        return pixels;
    }

    Graph record(std::int64_t rows) const {
        GraphBuilder builder;
        const TensorId x = builder.input("x", {rows, pixels_.columns});
        const TensorId y = builder.target("y", {rows, pixels_.target_columns});
        MlpShape shape;
        shape.hidden.assign(static_cast<std::size_t>(integer("layers")), integer("width"));
        shape.outputs = pixels_.target_columns;
        shape.activation = Activation::relu;
        builder.mean_squared_error("loss", mlp(builder, x, shape), y);
        return builder.finish();
    }

    ModelView picture(const char* caption, std::vector<float> values) const {
        for (float& value : values) value = std::clamp(value, 0.0f, 1.0f);  // NaN stays NaN
        const int size = static_cast<int>(integer("size"));
        ModelView view;
        view.pictures.push_back({caption, Picture::Kind::rgb, size, size, 3, std::move(values)});
        return view;
    }

    ScenarioSettings settings_;
    RowTable pixels_;
    std::int64_t batch_rows_, evaluation_rows_;
    Graph training_graph_, evaluation_graph_;
};

class ImageFit final : public Scenario {
  public:
    const ScenarioInfo& info() const override { return image_info(); }
    std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const override {
        return std::make_shared<ImageWorkload>(resolve_settings(info(), settings));
    }
};

}  // namespace

std::unique_ptr<Scenario> make_image_fit() { return std::make_unique<ImageFit>(); }

}  // namespace halfscope
