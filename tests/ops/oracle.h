// What every operation should give: straightforward double-precision code from the textbook formulas, written
// without a look at the engine's (explicit Jacobians, scalar recursions, libm). Used by the tests of ops/;
// checked itself against central differences. Must not include engine headers.
#pragma once

#include <cstdint>
#include <vector>

namespace halfscope::oracle {

using Array = std::vector<double>;

/// The extents a case may use. rows = batch * time.
struct Extents {
    std::int64_t batch = 1, time = 1, in = 1, out = 1;
    std::int64_t rows() const { return batch * time; }
};

/// Pictures [images, height, width, channels] under a sliding window; the output positions follow from it.
struct Window {
    std::int64_t images = 1, height = 1, width = 1, kernel_height = 1, kernel_width = 1, stride = 1,
                 padding = 0;
};

struct Problem {
    Extents extents;
    std::vector<Array> inputs;         ///< in the order of node.h's OpKind; tokens are empty
    std::vector<std::int32_t> tokens;  ///< token ids or labels, one for each row
    Array output_gradient;             ///< for losses one value, S
    double amount = 0;                 ///< layer_norm, batch_norm: eps
    Window window;                     ///< conv2d and poolings
};

struct Solution {
    Array output;
    std::vector<Array> gradients;  ///< one for each input; empty where there is none
};

using Oracle = Solution (*)(const Problem&);

Solution linear(const Problem&);
Solution bias_add(const Problem&);
Solution relu(const Problem&);
Solution sigmoid(const Problem&);
Solution tanh(const Problem&);
Solution gelu(const Problem&);
Solution softmax_cross_entropy(const Problem&);
Solution mean_squared_error(const Problem&);
Solution embedding(const Problem&);
Solution gru(const Problem&);
Solution layer_norm(const Problem&);
Solution batch_norm(const Problem&);
Solution conv2d(const Problem&);
Solution max_pool(const Problem&);
Solution average_pool(const Problem&);
Solution add(const Problem&);
Solution concat(const Problem&);

}  // namespace halfscope::oracle
