// A GRU learns to write text, character by character: a recurrent network whose activation gradients are
// mostly subnormal in FP16 and which trains all the same.
#include <cstddef>
#include <string>
#include <utility>

#include "data/data_error.h"
#include "data/grammar_text.h"
#include "data/text_file.h"
#include "train/input_error.h"
#include "train/scenarios/character_model.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

constexpr std::size_t kBuiltInTextBytes = 300'000;

ScenarioInfo describe() {
    ScenarioInfo info;
    info.name = "char-gru";
    info.title = "GRU writes text";
    info.description =
        "A recurrent network in FP16. Most of its activation gradients lie in FP16's subnormal range or "
        "below, and still mixed "
        "precision follows FP32: a histogram that looks alarming need not do harm. Do not expect much from "
        "switching the master "
        "copy off either: trained from scratch at this size it costs little, because the noise of the "
        "batches dithers the "
        "rounding. The late divergence that the paper shows for large language models does not appear in so "
        "small a one.";
    info.metric_name = "perplexity";
    info.higher_is_better = false;
    info.validation =
        "Exponential of the mean cross-entropy per character over up to 256 windows spread over the held-out "
        "last tenth of the "
        "text.";
    info.parameters = {
        {"batch", Kind::integer, 16, 1, 256, true, {}, "Sequences per step."},
        {"time",
         Kind::integer,
         32,
         8,
         128,
         true,
         {},
         "Characters per sequence, through which gradients flow back."},
        {"hidden", Kind::integer, 96, 8, 512, true, {}, "Units of the GRU."},
        {"embedding", Kind::integer, 32, 4, 256, true, {}, "Numbers that stand for one character."},
        {"lr", Kind::real, 4e-3, 1e-6, 1, true, {}, "Adam's learning rate before the cosine schedule."},
        {"steps", Kind::integer, 600, 10, 100000, true, {}, "Steps until the schedule reaches its end."},
        micro_batches_parameter()};
    info.lanes = {{"fp32", "fp32"}, {"mixed", "mixed"}, {"no-master", "fp16-scaled"}};
    info.steps = 600;
    info.reads_text = true;
    return info;
}

const ScenarioInfo& gru_info() {
    static const ScenarioInfo info = describe();
    return info;
}

std::string load_text(const ScenarioSettings& settings) {
    if (settings.text_path.empty()) return make_grammar_text(kBuiltInTextBytes, settings.seed);
    try {
        return read_text_file(settings.text_path);
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
}

class CharGruWorkload final : public Workload {
  public:
    CharGruWorkload(ScenarioSettings settings, const std::string& text)
        : settings_(std::move(settings)),
          model_(make_text_corpus(text), character_model_sizes(settings_),
                 {settings_.seed, "char-gru.batch", "char-gru.sample"}) {}

    const ScenarioInfo& info() const override { return gru_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return model_.training_graph(); }
    const Graph& evaluation_graph() const override { return model_.evaluation_graph(); }
    Batch training_batch(std::int64_t step) const override { return model_.training_batch(step); }
    OptimizerStep optimizer(std::int64_t position) const override {
        return cosine_adam(static_cast<float>(settings_.parameters.at("lr")), position,
                           static_cast<std::int64_t>(settings_.parameters.at("steps")));
    }
    Metric validate(const Predict& predict) const override { return model_.validate(predict); }
    ModelView view(const Predict& predict) const override { return model_.view(predict); }

  private:
    ScenarioSettings settings_;
    CharacterModel model_;
};

class CharGru final : public Scenario {
  public:
    const ScenarioInfo& info() const override { return gru_info(); }
    std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const override {
        ScenarioSettings resolved = resolve_settings(info(), settings);
        const std::string text = load_text(resolved);
        // One window of `time` characters and its successor must fit into the held-out tenth.
        const auto needed = 10 * (static_cast<std::size_t>(resolved.parameters.at("time")) + 1);
        if (text.size() < needed) {
            throw InputError("text file '" + resolved.text_path + "' has only " +
                             std::to_string(text.size()) + " bytes, and sequences of this length need " +
                             std::to_string(needed) + "; give more text or lower 'time'");
        }
        return std::make_shared<CharGruWorkload>(std::move(resolved), text);
    }
};

}  // namespace

std::unique_ptr<Scenario> make_char_gru() { return std::make_unique<CharGru>(); }

}  // namespace halfscope
