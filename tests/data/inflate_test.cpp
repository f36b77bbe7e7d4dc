#include "data/inflate.h"

#include <gtest/gtest.h>

#include "support/file_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

TEST(Inflate, KnowsGzipByItsFirstBytes) {
    EXPECT_TRUE(is_gzip("\x1F\x8B\x08"));
    EXPECT_FALSE(is_gzip("\x1F"));
    EXPECT_FALSE(is_gzip(""));
}

#ifdef HALFSCOPE_HAS_ZLIB
/// Bytes that deflate cannot make much smaller.
std::string noise(std::size_t bytes) {
    std::string text;
    std::uint32_t state = 1;
    while (text.size() < bytes) {
        state = state * 1664525u + 1013904223u;
        text += static_cast<char>(state >> 24);
    }
    return text;
}

TEST(Inflate, GivesBackWhatWasPacked) {
    for (std::size_t bytes : {0u, 1u, 65535u, 65536u, 65537u, 300000u}) {
        const std::string text = noise(bytes);
        EXPECT_TRUE(unpack_gzip(samples::packed(text), "x.gz", bytes) == text) << bytes;
    }
}

TEST(Inflate, StopsOneByteBehindTheLimit) {
    const std::string text = noise(300000), file = samples::packed(text);
    EXPECT_EQ(unpack_gzip(file, "x.gz", 10), text.substr(0, 11));
    EXPECT_EQ(unpack_gzip(file, "x.gz", 299999).size(), 300000u);
    // Nor does it read on: what is missing behind the limit is not missed.
    EXPECT_EQ(unpack_gzip(file.substr(0, file.size() / 2), "x.gz", 10), text.substr(0, 11));
    EXPECT_SAYS(refusal_naming("x.gz", [&] { return unpack_gzip(file.substr(0, 1000), "x.gz", 300000); }),
                "ends too early, after 1000 bytes");
}

TEST(Inflate, StreamsAreJudgedPieceByPiece) {
    const std::string text = noise(200000), stream = samples::packed(text, 15);
    const auto state_of = [](const std::string& bytes, std::size_t piece, std::uint64_t limit) {
        StreamCheck check(limit);
        for (std::size_t at = 0; at < bytes.size(); at += piece) check.feed(bytes.substr(at, piece));
        return check.state();
    };
    for (std::size_t piece : {std::size_t{1}, std::size_t{8192}, stream.size()}) {
        EXPECT_EQ(state_of(stream, piece, 200000), StreamState::complete) << piece;
        EXPECT_EQ(state_of(stream + "more", piece, 200000), StreamState::complete) << piece;
        EXPECT_EQ(state_of(stream, piece, 199999), StreamState::too_large) << piece;
        EXPECT_EQ(state_of(stream.substr(0, stream.size() - 1), piece, 200000), StreamState::incomplete);
        std::string damaged = stream;
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        EXPECT_EQ(state_of(damaged, piece, 200000), StreamState::damaged) << piece;
    }
}
#endif

}  // namespace
}  // namespace halfscope
