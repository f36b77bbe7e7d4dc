#include "data/text_corpus.h"

#include <array>
#include <cstddef>

namespace halfscope {

TextCorpus make_text_corpus(const std::string& text, const std::string& also) {
    std::array<bool, 256> occurs{};
    for (char byte : text) occurs[static_cast<unsigned char>(byte)] = true;
    for (char byte : also) occurs[static_cast<unsigned char>(byte)] = true;
    TextCorpus corpus;
    std::array<std::uint8_t, 256> token_of{};
    for (std::size_t byte = 0; byte < occurs.size(); ++byte) {
        if (!occurs[byte]) continue;
        token_of[byte] = static_cast<std::uint8_t>(corpus.vocabulary.size());
        corpus.vocabulary.push_back(static_cast<unsigned char>(byte));
    }
    const std::size_t held_out = text.size() / 10;
    const std::size_t trained = text.size() - held_out;
    corpus.train.reserve(trained);
    corpus.validation.reserve(held_out);
    for (std::size_t position = 0; position < text.size(); ++position) {
        (position < trained ? corpus.train : corpus.validation)
            .push_back(token_of[static_cast<unsigned char>(text[position])]);
    }
    return corpus;
}

}  // namespace halfscope
