// Single pictures in memory: what stb would trust is looked at first.
#include "data/picture.h"

#include <gtest/gtest.h>

#include "data/picture_header.h"
#include "support/file_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

#ifdef HALFSCOPE_HAS_STB
using samples::jpeg;
using samples::plain;
using samples::png;

std::string refusal_of(const std::string& bytes, std::int64_t pixels = kMaximumPicturePixels) {
    return refusal_naming("x.jpg", [&] { return decode_picture(bytes, "x.jpg", pixels); });
}

/// The file with the bytes behind its first `marker` changed.
std::string with_segment(std::string bytes, char marker, std::size_t offset, const std::string& change) {
    const std::size_t start = bytes.find(std::string("\xFF") + marker);
    EXPECT_NE(start, std::string::npos);
    return bytes.replace(start + offset, change.size(), change);
}

/// The file without its segments of that kind.
std::string without_segments(std::string bytes, char marker) {
    const std::string start = std::string("\xFF") + marker;
    for (std::size_t at = bytes.find(start); at != std::string::npos; at = bytes.find(start)) {
        bytes.erase(at, 2 + big_endian_at(bytes, at + 2, 2));
    }
    return bytes;
}

const std::string& photo() {
    static const std::string file = jpeg(20, 30, 3, plain(20, 30, {200, 100, 50}));
    return file;
}

TEST(DecodePicture, GivesColoursBack) {
    const Picture exact = decode_picture(png(2, 1, 3, {1, 2, 3, 4, 5, 6}), "x.png");
    EXPECT_EQ(exact.rgb, (std::vector<unsigned char>{1, 2, 3, 4, 5, 6}));
    EXPECT_FALSE(exact.is_grey);
    const Picture picture = decode_picture(photo(), "x.jpg");
    EXPECT_EQ(picture.width, 20);
    EXPECT_EQ(picture.height, 30);
    EXPECT_FALSE(picture.had_transparency);
    EXPECT_NEAR(picture.rgb[0], 200, 3);
    EXPECT_NEAR(picture.rgb[1], 100, 3);
    EXPECT_NEAR(picture.rgb[2], 50, 3);
    EXPECT_TRUE(decode_picture(jpeg(20, 30, 1, plain(20, 30, {77})), "x.jpg").is_grey);
}

TEST(DecodePicture, LimitsComeBeforeDecoding) {
    const std::string small = png(30, 20, 1, plain(30, 20, {9}));
    EXPECT_EQ(decode_picture(small, "x.jpg", 600).rgb.size(), 1800u);
    EXPECT_SAYS(refusal_of(small, 599), "has 30x20 pixels, more than 599 in all");
    const auto with_extents = [&](std::uint32_t width, std::uint32_t height) {
        std::string bytes = small;
        return bytes.replace(16, 8, samples::big_endian(width) + samples::big_endian(height));
    };
    EXPECT_SAYS(refusal_of(with_extents(0, 1)), "has 0x1 pixels;");
    EXPECT_SAYS(refusal_of(with_extents(16385, 1)), "has 16385x1 pixels, more than 16384 a side");
    EXPECT_SAYS(refusal_of(with_extents(0xFFFFFFFF, 0xFFFFFFFF)), "more than 16384 a side");
    EXPECT_SAYS(refusal_of(with_extents(16384, 16384)), "more than 67108864 in all");
    EXPECT_SAYS(refusal_of(with_extents(8192, 8192)), "declares 8192x8192 pixels but has only");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC0', 5, "\xFF\xFF\xFF\xFF")),
                "has 65535x65535 pixels, more than 16384 a side");
}

TEST(DecodePicture, TablesOfAJpegMustBeDefinedAndWellFormed) {
    EXPECT_SAYS(refusal_of(without_segments(photo(), '\xC4')), "a scan before its Huffman table at byte");
    // The luminance's tables under another number, for the first coefficient and for the rest.
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC4', 4, "\x03")), "a scan before its Huffman table");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC4', 33, "\x13")), "a scan before its Huffman table");
    EXPECT_SAYS(refusal_of(without_segments(photo(), '\xDB')), "a scan before its quantization table");
    EXPECT_SAYS(refusal_of(without_segments(photo(), '\xC0')), "a scan before its frame");
    // 255 codes of each length: a table of 4080, of which the decoder has room for 256.
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC4', 5, std::string(16, '\xFF'))),
                "too many codes of one length");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC4', 4, "\x07")),
                "Huffman table with an impossible number");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC4', 21, "\x10")), "a value out of range");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC0', 11, "\x30")), "channels of impossible sizes");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC0', 9, "\x02")), "an impossible number of channels");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xC0', 1, "\xC9")), "a rare kind of JPEG");
    EXPECT_SAYS(refusal_of(with_segment(photo(), '\xDA', 5, "\x09")), "a scan of no component");
}

TEST(DecodePicture, EveryComponentOfAJpegHasAScan) {
    std::string bytes = photo();
    const std::size_t scan = bytes.find("\xFF\xDA");
    bytes.replace(scan, 14, std::string("\xFF\xDA\0\x08\x01\x01\0\0\x3F\0", 10));  // of the first alone
    EXPECT_SAYS(refusal_of(bytes), "an end before the scan of a component");
}

TEST(DecodePicture, SentencesStayOnOneLine) {
    // stb quotes the name of a critical chunk that it does not know.
    std::string bytes = png(4, 4, 1, plain(4, 4, {9}));
    const std::string chunk("\0\0\0\0A\nB\x01\0\0\0\0", 12);
    bytes.insert(bytes.find("IDAT") - 4, chunk);
    EXPECT_SAYS(refusal_of(bytes), "cannot be decoded (");  // refusal_naming looks for line breaks
}

#ifdef HALFSCOPE_HAS_ZLIB
TEST(DecodePicture, PixelsOfAPngMustBeWholeAndNoMoreThanNeeded) {
    const std::string rows(5 * 5, '\0');
    EXPECT_TRUE(decode_picture(samples::png_around({4, 5}, "", rows), "x.png").is_grey);
    const std::string bomb = samples::png_around({4, 5}, "", std::string(std::size_t{64} << 20, '\0'));
    EXPECT_SAYS(refusal_of(bomb), "unpacks to more than its 4x5 pixels need");
    std::string damaged = samples::png_around({4, 5}, "", rows);
    damaged[damaged.find("IEND") - 9] ^= 1;  // the checksum of the pixels, which stb does not look at
    EXPECT_SAYS(refusal_of(damaged), "pixels that are damaged or cut off");
    EXPECT_SAYS(refusal_of(samples::png_around({4, 5}, "", rows.substr(1))), "cannot be decoded (");
}
#endif
#endif

}  // namespace
}  // namespace halfscope
