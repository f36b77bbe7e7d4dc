// Built-in training text: English-like sentences from a small probabilistic grammar, so that a character
// model has structure to learn without a file. Called by scenarios.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace halfscope {

/// At least `bytes` bytes (it ends with a whole paragraph) of lower-case sentences, paragraphs of five
/// separated by a line break. A pure function of the seed.
std::string make_grammar_text(std::size_t bytes, std::uint64_t seed);

}  // namespace halfscope
