// A small residual network reads digits, or the pictures of somebody's choice: convolution, batch
// normalisation and residual sums in FP16.
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "data/data_error.h"
#include "data/glyphs.h"
#include "data/image_source.h"
#include "graph/graph_builder.h"
#include "models/residual_cnn.h"
#include "numerics/random.h"
#include "train/input_error.h"
#include "train/scenarios/mistake_sheet.h"
#include "train/scenarios/row_batches.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"
#include "train/scenarios/scores.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

constexpr std::int64_t kBuiltInPictures = 8192;
constexpr std::int64_t kMaximumHeldOut = 1024;
// Of those, so many are scored: predicting them every tenth step has to stay cheap beside training.
constexpr std::int64_t kMaximumValidation = 256;
// The evaluation graph reads this many pictures at once.
constexpr std::int64_t kEvaluationBatch = 128;

ScenarioInfo describe() {
    ScenarioInfo info;
    info.name = "digits-cnn";
    info.title = "Residual network reads digits";
    info.description =
        "Convolutions, batch normalisation and residual sums in FP16. It trains equally well with every "
        "preset: "
        "most of its activation gradients are subnormal and that does no harm. What does harm is arithmetic "
        "inside the normalisation: set batch to 256 and switch reductions to storage, and statistics summed "
        "in "
        "FP16 overflow or stall, while a batch of 32 does not notice (Micikevicius et al. 2018, section "
        "3.3).";
    info.metric_name = "accuracy";
    info.validation = "Share of up to 256 held-out pictures put into the right class.";
    info.parameters = {
        {"batch", Kind::integer, 32, 1, 1024, true, {}, "Pictures per step."},
        {"size",
         Kind::integer,
         20,
         8,
         64,
         true,
         {},
         "Width and height of a picture, pixels; IDX files keep their own."},
        {"channels",
         Kind::integer,
         16,
         4,
         128,
         true,
         {},
         "Channels of the first stage; the second has twice as many."},
        {"blocks", Kind::integer, 2, 1, 8, false, {}, "Residual blocks of each of the two stages."},
        {"lr",
         Kind::real,
         0.1,
         1e-6,
         10,
         true,
         {},
         "Learning rate of SGD with momentum 0.9, before the cosine schedule."},
        {"steps", Kind::integer, 120, 10, 100000, true, {}, "Steps until the schedule reaches its end."},
        micro_batches_parameter()};
    info.lanes = {{"fp32", "fp32"}, {"mixed", "mixed"}, {"fp16-sums", "mixed,reductions=storage"}};
    info.steps = 120;
    info.reads_images = true;
    return info;
}

const ScenarioInfo& digits_info() {
    static const ScenarioInfo info = describe();
    return info;
}

ImageSet load_pictures(const ScenarioSettings& settings) {
    const int size = static_cast<int>(settings.parameters.at("size"));
    if (settings.images_path.empty())
        return make_glyphs(kBuiltInPictures + kMaximumHeldOut, size, settings.seed, "digits-cnn");
    try {
        return read_images(settings.images_path, settings.labels_path, size);
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
}

/// Pixels [count, C, H, W] in 0..1 as rows [count, H, W, C].
std::vector<float> channels_last(const ImageSet& set) {
    const auto pixels = static_cast<std::size_t>(set.height * set.width);
    const auto channels = static_cast<std::size_t>(set.channels);
    std::vector<float> rows(set.pixels.size());
    for (std::size_t image = 0; image < static_cast<std::size_t>(set.count); ++image) {
        for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t p = 0; p < pixels; ++p)
                rows[(image * pixels + p) * channels + c] = set.pixels[(image * channels + c) * pixels + p];
        }
    }
    return rows;
}

/// An order of [0, count) drawn from the seed (Fisher and Yates).
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    const RandomKey key{seed, stream_of("digits-cnn.split"), 0};
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random_below(key, i, i))]);
    return order;
}

