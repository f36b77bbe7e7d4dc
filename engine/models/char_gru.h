// A character language model: embedding, one GRU layer, linear head. Called by scenarios while they record a
// graph; knows no text, no loss and no formats.
#pragma once

#include <cstdint>

#include "graph/graph_builder.h"

namespace halfscope {

struct CharGruShape {
    std::int64_t vocabulary = 1;
    std::int64_t embedding = 32;
    std::int64_t hidden = 96;
};

/// Records embedding, gru and head; returns the logits [batch, time, vocabulary] for tokens [batch, time].
/// The embedding starts as N(0, 0.1), the GRU as U(+-1/sqrt(hidden)), the head as U(+-1/sqrt(hidden)); the
/// first hidden state is zero. Throws std::invalid_argument from the builder where an extent is below 1.
TensorId char_gru(GraphBuilder& builder, TensorId tokens, const CharGruShape& shape);

}  // namespace halfscope
