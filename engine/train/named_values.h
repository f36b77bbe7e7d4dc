// Numbers by name, as they go in and out of a lane: weights, gradients. Made by lanes and from files; plain
// data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace halfscope {

struct NamedValues {
    std::string name;  ///< in the graph: "fc1.weight"
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};

/// A loss with the gradient of every parameter, in the order of Graph::parameters(), without the loss scale.
/// NaN and infinity are results like any other.
struct LossAndGradients {
    float loss = 0.0f;
    std::vector<NamedValues> gradients;
};

}  // namespace halfscope
