// Built-in text, files and the corpus made of either: every refusal names the file and says what to do.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/grammar_text.h"
#include "data/text_corpus.h"
#include "data/text_file.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

class TextFile : public TemporaryFolder {
  protected:
    /// The refusal's sentence; it must name the file.
    static std::string refusal_of(const std::string& file) {
        return refusal_naming(file, [&] { return read_text_file(file); });
    }
};

TEST_F(TextFile, IsReadByteByByte) {
    const std::string text = "gr\xC3\xBC\xC3\x9F\r\n\t" + std::string(2000, 'x');
    EXPECT_EQ(read_text_file(write("good.txt", text)), text);
    EXPECT_EQ(read_text_file(write("least.txt", std::string(kMinimumTextBytes, 'x'))).size(),
              kMinimumTextBytes);
}

TEST_F(TextFile, WhatIsNoUsableFileIsRefused) {
    EXPECT_SAYS(refusal_of(path("absent.txt")), "does not exist");
    EXPECT_SAYS(refusal_of(path("")), "is a folder");
    EXPECT_SAYS(refusal_of("/dev/null"), "is not a regular file");
    EXPECT_SAYS(refusal_of(write("empty.txt", "")), "is empty");
    EXPECT_SAYS(refusal_of(write("short.txt", std::string(kMinimumTextBytes - 1, 'x'))),
                "has only 1023 bytes");
    EXPECT_SAYS(refusal_of(write("file.txt", "x") + "/below"), "check the path");
}

TEST_F(TextFile, TooLargeIsRefusedUnread) {
    const std::string file = write("large.txt", "x");
    std::filesystem::resize_file(file, kMaximumTextBytes + (std::size_t{1} << 20));  // sparse: takes no space
    EXPECT_SAYS(refusal_of(file), "has 257 MiB, more than the 256 MiB");
}

TEST_F(TextFile, UnreadableIsRefused) {
    if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
    const std::string file = write("secret.txt", std::string(2000, 'x'));
    std::filesystem::permissions(file, std::filesystem::perms::none);
    EXPECT_SAYS(refusal_of(file), "cannot be opened");
}

TEST_F(TextFile, BinaryIsRefused) {
    EXPECT_SAYS(refusal_of(write("zero.bin", std::string(1500, 'x') + std::string(1, '\0') + "y")),
                "byte 1500 is zero");
    EXPECT_SAYS(refusal_of(write("control.bin", std::string(1400, 'x') + std::string(700, '\x01'))),
                "33% of its bytes are control codes");
    // 30% exactly is still taken.
    EXPECT_EQ(read_text_file(write("edge.txt", std::string(1400, 'x') + std::string(600, '\x01'))).size(),
              2000u);
}

TEST(GrammarText, IsDeterministicAndEndsWithAParagraph) {
    const std::string text = make_grammar_text(20000, 1);
    EXPECT_GE(text.size(), 20000u);
    EXPECT_LT(text.size(), 21000u);
    EXPECT_EQ(text.substr(text.size() - 2), ".\n");
    EXPECT_EQ(text, make_grammar_text(20000, 1));
    EXPECT_NE(text, make_grammar_text(20000, 2));
    EXPECT_EQ(text.compare(0, 5000, make_grammar_text(5000, 1), 0, 5000), 0);
}

TEST(GrammarText, WritesLowerCaseSentences) {
    const std::string text = make_grammar_text(50000, 0);
    for (char byte : text) {
        EXPECT_TRUE((byte >= 'a' && byte <= 'z') || byte == ' ' || byte == ',' || byte == '.' || byte == '\n')
            << byte;
    }
    EXPECT_EQ(text.find("  "), std::string::npos);
    EXPECT_NE(text.find(", because "), std::string::npos);
    const auto sentences = std::count(text.begin(), text.end(), '.');
    EXPECT_EQ(sentences, 5 * std::count(text.begin(), text.end(), '\n'));
}

/// The words of a text, without its punctuation.
std::set<std::string> words_of(const std::string& text) {
    std::set<std::string> words;
    std::string word;
    for (const char byte : text) {
        if (byte >= 'a' && byte <= 'z') {
            word += byte;
        } else if (!word.empty()) {
            words.insert(std::exchange(word, {}));
        }
    }
    return words;
}

TEST(GrammarText, TheSecondDictionaryHasTheSameLettersAndOtherWords) {
    const std::string land = make_grammar_text(100000, 0, GrammarWords::land);
    const std::string sea = make_grammar_text(100000, 0, GrammarWords::sea);
    EXPECT_EQ(land, make_grammar_text(100000, 0));
    EXPECT_EQ(std::set<char>(land.begin(), land.end()), std::set<char>(sea.begin(), sea.end()));
    const std::set<std::string> known = words_of(land), fresh = words_of(sea);
    EXPECT_EQ(known.size(), 58u);
    EXPECT_EQ(fresh.size(), 58u);
    std::vector<std::string> shared;
    std::set_intersection(known.begin(), known.end(), fresh.begin(), fresh.end(), std::back_inserter(shared));
    EXPECT_EQ(shared, (std::vector<std::string>{"a", "the"}));
}

TEST(TextCorpus, SharesItsVocabularyWithAnotherText) {
    const TextCorpus corpus = make_text_corpus("bbbbbbbbbbcc", "ad");
    EXPECT_EQ(corpus.vocabulary, (std::vector<unsigned char>{'a', 'b', 'c', 'd'}));
    EXPECT_EQ(corpus.train.size(), 11u);
    EXPECT_EQ(corpus.train.front(), 1);
    EXPECT_EQ(corpus.validation, (std::vector<std::uint8_t>{2}));
}

TEST(TextCorpus, SplitsOffTheLastTenthAndKeepsEveryByte) {
    const std::string text = "abcabcabca\xFFzzzzzzzz!";  // 20 bytes, the last two held out
    const TextCorpus corpus = make_text_corpus(text);
    EXPECT_EQ(corpus.vocabulary, (std::vector<unsigned char>{'!', 'a', 'b', 'c', 'z', 0xFF}));
    EXPECT_EQ(corpus.train.size(), 18u);
    EXPECT_EQ(corpus.validation, (std::vector<std::uint8_t>{4, 0}));
    std::string back;
    for (std::uint8_t token : corpus.train) back += static_cast<char>(corpus.vocabulary[token]);
    for (std::uint8_t token : corpus.validation) back += static_cast<char>(corpus.vocabulary[token]);
    EXPECT_EQ(back, text);
}

TEST(TextCorpus, HoldsAll256Bytes) {
    std::string text;
    for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
    const TextCorpus corpus = make_text_corpus(text);
    EXPECT_EQ(corpus.vocabulary.size(), 256u);
    EXPECT_EQ(corpus.validation.back(), 255);
}

}  // namespace
}  // namespace halfscope
