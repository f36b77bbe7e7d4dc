// A GRU language model on one text: graphs, batches, validation and written samples. What the text scenarios
// share; each adds its optimizer, its settings and what it starts from.
#pragma once

#include <cstdint>
#include <string>

#include "data/text_corpus.h"
#include "train/scenario.h"

namespace halfscope {

struct CharacterModelSizes {
    std::int64_t batch = 16, time = 32, embedding = 32, hidden = 96;
};
/// Those of the parameters batch, time, embedding and hidden.
CharacterModelSizes character_model_sizes(const ScenarioSettings& settings);

/// Where the random numbers come from.
struct CharacterModelStreams {
    std::uint64_t seed = 0;
    std::string batch, sample;  ///< names of the streams
};

class CharacterModel {
  public:
    /// The held-out text must be longer than `time`.
    CharacterModel(TextCorpus corpus, const CharacterModelSizes& sizes, const CharacterModelStreams& streams);

    const TextCorpus& corpus() const { return corpus_; }
    const Graph& training_graph() const { return training_graph_; }
    const Graph& evaluation_graph() const { return evaluation_graph_; }
    /// Windows of the training text, drawn with replacement.
    Batch training_batch(std::int64_t step) const;
    /// Mean cross-entropy over up to 256 windows of the held-out text, and its perplexity.
    Metric validate(const Predict& predict) const;
    /// Text that goes on from the beginnings of held-out windows.
    ModelView view(const Predict& predict) const;

  private:
    std::size_t vocabulary() const { return corpus_.vocabulary.size(); }
    std::int64_t validation_windows() const;
    std::uint64_t validation_start(std::int64_t window) const;
    void append_window(Batch& batch, const std::vector<std::uint8_t>& from, std::uint64_t start) const;
    Graph record(std::int64_t sequences) const;

    TextCorpus corpus_;
    CharacterModelSizes sizes_;
    CharacterModelStreams streams_;
    Graph training_graph_, evaluation_graph_;
};

}  // namespace halfscope
