// Built-in training text: English-like sentences from a small probabilistic grammar, so that a character
// model has structure to learn without a file; with a second dictionary for a model that learns new words.
// Called by scenarios.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace halfscope {

/// Two dictionaries for the same rules, of the same letters; they share the articles and no other word.
enum class GrammarWords : std::uint8_t { land, sea };

/// At least `bytes` bytes (it ends with a whole paragraph) of lower-case sentences, paragraphs of five
/// separated by a line break. A pure function of seed and words.
std::string make_grammar_text(std::size_t bytes, std::uint64_t seed, GrammarWords words = GrammarWords::land);

}  // namespace halfscope
