// A GRU learns to write text, character by character: a recurrent network whose activation gradients are
// mostly subnormal in FP16 and which trains all the same.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "data/data_error.h"
#include "data/grammar_text.h"
#include "data/text_corpus.h"
#include "data/text_file.h"
#include "graph/graph_builder.h"
#include "models/char_gru.h"
#include "numerics/random.h"
#include "train/input_error.h"
#include "train/scenarios/scenario_makers.h"
#include "train/scenarios/schedule.h"
#include "train/scenarios/scores.h"
#include "train/scenarios/text_sample.h"

namespace halfscope {
namespace {

using Kind = ScenarioParameter::Kind;

constexpr std::size_t kBuiltInTextBytes = 300'000;
// The evaluation graph scores and writes this many sequences at once.
constexpr std::int64_t kEvaluationBatch = 8;
constexpr std::int64_t kMaximumValidationWindows = 256;

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
          corpus_(make_text_corpus(text)),
          time_(integer("time")),
          training_graph_(record(integer("batch"))),
          evaluation_graph_(record(kEvaluationBatch)) {}

    const ScenarioInfo& info() const override { return gru_info(); }
    const ScenarioSettings& settings() const override { return settings_; }
    const Graph& training_graph() const override { return training_graph_; }
    const Graph& evaluation_graph() const override { return evaluation_graph_; }

    Batch training_batch(std::int64_t step) const override {
        const RandomKey key{settings_.seed, stream_of("char-gru.batch"), static_cast<std::uint32_t>(step)};
        const auto starts =
            static_cast<std::uint64_t>(corpus_.train.size()) - static_cast<std::uint64_t>(time_);
        Batch batch;
        batch.tensors.resize(2);
        for (std::int64_t sequence = 0; sequence < integer("batch"); ++sequence) {
            append_window(batch, corpus_.train,
                          random_below(key, static_cast<std::uint64_t>(sequence), starts));
        }
        return batch;
    }

    OptimizerStep optimizer(std::int64_t position) const override {
        return cosine_adam(static_cast<float>(settings_.parameters.at("lr")), position, integer("steps"));
    }

    Metric validate(const Predict& predict) const override {
        const std::int64_t windows = validation_windows();
        double sum = 0;
        std::int64_t scored = 0;
        for (std::int64_t first = 0; first < windows; first += kEvaluationBatch) {
            Batch batch;
            batch.tensors.resize(2);
            for (std::int64_t row = 0; row < kEvaluationBatch; ++row) {
                append_window(batch, corpus_.validation,
                              validation_start(std::min(first + row, windows - 1)));
            }
            const std::vector<float> logits = predict(batch);
            const std::int64_t rows = std::min(kEvaluationBatch, windows - first) * time_;
            for (std::int64_t row = 0; row < rows; ++row) {
                const auto at = static_cast<std::size_t>(row);
                sum += cross_entropy(logits.data() + at * vocabulary(), vocabulary(),
                                     batch.tensors[1].tokens[at]);
            }
            scored += rows;
        }
        const double loss = sum / static_cast<double>(scored);
        return {loss, perplexity(loss)};
    }

    ModelView view(const Predict& predict) const override {
        TextSampler sampler;
        sampler.vocabulary = corpus_.vocabulary;
        sampler.sequences = kEvaluationBatch;
        sampler.time = time_;
        sampler.random = {settings_.seed, stream_of("char-gru.sample"), 0};
        const std::int64_t windows = validation_windows();
        const auto prompt = static_cast<std::size_t>(std::min<std::int64_t>(8, time_ / 2));
        for (std::int64_t line = 0; line < kEvaluationBatch; ++line) {
            const std::uint64_t start = validation_start(line * windows / kEvaluationBatch);
            const auto from = corpus_.validation.begin() + static_cast<std::ptrdiff_t>(start);
            sampler.prompts.emplace_back(from, from + static_cast<std::ptrdiff_t>(prompt));
        }
        ModelView view;
        view.text = sample_text(sampler, predict);
        return view;
    }

  private:
    std::int64_t integer(const char* name) const {
        return static_cast<std::int64_t>(settings_.parameters.at(name));
    }
    std::size_t vocabulary() const { return corpus_.vocabulary.size(); }

    /// Windows of time_ characters and the one that follows, at most as many as do not overlap.
    std::int64_t validation_windows() const {
        const auto characters = static_cast<std::int64_t>(corpus_.validation.size());
        return std::min(kMaximumValidationWindows, (characters - 1) / time_);
    }
    /// First character of a window, windows spread evenly over the held-out text.
    std::uint64_t validation_start(std::int64_t window) const {
        const auto room = static_cast<std::int64_t>(corpus_.validation.size()) - 1 - time_;
        const std::int64_t last = std::max<std::int64_t>(1, validation_windows() - 1);
        return static_cast<std::uint64_t>(room * window / last);
    }

    /// Adds x = characters [start, start + time_) and y = the same, one later.
    void append_window(Batch& batch, const std::vector<std::uint8_t>& from, std::uint64_t start) const {
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(start);
        std::vector<std::int32_t>& x = batch.tensors[0].tokens;
        std::vector<std::int32_t>& y = batch.tensors[1].tokens;
        x.insert(x.end(), first, first + static_cast<std::ptrdiff_t>(time_));
        y.insert(y.end(), first + 1, first + 1 + static_cast<std::ptrdiff_t>(time_));
    }

    Graph record(std::int64_t sequences) const {
        GraphBuilder builder;
        const TensorId x = builder.tokens("x", {sequences, time_});
        const TensorId y = builder.tokens("y", {sequences, time_});
        const CharGruShape shape{static_cast<std::int64_t>(vocabulary()), integer("embedding"),
                                 integer("hidden")};
        builder.softmax_cross_entropy("loss", char_gru(builder, x, shape), y);
        return builder.finish();
    }

    ScenarioSettings settings_;
    TextCorpus corpus_;
    std::int64_t time_;
    Graph training_graph_, evaluation_graph_;
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
