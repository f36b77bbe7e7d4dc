// Text of somebody's choice: what is taken can be tokenised and shown.
#include <algorithm>

#include "data/printable_text.h"
#include "data/text_corpus.h"
#include "data/text_file.h"
#include "fuzz_target.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::view_of(data, size);
    for (char byte : printable_line(text)) {
        const auto code = static_cast<unsigned char>(byte);
        fuzz::expect(code >= 0x20 && code != 0x7F);
    }
    fuzz::read_or_refuse("fuzz.txt", [&] {
        check_text(text, "fuzz.txt");
        const TextCorpus corpus = make_text_corpus(std::string(text));
        fuzz::expect(corpus.train.size() + corpus.validation.size() == size);
        fuzz::expect(std::is_sorted(corpus.vocabulary.begin(), corpus.vocabulary.end()));
        for (std::size_t i = 0; i < corpus.train.size(); ++i) {
            fuzz::expect(corpus.vocabulary.at(corpus.train[i]) == data[i]);
        }
    });
    return 0;
}
