// A GRU that was trained in FP32 on sentences about the land learns the words of the sea at a small learning
// rate: without master weights most updates round away, and the loss falls more slowly.
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "backend/cpu_backend.h"
#include "data/grammar_text.h"
#include "train/experiment.h"
#include "train/input_error.h"
#include "train/scenarios/character_model.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"
#include "train/weight_cache.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

constexpr std::size_t kTextBytes = 300'000;
// Pretraining is the same whatever batch and length fine-tuning has.
constexpr std::int64_t kPretrainingBatch = 16, kPretrainingTime = 32;
constexpr float kPretrainingRate = 0.5f;
// To be raised with every change of what pretraining computes; scenario_finetune_test.cpp holds its bits.
constexpr int kPretrainingVersion = 1;

ScenarioInfo describe() {
    ScenarioInfo info;
    info.name = "gru-finetune";
    info.title = "A trained GRU learns new words";
    info.description =
        "Why the paper keeps an FP32 master copy of the weights (section 3.1). A GRU was trained in FP32 on "
        "sentences about the land; every lane starts from these weights and learns sentences about the sea, "
        "in the same letters and other words, at a small learning rate. There a typical update is less than "
        "half the distance between two neighbouring FP16 numbers: without a master copy nine updates in ten "
        "round away, and the loss falls at about a seventh of FP32's pace; BF16 without a master copy stands "
        "still. A master copy, stochastic rounding or Kahan's sum each bring FP32's curve back. Compare the "
        "slopes: 600 steps at this rate finish the learning in no lane, and at a tenfold rate (lr = 1e-4) "
        "the "
        "lanes come much closer to one another.";
    info.metric_name = "perplexity";
    info.higher_is_better = false;
    info.validation =
        "Exponential of the mean cross-entropy per character over up to 256 windows spread over the held-out "
        "last tenth of the new text.";
    info.parameters = {
        {"batch", Kind::integer, 16, 1, 256, true, {}, "Sequences per step of fine-tuning."},
        {"time", Kind::integer, 32, 8, 128, true, {}, "Characters per sequence in fine-tuning."},
        {"hidden", Kind::integer, 96, 8, 512, true, {}, "Units of the GRU; another size is pretrained anew."},
        {"embedding",
         Kind::integer,
         32,
         4,
         256,
         true,
         {},
         "Numbers that stand for one character; another size is pretrained anew."},
        {"lr",
         Kind::real,
         1e-5,
         1e-7,
         1,
         true,
         {},
         "Adam's learning rate in fine-tuning; it stays constant."},
        {"steps", Kind::integer, 600, 10, 100000, true, {}, "Steps of fine-tuning."},
        {"pretrain_steps",
         Kind::integer,
         600,
         10,
         10000,
         true,
         {},
         "Steps of pretraining, momentum SGD at 0.5 on 16 sequences of 32 characters."},
        micro_batches_parameter()};
    info.lanes = {{"fp32", "fp32"}, {"mixed", "mixed"}, {"no-master", "fp16-scaled"}};
    info.steps = 600;
    return info;
}

const ScenarioInfo& finetune_info() {
    static const ScenarioInfo info = describe();
    return info;
}

/// The text that the model knows and the one it is to learn.
struct Texts {
    std::string known, fresh;
    explicit Texts(std::uint64_t seed)
        : known(make_grammar_text(kTextBytes, seed, GrammarWords::land)),
          fresh(make_grammar_text(kTextBytes, seed, GrammarWords::sea)) {}
};

/// What pretraining trains: the same network on the known text.
class PretrainingWorkload final : public Workload {
  public:
    PretrainingWorkload(ScenarioSettings settings, const Texts& texts)
        : settings_(std::move(settings)),
          model_(make_text_corpus(texts.known, texts.fresh), sizes_of(settings_),
                 {settings_.seed, "gru-finetune.pretraining", "gru-finetune.sample"}) {
        settings_.parameters.erase("micro_batches");  // of fine-tuning
    }

    const ScenarioInfo& info() const override { return finetune_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return model_.training_graph(); }
    const Graph& evaluation_graph() const override { return model_.evaluation_graph(); }
    Batch training_batch(std::int64_t step) const override { return model_.training_batch(step); }
    OptimizerStep optimizer(std::int64_t) const override { return constant_momentum(kPretrainingRate); }
    Metric validate(const Predict& predict) const override { return model_.validate(predict); }
    ModelView view(const Predict& predict) const override { return model_.view(predict); }

