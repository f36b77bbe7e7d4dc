// A Scenario is a workload: model + data + optimizer + defaults. One file in train/scenarios/ and one line in
// scenario_list.cpp. A Scenario with settings becomes a Workload, which lanes share; it is immutable and
// knows no formats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"
#include "ops/update_call.h"
#include "train/named_values.h"
#include "train/preparation.h"

namespace halfscope {

/// A slider of a scenario, and a key of --set.
struct ScenarioParameter {
    enum class Kind : std::uint8_t { integer, real, choice };
    std::string name;  ///< "batch", "lr", "width"
    Kind kind = Kind::real;
    double default_value = 0, minimum = 0, maximum = 0;  ///< choice: index into choices
    bool logarithmic = false;
    std::vector<std::string> choices;
    std::string help;  ///< one sentence, with the unit
};

struct LaneDefault {
    std::string name;        ///< "fp16"
    std::string techniques;  ///< "fp16" or "mixed,loss_scale=8"
};

struct ScenarioInfo {
    std::string name;         ///< "spiral-mlp"
    std::string title;        ///< "Deep sigmoid MLP on a spiral"
    std::string description;  ///< two or three sentences: what to look at and why; what the paper says
    std::string metric_name;  ///< accuracy (0..1), psnr_db, perplexity
    bool higher_is_better = true;
    std::string validation;  ///< what the metric is measured on, one sentence
    std::vector<ScenarioParameter> parameters;
    std::vector<LaneDefault> lanes;
    std::int64_t steps = 500;   ///< length of the schedule; a run may go on beyond it
    bool reads_text = false;    ///< takes --text FILE
    bool reads_images = false;  ///< takes --images FILE|FOLDER and --labels FILE
};

struct ScenarioSettings {
    std::map<std::string, double> parameters;  ///< those that differ from the defaults
    std::uint64_t seed = 0;
    std::string text_path;    ///< --text; empty: built-in text
    std::string images_path;  ///< --images, an IDX file or a folder; empty: built-in pictures
    std::string labels_path;  ///< --labels, an IDX file; empty: found beside the images
};

/// The numbers of one batch, in the order of Graph::inputs(): floats for input/target, integers for tokens.
struct HostTensor {
    std::vector<float> values;
    std::vector<std::int32_t> tokens;
};
struct Batch {
    std::vector<HostTensor> tensors;
};

struct Metric {
    double validation_loss = 0;
    double metric = 0;
};

/// What the model does, for the window: pictures, a decision map, generated text. Values are plain numbers;
/// colours are the window's business.
struct Picture {
    enum class Kind : std::uint8_t {
        rgb,           ///< channels = 3, values 0..1
        probabilities  ///< channels = classes, each pixel a distribution
    };
    std::string caption;
    Kind kind = Kind::rgb;
    int width = 0, height = 0, channels = 3;
    std::vector<float> values;  ///< height x width x channels
};
struct Marker {
    float x = 0, y = 0;  ///< in picture coordinates, 0..1 from the top left
    int label = 0;
};
/// A line of text below a part of the picture, in picture coordinates.
struct PictureLabel {
    float x = 0, y = 0;  ///< upper left corner
    float width = 0;     ///< room
    std::string text;
};
struct ModelView {
    std::vector<Picture> pictures;     ///< of this lane; NaN channels are left to the background
    std::vector<Marker> markers;       ///< validation points drawn over the picture
    std::vector<PictureLabel> labels;  ///< written over the picture
    std::string text;                  ///< generated sample, UTF-8 with unprintable bytes replaced
};

/// Runs the evaluation graph at the lane's current weights and formats. Returns the prediction [rows, cols]
/// as floats.
using Predict = std::function<std::vector<float>(const Batch&)>;

class Workload {
  public:
    virtual ~Workload() = default;
    virtual const ScenarioInfo& info() const = 0;
    /// The settings with every parameter present.
    virtual const ScenarioSettings& settings() const = 0;
    /// Training graph: forward to the loss.
    virtual const Graph& training_graph() const = 0;
    /// The same model for evaluation: same parameter names, its own batch size, same inputs; its loss is the
    /// validation loss.
    virtual const Graph& evaluation_graph() const = 0;
    /// FP32 values that lanes start from instead of random ones, for the parameters named there with their
    /// shapes; null: none. They live as long as the workload.
    virtual const std::vector<NamedValues>* starting_weights() const { return nullptr; }
    /// One batch: a pure function of (seed, number), so that lanes and runs share it.
    virtual Batch training_batch(std::int64_t number) const = 0;
    /// Batches whose gradients are added up before one update: step s trains on training_batch(s *
    /// micro_batches()) and the ones after it. The parameter `micro_batches`; 1 where there is none.
    std::int64_t micro_batches() const;
    /// Hyper-parameters at schedule position `position` (updates done, or steps with
    /// schedule_on_skip=advance), before bias corrections.
    virtual OptimizerStep optimizer(std::int64_t position) const = 0;
    /// Validation loss and metric; calls `predict` on as many evaluation batches as needed.
    virtual Metric validate(const Predict& predict) const = 0;
    /// What the model does now. `target` (with no prediction) may be shown beside the lanes by target_view().
    virtual ModelView view(const Predict& predict) const = 0;
    /// The reference beside the lanes (the target picture); empty where there is none.
    virtual ModelView target_view() const { return {}; }
    /// What was done to the data on reading, one sentence for whoever gave it; empty: nothing.
    virtual std::string note() const { return {}; }
};

class Scenario {
  public:
    virtual ~Scenario() = default;
    virtual const ScenarioInfo& info() const = 0;
    /// Throws InputError for a file that cannot be used. Parameters were checked by resolve_settings.
    virtual std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const = 0;
    /// create() for somebody who waits: it says how far it is. Throws CancelledError where it is told to
    /// stop.
    virtual std::shared_ptr<const Workload> prepare(const ScenarioSettings& settings,
                                                    const Preparation&) const {
        return create(settings);
    }
    /// create() without what takes long: graphs, data and refusals are the same, but there may be no starting
    /// weights. For who asks for names and shapes, or brings weights along.
    virtual std::shared_ptr<const Workload> outline(const ScenarioSettings& settings) const {
        return create(settings);
    }
};

/// Every scenario, the default first (explicit list in scenario_list.cpp).
const std::vector<std::unique_ptr<Scenario>>& scenarios();
/// Throws InputError ("unknown scenario 'x', did you mean ...").
const Scenario& find_scenario(std::string_view name);
/// The slider that every built-in scenario has for Workload::micro_batches().
ScenarioParameter micro_batches_parameter();
/// Fills in defaults and checks names and ranges. Throws InputError with one sentence.
ScenarioSettings resolve_settings(const ScenarioInfo& info, const ScenarioSettings& settings);
/// How many steps the schedule has under settings: their parameter `steps` where there is one, else the
/// scenario's default.
std::int64_t schedule_steps(const ScenarioInfo& info, const ScenarioSettings& settings);
/// Parses "key=value" into settings. Throws InputError.
void set_parameter(const ScenarioInfo& info, ScenarioSettings& settings, std::string_view key,
                   std::string_view value);

}  // namespace halfscope
