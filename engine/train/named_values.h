// Numbers by name, as they go in and out of a lane: weights, gradients. Made by lanes and from files; plain
// data, and how its shape is written in a refusal.
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

/// [64, 2]
inline std::string bracketed_shape(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
    return "[" + text + "]";
}

/// A loss with the gradient of every parameter, in the order of Graph::parameters(), without the loss scale.
/// NaN and infinity are results like any other.
struct LossAndGradients {
    float loss = 0.0f;
    std::vector<NamedValues> gradients;
};

}  // namespace halfscope
