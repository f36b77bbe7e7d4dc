// Text as token ids over the bytes that occur in it, split into training and held-out part. Made by scenarios
// from built-in or loaded text; immutable afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace halfscope {

struct TextCorpus {
    std::vector<unsigned char> vocabulary;  ///< token id -> byte, ascending bytes
    std::vector<std::uint8_t> train;        ///< token ids of the first 90%
    std::vector<std::uint8_t> validation;   ///< token ids of the last 10%, never trained on
};

/// Splits and tokenises. The vocabulary holds every byte of the whole text, so that held-out text can always
/// be scored, and every byte of `also`: texts that are to share a vocabulary.
TextCorpus make_text_corpus(const std::string& text, const std::string& also = {});

}  // namespace halfscope
