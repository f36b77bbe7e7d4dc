#include "data/grammar_text.h"

#include <array>
#include <string_view>

#include "numerics/random.h"

namespace halfscope {
namespace {

/// The words of a text; the rules are the same for all.
struct Dictionary {
    std::string_view stream;  // of the random numbers
    std::string_view definite, indefinite;
    std::array<std::string_view, 16> nouns;
    std::array<std::string_view, 12> adjectives;
    std::array<std::string_view, 12> verbs;
    std::array<std::string_view, 6> adverbs;
    std::array<std::string_view, 6> prepositions;
    std::array<std::string_view, 4> links;
};

constexpr Dictionary kLand{"grammar_text",
                           "the",
                           "a",
                           {"farmer", "river", "teacher", "garden", "horse", "window", "soldier", "stone",
                            "painter", "kitchen", "bird", "captain", "mountain", "child", "letter", "engine"},
                           {"old", "quiet", "bright", "narrow", "heavy", "small", "gentle", "dark", "broken",
                            "warm", "young", "strange"},
                           {"watches", "follows", "carries", "remembers", "paints", "visits", "finds",
                            "calls", "leaves", "answers", "holds", "knows"},
                           {"slowly", "often", "never", "always", "quickly", "again"},
                           {"near", "behind", "under", "beyond", "without", "beside"},
                           {"and", "but", "because", "while"}};

// Other words in the same letters: whoever has learned the first dictionary knows every letter of this one
// and, but for the articles, no word.
constexpr Dictionary kSea{"grammar_text.sea",
                          "the",
                          "a",
                          {"sailor", "harbour", "island", "captive", "lantern", "whale", "rope", "compass",
                           "storm", "anchor", "gull", "cook", "cabin", "map", "pirate", "tide"},
                          {"salty", "brave", "hollow", "golden", "silent", "rusty", "wild", "blue", "lonely",
                           "swift", "ancient", "pale"},
                          {"steers", "hides", "repairs", "curses", "guards", "hunts", "steals", "loves",
                           "sinks", "obeys", "conquers", "buries"},
                          {"rarely", "gladly", "twice", "soon", "still", "boldly"},
                          {"above", "against", "inside", "toward", "around", "below"},
                          {"or", "so", "until", "yet"}};

constexpr int kSentencesOfParagraph = 5;

/// Grows the text rule by rule; every choice takes the next number of one counter-based stream.
class Writer {
  public:
    Writer(std::uint64_t seed, const Dictionary& words)
        : words_(words), key_{seed, stream_of(words.stream), 0} {}

    void paragraph() {
        for (int sentence_number = 0; sentence_number < kSentencesOfParagraph; ++sentence_number) {
            sentence();
            text_ += sentence_number + 1 < kSentencesOfParagraph ? ' ' : '\n';
        }
    }
    const std::string& text() const { return text_; }

  private:
    bool chance(float probability) {
        constexpr std::uint64_t kGrain = std::uint64_t{1} << 24;
        return static_cast<float>(random_below(key_, next_++, kGrain)) <
               probability * static_cast<float>(kGrain);
    }

    template <std::size_t N>
    void word(const std::array<std::string_view, N>& words) {
        text_ += words[random_below(key_, next_++, N)];
    }

    void noun_phrase() {
        text_ += chance(0.7f) ? words_.definite : words_.indefinite;
        text_ += ' ';
        if (chance(0.4f)) {
            word(words_.adjectives);
            text_ += ' ';
        }
        word(words_.nouns);
        if (!chance(0.2f)) return;
        text_ += ' ';
        word(words_.prepositions);
        text_ += ' ';
        text_ += words_.definite;
        text_ += ' ';
        word(words_.nouns);
    }

    void clause() {
        noun_phrase();
        text_ += ' ';
        if (chance(0.25f)) {
            word(words_.adverbs);
            text_ += ' ';
        }
        word(words_.verbs);
        text_ += ' ';
        noun_phrase();
    }

    void sentence() {
        clause();
        if (chance(0.3f)) {
            text_ += ", ";
            word(words_.links);
            text_ += ' ';
            clause();
        }
        text_ += '.';
    }

    const Dictionary& words_;
    RandomKey key_;
    std::uint64_t next_ = 0;
    std::string text_;
};

}  // namespace

std::string make_grammar_text(std::size_t bytes, std::uint64_t seed, GrammarWords words) {
    Writer writer(seed, words == GrammarWords::land ? kLand : kSea);
    while (writer.text().size() < bytes) writer.paragraph();
    return writer.text();
}

}  // namespace halfscope
