// Losses and metrics of predictions, in double, as the scenarios report them. NaN in a prediction makes the
// loss NaN and counts as a wrong answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace halfscope {

struct ClassScore {
    double loss = 0;      ///< mean of -log softmax(logits)[row, label], nats
    double accuracy = 0;  ///< share of rows whose largest logit is the label's, 0..1
};

/// Logits [labels.size(), classes], row-major.
ClassScore score_classes(const std::vector<float>& logits, const std::vector<std::int32_t>& labels,
                         std::size_t classes);

/// -log softmax(logits)[label] of one row, nats.
double cross_entropy(const float* logits, std::size_t classes, std::int32_t label);

/// Softmax of logits / temperature, row by row, [rows, classes].
std::vector<float> softmax_rows(const std::vector<float>& logits, std::size_t classes, float temperature);

/// Mean over all elements of (prediction - target)^2.
double mean_square(const std::vector<float>& prediction, const std::vector<float>& target);

/// Peak signal-to-noise ratio for a peak of 1: -10 log10(mean square error), dB.
double psnr_db(double mean_square_error);

}  // namespace halfscope
