#include "data/grammar_text.h"

#include <array>
#include <string_view>

#include "numerics/random.h"

namespace halfscope {
namespace {

constexpr std::array<std::string_view, 16> kNouns{
    "farmer",  "river",   "teacher", "garden",  "horse",    "window", "soldier", "stone",
    "painter", "kitchen", "bird",    "captain", "mountain", "child",  "letter",  "engine"};
constexpr std::array<std::string_view, 12> kAdjectives{"old",    "quiet", "bright", "narrow",
                                                       "heavy",  "small", "gentle", "dark",
                                                       "broken", "warm",  "young",  "strange"};
constexpr std::array<std::string_view, 12> kVerbs{"watches", "follows", "carries", "remembers",
                                                  "paints",  "visits",  "finds",   "calls",
                                                  "leaves",  "answers", "holds",   "knows"};
constexpr std::array<std::string_view, 6> kAdverbs{"slowly", "often", "never", "always", "quickly", "again"};
constexpr std::array<std::string_view, 6> kPrepositions{"near",   "behind",  "under",
                                                        "beyond", "without", "beside"};
constexpr std::array<std::string_view, 4> kLinks{"and", "but", "because", "while"};
constexpr int kSentencesOfParagraph = 5;

/// Grows the text rule by rule; every choice takes the next number of one counter-based stream.
class Writer {
  public:
    explicit Writer(std::uint64_t seed) : key_{seed, stream_of("grammar_text"), 0} {}

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
        text_ += chance(0.7f) ? "the " : "a ";
        if (chance(0.4f)) {
            word(kAdjectives);
            text_ += ' ';
        }
        word(kNouns);
        if (!chance(0.2f)) return;
        text_ += ' ';
        word(kPrepositions);
        text_ += " the ";
        word(kNouns);
    }

    void clause() {
        noun_phrase();
        text_ += ' ';
        if (chance(0.25f)) {
            word(kAdverbs);
            text_ += ' ';
        }
        word(kVerbs);
        text_ += ' ';
        noun_phrase();
    }

    void sentence() {
        clause();
        if (chance(0.3f)) {
            text_ += ", ";
            word(kLinks);
            text_ += ' ';
            clause();
        }
        text_ += '.';
    }

    RandomKey key_;
    std::uint64_t next_ = 0;
    std::string text_;
};

}  // namespace

std::string make_grammar_text(std::size_t bytes, std::uint64_t seed) {
    Writer writer(seed);
    while (writer.text().size() < bytes) writer.paragraph();
    return writer.text();
}

}  // namespace halfscope