class DigitsWorkload final : public Workload {
  public:
    DigitsWorkload(ScenarioSettings settings, const ImageSet& set)
        : settings_(std::move(settings)),
          height_(set.height),
          width_(set.width),
          channels_(set.channels),
          class_names_(set.class_names),
          note_(set.note) {
        split(set);
        batch_rows_ = std::min(integer("batch"), train_.rows);
        evaluation_rows_ = std::min(kEvaluationBatch, validation_.rows);
        training_graph_ = record(batch_rows_);
        evaluation_graph_ = record(evaluation_rows_);
    }

    const ScenarioInfo& info() const override { return digits_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return training_graph_; }
    const Graph& evaluation_graph() const override { return evaluation_graph_; }
    std::string note() const override { return note_; }

    Batch training_batch(std::int64_t step) const override {
        return draw_batch(train_, batch_rows_, settings_.seed, "digits-cnn.batch", step);
    }

    OptimizerStep optimizer(std::int64_t position) const override {
        return cosine_momentum(static_cast<float>(settings_.parameters.at("lr")), position, integer("steps"));
    }

    Metric validate(const Predict& predict) const override {
        const std::vector<float> logits = predict_rows(predict, validation_, evaluation_rows_);
        const ClassScore score = score_classes(logits, validation_.labels, class_names_.size());
        return {score.loss, score.accuracy};
    }

    ModelView view(const Predict& predict) const override {
        const LabelledPictures pictures{height_,      width_, channels_, &shown_, &validation_.labels,
                                        &class_names_};
        return mistake_sheet(pictures, predict_rows(predict, validation_, evaluation_rows_));
    }

  private:
    std::int64_t integer(const char* name) const {
        return static_cast<std::int64_t>(settings_.parameters.at(name));
    }

    /// Holds out a tenth, at most kMaximumHeldOut pictures, of a shuffled order, and scores the first of
    /// them. Networks see pixels in -1..1.
    void split(const ImageSet& set) {
        RowTable all{set.count, height_ * width_ * channels_, 0, channels_last(set), {}, set.labels};
        const std::vector<std::int64_t> order = shuffled(set.count, settings_.seed);
        const std::int64_t held_out = std::clamp(
            set.count / 10, std::int64_t{1},
            settings_.images_path.empty() ? kMaximumHeldOut : std::min(kMaximumHeldOut, set.count - 1));
        const auto first_trained = order.begin() + static_cast<std::ptrdiff_t>(held_out);
        const auto scored = static_cast<std::ptrdiff_t>(std::min(held_out, kMaximumValidation));
        validation_ = gather_rows(all, {order.begin(), order.begin() + scored});
        train_ = gather_rows(all, {first_trained, order.end()});
        shown_ = validation_.x;
        for (RowTable* table : {&validation_, &train_})
            for (float& pixel : table->x) pixel = 2.0f * pixel - 1.0f;
    }

    Graph record(std::int64_t rows) const {
        GraphBuilder builder;
        const TensorId x = builder.input("x", {rows, height_, width_, channels_});
        const TensorId y = builder.tokens("y", {rows});
        ResidualCnnShape shape;
        shape.channels = integer("channels");
        shape.blocks = integer("blocks");
        shape.classes = static_cast<std::int64_t>(class_names_.size());
        builder.softmax_cross_entropy("loss", residual_cnn(builder, x, shape), y);
        return builder.finish();
    }

    ScenarioSettings settings_;
    std::int64_t height_, width_, channels_;
    std::vector<std::string> class_names_;
    std::string note_;
    RowTable train_, validation_;
    std::vector<float> shown_;  // validation pictures in 0..1
    std::int64_t batch_rows_ = 1, evaluation_rows_ = 1;
    Graph training_graph_, evaluation_graph_;
};

class DigitsCnn final : public Scenario {
  public:
    const ScenarioInfo& info() const override { return digits_info(); }
    std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const override {
        ScenarioSettings resolved = resolve_settings(info(), settings);
        const ImageSet set = load_pictures(resolved);
        if (set.count < 2) {
            throw InputError("'" + resolved.images_path +
                             "' holds too few pictures: one is trained on and one held out at least.");
        }
        return std::make_shared<DigitsWorkload>(std::move(resolved), set);
    }
};

}  // namespace

std::unique_ptr<Scenario> make_digits_cnn() { return std::make_unique<DigitsCnn>(); }

}  // namespace halfscope
