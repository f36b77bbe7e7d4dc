// Writes text with a character model by sampling from its predictions. Called by the text scenarios for their
// view; the random numbers are the same for every lane, so that samples differ by precision alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numerics/random.h"
#include "train/scenario.h"

namespace halfscope {

struct TextSampler {
    std::vector<unsigned char> vocabulary;           ///< token id -> byte
    std::int64_t sequences = 1;                      ///< batch of the evaluation graph, and lines written
    std::int64_t time = 32;                          ///< time steps of the evaluation graph
    std::vector<std::vector<std::uint8_t>> prompts;  ///< one a line, all of one length in 1..time
    RandomKey random;
    int characters = 40;       ///< written after the prompt of each line
    float temperature = 0.8f;  ///< divides the logits; below 1 prefers the likely
};

/// One line a sequence: "[prompt]continuation", UTF-8. A prediction that is not finite writes U+FFFD and goes
/// on with token 0. The model sees the last time/2 to time characters: its hidden state starts at zero in
/// every call.
std::string sample_text(const TextSampler& sampler, const Predict& predict);

/// exp(loss), infinite where that overflows FP32.
double perplexity(double loss);

}  // namespace halfscope
