#include "train/scenarios/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/math.h"

namespace halfscope {
namespace {

/// The largest logit; NaN where there is one, so that it reaches the loss.
float row_maximum(const float* logits, std::size_t classes) {
    float largest = -std::numeric_limits<float>::infinity();
    for (std::size_t c = 0; c < classes; ++c) {
        if (std::isnan(logits[c])) return logits[c];
        largest = std::max(largest, logits[c]);
    }
    return largest;
}

bool answers(const float* logits, std::size_t classes, std::int32_t label) {
    const float largest = row_maximum(logits, classes);
    if (std::isnan(largest)) return false;
    return std::max_element(logits, logits + classes) - logits == label;
}

}  // namespace

double cross_entropy(const float* logits, std::size_t classes, std::int32_t label) {
    const float largest = row_maximum(logits, classes);
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += static_cast<double>(math::exp(logits[c] - largest));
    return static_cast<double>(math::log(static_cast<float>(sum))) + static_cast<double>(largest) -
           static_cast<double>(logits[label]);
}

ClassScore score_classes(const std::vector<float>& logits, const std::vector<std::int32_t>& labels,
                         std::size_t classes) {
    ClassScore score;
    std::size_t right = 0;
    for (std::size_t row = 0; row < labels.size(); ++row) {
        const float* of_row = logits.data() + row * classes;
        score.loss += cross_entropy(of_row, classes, labels[row]);
        if (answers(of_row, classes, labels[row])) ++right;
    }
    const auto rows = static_cast<double>(labels.size());
    score.loss /= rows;
    score.accuracy = static_cast<double>(right) / rows;
    return score;
}

std::vector<float> softmax_rows(const std::vector<float>& logits, std::size_t classes, float temperature) {
    std::vector<float> probabilities(logits.size());
    for (std::size_t start = 0; start + classes <= logits.size(); start += classes) {
        const float largest = row_maximum(logits.data() + start, classes);
        double sum = 0;
        for (std::size_t c = start; c < start + classes; ++c) {
            probabilities[c] = math::exp((logits[c] - largest) / temperature);
            sum += static_cast<double>(probabilities[c]);
        }
        for (std::size_t c = start; c < start + classes; ++c) probabilities[c] /= static_cast<float>(sum);
    }
    return probabilities;
}

double mean_square(const std::vector<float>& prediction, const std::vector<float>& target) {
    double sum = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const double difference = static_cast<double>(prediction[i]) - static_cast<double>(target[i]);
        sum += difference * difference;
    }
    return sum / static_cast<double>(target.size());
}

double psnr_db(double mean_square_error) {
    constexpr double kDecibelsPerNat = 4.342944819032518;  // 10 / ln 10
    return -kDecibelsPerNat * static_cast<double>(math::log(static_cast<float>(mean_square_error)));
}

}  // namespace halfscope
