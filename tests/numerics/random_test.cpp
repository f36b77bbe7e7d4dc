// Philox against its authors' vectors, and the distributions made from it.
#include "numerics/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace halfscope {
namespace {

void expect_block(RandomKey key, std::uint64_t counter, std::vector<std::uint32_t> expected) {
    const RandomBits block = random_bits(key, counter);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(block.v[i], expected[i]) << "word " << i;
}

// kat_vectors of the Random123 distribution, philox4x32 with 10 rounds.
TEST(Philox, KnownAnswers) {
    expect_block({0, 0, 0}, 0, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
    expect_block({~std::uint64_t{0}, 0xffffffffu, 0xffffffffu}, ~std::uint64_t{0},
                 {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
    expect_block({0x299f31d0a4093822u, 0x13198a2eu, 0x03707344u}, 0x85a308d3243f6a88u,
                 {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
}

TEST(Philox, WordsAreTheBlocksInOrder) {
    const RandomKey key{11, 12, 13};
    for (std::uint64_t index = 0; index < 64; ++index) {
        ASSERT_EQ(random_word(key, index), random_bits(key, index / 4).v[index % 4]);
        ASSERT_EQ(uniform(key, index), std::ldexp(static_cast<float>(random_word(key, index) >> 8), -24));
    }
}

TEST(Philox, EveryPartOfTheKeyMatters) {
    std::set<std::uint32_t> words;
    for (const RandomKey key : {RandomKey{1, 1, 1}, RandomKey{2, 1, 1}, RandomKey{1, 2, 1},
                                RandomKey{1, 1, 2}, RandomKey{1ull << 32, 1, 1}}) {
        words.insert(random_word(key, 0));
        words.insert(random_word(key, std::uint64_t{1} << 40));
    }
    EXPECT_EQ(words.size(), 10u);
}

TEST(Random, StreamsAreFnv1aOfTheirNames) {
    EXPECT_EQ(stream_of(""), 0x811c9dc5u);
    EXPECT_EQ(stream_of("a"), 0xe40c292cu);
    EXPECT_EQ(stream_of("foobar"), 0xbf9cf968u);
}

TEST(Random, UniformFillsItsInterval) {
    constexpr int kDraws = 400000;
    double sum = 0, squares = 0;
    int bins[16] = {};
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const float u = uniform({3, stream_of("uniform"), 0}, i);
        ASSERT_GE(u, 0.0f);
        ASSERT_LT(u, 1.0f);
        sum += u;
        squares += static_cast<double>(u) * u;
        ++bins[static_cast<int>(u * 16.0f)];
        const float ranged = uniform({3, stream_of("uniform"), 0}, i, -0.5f, 0.25f);
        ASSERT_GE(ranged, -0.5f);
        ASSERT_LE(ranged, 0.25f);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
    EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
    for (const int bin : bins) EXPECT_NEAR(bin, kDraws / 16.0, 5 * std::sqrt(kDraws / 16.0));
}

TEST(Random, NormalHasTheMomentsOfTheNormalDistribution) {
    constexpr int kDraws = 1000000;
    double powers[5] = {};
    double neighbours = 0, previous = 0;
    int beyond_two = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const double x = normal({4, stream_of("normal"), 0}, i);
        ASSERT_LT(std::fabs(x), 6.8);
        double power = 1;
        for (double& sum : powers) sum += power, power *= x;
        beyond_two += std::fabs(x) > 2.0;
        neighbours += x * previous;  // indices 2j and 2j+1 share a radius, and must not correlate
        previous = x;
    }
    const double n = kDraws, sigma = 1 / std::sqrt(n);
    EXPECT_NEAR(powers[1] / n, 0.0, 5 * sigma);
    EXPECT_NEAR(powers[2] / n, 1.0, 5 * std::sqrt(2.0) * sigma);
    EXPECT_NEAR(powers[3] / n, 0.0, 5 * std::sqrt(15.0) * sigma);
    EXPECT_NEAR(powers[4] / n, 3.0, 5 * std::sqrt(96.0) * sigma);
    EXPECT_NEAR(beyond_two / n, 0.0455003, 5 * std::sqrt(0.0455 * 0.9545) * sigma);
    EXPECT_NEAR(neighbours / n, 0.0, 5 * sigma);
}

TEST(Random, BelowIsTheUpperHalfOfTheProduct) {
    __extension__ using Wide = unsigned __int128;
    const RandomKey key{5, 6, 7};
    for (std::uint64_t index = 0; index < 2000; ++index) {
        const RandomBits block = random_bits(key, index / 2);
        const std::uint64_t word =
            (static_cast<std::uint64_t>(block.v[index % 2 * 2 + 1]) << 32) | block.v[index % 2 * 2];
        for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{10}, std::uint64_t{0xffffffff},
                                      std::uint64_t{0x123456789abcdef}, ~std::uint64_t{0}}) {
            const auto expected = static_cast<std::uint64_t>(static_cast<Wide>(word) * n >> 64);
            ASSERT_EQ(random_below(key, index, n), expected);
            ASSERT_LT(expected, n);
        }
    }
    int bins[10] = {};
    for (std::uint64_t index = 0; index < 100000; ++index) ++bins[random_below(key, index, 10)];
    for (const int bin : bins) EXPECT_NEAR(bin, 10000, 500);
}

}  // namespace
}  // namespace halfscope
