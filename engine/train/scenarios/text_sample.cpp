#include "train/scenarios/text_sample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "data/printable_text.h"
#include "numerics/math.h"
#include "train/scenarios/scores.h"

namespace halfscope {
namespace {

constexpr int kUnwritable = -1;  // the prediction was not finite

struct Line {
    std::vector<int> tokens;  ///< prompt and what was written, kUnwritable included
};

/// First character that the model sees when a line has `length`: moves on by half a window at a time.
std::size_t context_start(std::size_t length, std::size_t time) {
    if (length <= time) return 0;
    const std::size_t half = std::max<std::size_t>(time / 2, 1);
    return (length - time + half - 1) / half * half;
}

Batch context_batch(const std::vector<Line>& lines, std::size_t start, std::size_t time) {
    Batch batch;
    batch.tensors.resize(2);
    std::vector<std::int32_t>& x = batch.tensors[0].tokens;
    for (const Line& line : lines) {
        for (std::size_t offset = 0; offset < time; ++offset) {
            const std::size_t position = start + offset;
            x.push_back(position < line.tokens.size() ? std::max(line.tokens[position], 0) : 0);
        }
    }
    batch.tensors[1].tokens.assign(x.size(), 0);
    return batch;
}

/// Token whose share of the distribution contains `draw` in [0, 1).
int pick(const std::vector<float>& logits, std::size_t row, std::size_t classes, float temperature,
         float draw) {
    const auto from = logits.begin() + static_cast<std::ptrdiff_t>(row * classes);
    const std::vector<float> of_row(from, from + static_cast<std::ptrdiff_t>(classes));
    const std::vector<float> shares = softmax_rows(of_row, classes, temperature);
    double reached = 0;
    for (std::size_t token = 0; token < classes; ++token) {
        if (!std::isfinite(shares[token])) return kUnwritable;
        reached += static_cast<double>(shares[token]);
        if (static_cast<double>(draw) < reached) return static_cast<int>(token);
    }
    return static_cast<int>(classes) - 1;  // the shares add up to a little less than 1
}

std::string written(const TextSampler& sampler, const Line& line, std::size_t first, std::size_t last) {
    std::string text, run;
    const auto flush = [&] {
        text += printable_line(run);
        run.clear();
    };
    for (std::size_t position = first; position < last; ++position) {
        const int token = line.tokens[position];
        if (token == kUnwritable) {
            flush();
            text += kReplacementCharacter;
        } else {
            run += static_cast<char>(sampler.vocabulary[static_cast<std::size_t>(token)]);
        }
    }
    flush();
    return text;
}

}  // namespace

std::string sample_text(const TextSampler& sampler, const Predict& predict) {
    const auto time = static_cast<std::size_t>(sampler.time);
    const std::size_t classes = sampler.vocabulary.size();
    std::vector<Line> lines;
    for (const auto& prompt : sampler.prompts) lines.push_back({{prompt.begin(), prompt.end()}});
    const std::size_t prompt_length = sampler.prompts.front().size();
    for (int character = 0; character < sampler.characters; ++character) {
        const std::size_t length = lines.front().tokens.size();
        const std::size_t start = context_start(length, time);
        const std::vector<float> logits = predict(context_batch(lines, start, time));
        for (std::size_t line = 0; line < lines.size(); ++line) {
            const auto number = static_cast<std::uint64_t>(character) * lines.size() + line;
            lines[line].tokens.push_back(pick(logits, line * time + length - 1 - start, classes,
                                              sampler.temperature, uniform(sampler.random, number)));
        }
    }
    std::string text;
    for (const Line& line : lines) {
        text += "[" + written(sampler, line, 0, prompt_length) + "]";
        text += written(sampler, line, prompt_length, line.tokens.size()) + "\n";
    }
    return text;
}

double perplexity(double loss) { return static_cast<double>(math::exp(static_cast<float>(loss))); }

}  // namespace halfscope
