// A multilayer perceptron: linear layers fc1..fcN with one activation between them. Called by scenarios while
// they record a graph; knows no data, no loss and no formats.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph_builder.h"

namespace halfscope {

enum class Activation : std::uint8_t { sigmoid, tanh, relu, gelu };

struct MlpShape {
    std::vector<std::int64_t> hidden;  ///< width of each hidden layer, first to last
    std::int64_t outputs = 1;
    Activation activation = Activation::sigmoid;
};

/// Records fc1, <activation>1, fc2, ..., fcN and returns fcN's output [rows, outputs], for x [rows,
/// features]. No activation follows the last layer. ReLU networks start with He et al. 2015, the others with
/// PyTorch's default Linear, U(+-1/sqrt(fan_in)). Throws std::invalid_argument from the builder where a width
/// is below 1.
TensorId mlp(GraphBuilder& builder, TensorId x, const MlpShape& shape);

}  // namespace halfscope