    std::int64_t steps() const {
        return static_cast<std::int64_t>(settings_.parameters.at("pretrain_steps"));
    }
    /// Everything that decides the bits of the weights.
    std::string key(const Texts& texts) const {
        const CharacterModelSizes sizes = sizes_of(settings_);
        std::string key = "gru-finetune, pretraining " + std::to_string(kPretrainingVersion);
        for (const std::string* text : {&texts.known, &texts.fresh}) key += ", text " + text_hash(*text);
        key += ", batch " + std::to_string(sizes.batch) + ", time " + std::to_string(sizes.time) +
               ", embedding " + std::to_string(sizes.embedding) + ", hidden " + std::to_string(sizes.hidden);
        return key + ", steps " + std::to_string(steps()) + ", seed " + std::to_string(settings_.seed);
    }

  private:
    static CharacterModelSizes sizes_of(const ScenarioSettings& settings) {
        CharacterModelSizes sizes = character_model_sizes(settings);
        sizes.batch = kPretrainingBatch;
        sizes.time = kPretrainingTime;
        return sizes;
    }

    ScenarioSettings settings_;
    CharacterModel model_;
};

/// Trains in FP32 on the CPU, whatever device the lanes are for: everybody starts from the same bits.
std::vector<NamedValues> pretrain(const std::shared_ptr<const PretrainingWorkload>& workload,
                                  const Preparation& preparation) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(preparation.threads);
    Experiment experiment(*backend, workload, {{"pretraining", parse_techniques("fp32")}});
    const std::int64_t steps = workload->steps();
    double loss = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
        preparation.reached(
            {static_cast<double>(step) / static_cast<double>(steps),
             "pretraining in FP32: step " + std::to_string(step) + " of " + std::to_string(steps)});
        loss = experiment.step({}).front().record.loss;
    }
    if (!std::isfinite(loss)) {
        throw InputError("pretraining diverged with these settings; choose fewer units or fewer steps");
    }
    return experiment.lanes().front().parameters();
}

class GruFinetuneWorkload final : public Workload {
  public:
    GruFinetuneWorkload(ScenarioSettings settings, const Texts& texts, KeptWeights start)
        : settings_(std::move(settings)),
          model_(make_text_corpus(texts.fresh, texts.known), character_model_sizes(settings_),
                 {settings_.seed, "gru-finetune.batch", "gru-finetune.sample"}),
          start_(std::move(start)) {}

    const ScenarioInfo& info() const override { return finetune_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return model_.training_graph(); }
    const Graph& evaluation_graph() const override { return model_.evaluation_graph(); }
    const std::vector<NamedValues>* starting_weights() const override { return start_.weights.get(); }
    Batch training_batch(std::int64_t step) const override { return model_.training_batch(step); }
    OptimizerStep optimizer(std::int64_t) const override {
        return constant_adam(static_cast<float>(settings_.parameters.at("lr")));
    }
    Metric validate(const Predict& predict) const override { return model_.validate(predict); }
    ModelView view(const Predict& predict) const override { return model_.view(predict); }
    std::string note() const override { return start_.note; }

  private:
    ScenarioSettings settings_;
    CharacterModel model_;
    KeptWeights start_;
};

class GruFinetune final : public Scenario {
  public:
    const ScenarioInfo& info() const override { return finetune_info(); }
    std::shared_ptr<const Workload> create(const ScenarioSettings& settings) const override {
        return prepare(settings, {});
    }
    std::shared_ptr<const Workload> prepare(const ScenarioSettings& settings,
                                            const Preparation& preparation) const override {
        ScenarioSettings resolved = resolve_settings(info(), settings);
        const Texts texts(resolved.seed);
        const auto pretraining = std::make_shared<const PretrainingWorkload>(resolved, texts);
        KeptWeights start = kept_weights(info().name, pretraining->key(texts), pretraining->training_graph(),
                                         [&] { return pretrain(pretraining, preparation); });
        return std::make_shared<GruFinetuneWorkload>(std::move(resolved), texts, std::move(start));
    }
    std::shared_ptr<const Workload> outline(const ScenarioSettings& settings) const override {
        ScenarioSettings resolved = resolve_settings(info(), settings);
        const Texts texts(resolved.seed);
        return std::make_shared<GruFinetuneWorkload>(std::move(resolved), texts, KeptWeights{});
    }
};

}  // namespace

std::unique_ptr<Scenario> make_gru_finetune() { return std::make_unique<GruFinetune>(); }

}  // namespace halfscope
