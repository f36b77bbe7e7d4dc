#include "models/char_gru.h"

namespace halfscope {

TensorId char_gru(GraphBuilder& builder, TensorId tokens, const CharGruShape& shape) {
    constexpr float kEmbeddingDeviation = 0.1f;
    const TensorId embedded =
        builder.embedding("embedding", tokens, shape.vocabulary, shape.embedding, kEmbeddingDeviation);
    const TensorId hidden = builder.gru("gru", embedded, shape.hidden);
    return builder.linear("head", hidden, shape.vocabulary, WeightInit::fan_in_uniform);
}

}  // namespace halfscope
