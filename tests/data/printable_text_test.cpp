#include "data/printable_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace halfscope {
namespace {

const std::string kLost(kReplacementCharacter);

TEST(PrintableLine, PlainTextAndUtf8Stay) {
    EXPECT_EQ(printable_line("the old man."), "the old man.");
    EXPECT_EQ(printable_line("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x99\x82"),
              "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x99\x82");
    EXPECT_EQ(printable_line(""), "");
}

TEST(PrintableLine, WhiteSpaceBecomesSpaces) { EXPECT_EQ(printable_line("a\nb\tc\r\nd"), "a b c  d"); }

TEST(PrintableLine, ControlCodesAreReplaced) {
    EXPECT_EQ(printable_line("a\x01"
                             "b\x7F"),
              "a" + kLost + "b" + kLost);
    EXPECT_EQ(printable_line(std::string_view("\0", 1)), kLost);
    EXPECT_EQ(printable_line("\xC2\x85"), kLost + kLost);  // U+0085, a C1 control
}

TEST(PrintableLine, BrokenUtf8IsReplacedByteByByte) {
    EXPECT_EQ(printable_line("\xC3"), kLost);                                      // cut off
    EXPECT_EQ(printable_line("\xC3("), kLost + "(");                               // wrong second byte
    EXPECT_EQ(printable_line("\xC0\xAF"), kLost + kLost);                          // overlong
    EXPECT_EQ(printable_line("\xE0\x80\xAF"), kLost + kLost + kLost);              // overlong
    EXPECT_EQ(printable_line("\xED\xA0\x80"), kLost + kLost + kLost);              // surrogate
    EXPECT_EQ(printable_line("\xF4\x90\x80\x80"), kLost + kLost + kLost + kLost);  // above U+10FFFF
    EXPECT_EQ(printable_line("\xFF"
                             "a"),
              kLost + "a");
}

TEST(PrintableLine, LongTextIsCutBetweenCharacters) {
    EXPECT_EQ(short_line("a\nb", 3), "a b");
    EXPECT_EQ(short_line("abcd", 3), "abc...");
    const std::string characters = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80";  // of 1, 2, 3 and 4 bytes
    const std::size_t ends[] = {0, 1, 3, 6, 10};
    for (std::size_t most = 0; most < characters.size(); ++most) {
        const std::size_t end = *(std::upper_bound(std::begin(ends), std::end(ends), most) - 1);
        EXPECT_EQ(short_line(characters, most), characters.substr(0, end) + "...") << most;
    }
    EXPECT_EQ(short_line(characters, characters.size()), characters);
}

TEST(PrintableLine, NamesAreQuotedAndCut) {
    EXPECT_EQ(quoted_name("fc1.weight"), "'fc1.weight'");
    EXPECT_EQ(quoted_name("two\nlines\x01"), "'two lines" + kLost + "'");
    EXPECT_EQ(short_name(std::string(80, 'n')), std::string(80, 'n'));
    EXPECT_EQ(short_name(std::string(81, 'n')), std::string(80, 'n') + "...");
    // Not within a character.
    EXPECT_EQ(short_name(std::string(79, 'n') + "\xC3\xBC\xC3\xBC"), std::string(79, 'n') + "...");
}

}  // namespace
}  // namespace halfscope
