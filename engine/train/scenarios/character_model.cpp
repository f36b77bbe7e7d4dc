#include "train/scenarios/character_model.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "graph/graph_builder.h"
#include "models/char_gru.h"
#include "numerics/random.h"
#include "train/scenarios/scores.h"
#include "train/scenarios/text_sample.h"

namespace halfscope {
namespace {

// The evaluation graph scores and writes this many sequences at once.
constexpr std::int64_t kEvaluationBatch = 8;
constexpr std::int64_t kMaximumValidationWindows = 256;

}  // namespace

CharacterModelSizes character_model_sizes(const ScenarioSettings& settings) {
    const auto integer = [&settings](const char* name) {
        return static_cast<std::int64_t>(settings.parameters.at(name));
    };
    return {integer("batch"), integer("time"), integer("embedding"), integer("hidden")};
}

CharacterModel::CharacterModel(TextCorpus corpus, const CharacterModelSizes& sizes,
                               const CharacterModelStreams& streams)
    : corpus_(std::move(corpus)),
      sizes_(sizes),
      streams_(streams),
      training_graph_(record(sizes_.batch)),
      evaluation_graph_(record(kEvaluationBatch)) {}

Batch CharacterModel::training_batch(std::int64_t step) const {
    const RandomKey key{streams_.seed, stream_of(streams_.batch), static_cast<std::uint32_t>(step)};
    const auto starts =
        static_cast<std::uint64_t>(corpus_.train.size()) - static_cast<std::uint64_t>(sizes_.time);
    Batch batch;
    batch.tensors.resize(2);
    for (std::int64_t sequence = 0; sequence < sizes_.batch; ++sequence) {
        append_window(batch, corpus_.train, random_below(key, static_cast<std::uint64_t>(sequence), starts));
    }
    return batch;
}

Metric CharacterModel::validate(const Predict& predict) const {
    const std::int64_t windows = validation_windows();
    double sum = 0;
    std::int64_t scored = 0;
    for (std::int64_t first = 0; first < windows; first += kEvaluationBatch) {
        Batch batch;
        batch.tensors.resize(2);
        for (std::int64_t row = 0; row < kEvaluationBatch; ++row) {
            append_window(batch, corpus_.validation, validation_start(std::min(first + row, windows - 1)));
        }
        const std::vector<float> logits = predict(batch);
        const std::int64_t rows = std::min(kEvaluationBatch, windows - first) * sizes_.time;
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto at = static_cast<std::size_t>(row);
            sum +=
                cross_entropy(logits.data() + at * vocabulary(), vocabulary(), batch.tensors[1].tokens[at]);
        }
        scored += rows;
    }
    const double loss = sum / static_cast<double>(scored);
    return {loss, perplexity(loss)};
}

ModelView CharacterModel::view(const Predict& predict) const {
    TextSampler sampler;
    sampler.vocabulary = corpus_.vocabulary;
    sampler.sequences = kEvaluationBatch;
    sampler.time = sizes_.time;
    sampler.random = {streams_.seed, stream_of(streams_.sample), 0};
    const std::int64_t windows = validation_windows();
    const auto prompt = static_cast<std::size_t>(std::min<std::int64_t>(8, sizes_.time / 2));
    for (std::int64_t line = 0; line < kEvaluationBatch; ++line) {
        const std::uint64_t start = validation_start(line * windows / kEvaluationBatch);
        const auto from = corpus_.validation.begin() + static_cast<std::ptrdiff_t>(start);
        sampler.prompts.emplace_back(from, from + static_cast<std::ptrdiff_t>(prompt));
    }
    ModelView view;
    view.text = sample_text(sampler, predict);
    return view;
}

/// Windows of `time` characters and the one that follows, at most as many as do not overlap.
std::int64_t CharacterModel::validation_windows() const {
    const auto characters = static_cast<std::int64_t>(corpus_.validation.size());
    return std::min(kMaximumValidationWindows, (characters - 1) / sizes_.time);
}

/// First character of a window, windows spread evenly over the held-out text.
std::uint64_t CharacterModel::validation_start(std::int64_t window) const {
    const auto room = static_cast<std::int64_t>(corpus_.validation.size()) - 1 - sizes_.time;
    const std::int64_t last = std::max<std::int64_t>(1, validation_windows() - 1);
    return static_cast<std::uint64_t>(room * window / last);
}

/// Adds x = characters [start, start + time) and y = the same, one later.
void CharacterModel::append_window(Batch& batch, const std::vector<std::uint8_t>& from,
                                   std::uint64_t start) const {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(start);
    std::vector<std::int32_t>& x = batch.tensors[0].tokens;
    std::vector<std::int32_t>& y = batch.tensors[1].tokens;
    x.insert(x.end(), first, first + static_cast<std::ptrdiff_t>(sizes_.time));
    y.insert(y.end(), first + 1, first + 1 + static_cast<std::ptrdiff_t>(sizes_.time));
}

Graph CharacterModel::record(std::int64_t sequences) const {
    GraphBuilder builder;
    const TensorId x = builder.tokens("x", {sequences, sizes_.time});
    const TensorId y = builder.tokens("y", {sequences, sizes_.time});
    const CharGruShape shape{static_cast<std::int64_t>(vocabulary()), sizes_.embedding, sizes_.hidden};
    builder.softmax_cross_entropy("loss", char_gru(builder, x, shape), y);
    return builder.finish();
}

}  // namespace halfscope
