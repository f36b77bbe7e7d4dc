#include "models/mlp.h"

#include <string>

namespace halfscope {
namespace {

TensorId activate(GraphBuilder& builder, Activation activation, const std::string& number, TensorId x) {
    switch (activation) {
        case Activation::sigmoid:
            return builder.sigmoid("sigmoid" + number, x);
        case Activation::tanh:
            return builder.tanh("tanh" + number, x);
        case Activation::relu:
            return builder.relu("relu" + number, x);
        case Activation::gelu:
            break;
    }
    return builder.gelu("gelu" + number, x);
}

}  // namespace

TensorId mlp(GraphBuilder& builder, TensorId x, const MlpShape& shape) {
    const WeightInit init =
        shape.activation == Activation::relu ? WeightInit::he_normal : WeightInit::fan_in_uniform;
    TensorId y = x;
    for (std::size_t layer = 0; layer < shape.hidden.size(); ++layer) {
        const std::string number = std::to_string(layer + 1);
        y = activate(builder, shape.activation, number,
                     builder.linear("fc" + number, y, shape.hidden[layer], init));
    }
    return builder.linear("fc" + std::to_string(shape.hidden.size() + 1), y, shape.outputs, init);
}

}  // namespace halfscope
