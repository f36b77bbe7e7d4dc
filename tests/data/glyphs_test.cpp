// Drawn digits: the same bits everywhere, every class, centred and legible, and no two alike.
#include "data/glyphs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace halfscope {
namespace {

constexpr int kSide = 20;
constexpr std::size_t kArea = kSide * kSide;

/// 64-bit FNV-1a of the pixels' bits.
std::uint64_t hash_of(const std::vector<float>& pixels) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (float pixel : pixels) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &pixel, sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >> shift & 0xFFu)) * 0x100000001b3u;
    }
    return hash;
}

/// The mean picture of each digit over many.
std::array<std::vector<double>, 10> means_of(const ImageSet& set) {
    std::array<std::vector<double>, 10> means;
    for (auto& mean : means) mean.resize(kArea);
    for (std::size_t i = 0; i < static_cast<std::size_t>(set.count); ++i) {
        for (std::size_t p = 0; p < kArea; ++p) {
            means[i % 10][p] +=
                static_cast<double>(set.pixels[i * kArea + p]) * 10 / static_cast<double>(set.count);
        }
    }
    return means;
}

TEST(Glyphs, HaveTheseBitsOnEveryMachine) {
    EXPECT_EQ(hash_of(make_glyphs(200, kSide, 7, "train").pixels), 16392228136820899861u);
    EXPECT_EQ(hash_of(make_glyphs(50, 28, 0, "validation").pixels), 17150660161231691464u);
}

TEST(Glyphs, ArePureFunctionsOfSeedPurposeAndIndex) {
    const ImageSet set = make_glyphs(100, kSide, 7, "train");
    EXPECT_EQ(set.pixels, make_glyphs(100, kSide, 7, "train").pixels);
    EXPECT_NE(set.pixels, make_glyphs(100, kSide, 8, "train").pixels);
    EXPECT_NE(set.pixels, make_glyphs(100, kSide, 7, "validation").pixels);
    const ImageSet longer = make_glyphs(130, kSide, 7, "train");
    EXPECT_TRUE(std::equal(set.pixels.begin(), set.pixels.end(), longer.pixels.begin()));
}

TEST(Glyphs, FillTheSetAndEveryClass) {
    const ImageSet set = make_glyphs(205, 16, 1, "train");
    EXPECT_EQ(set.count, 205);
    EXPECT_EQ(set.channels, 1);
    EXPECT_EQ(set.height, 16);
    EXPECT_EQ(set.width, 16);
    EXPECT_EQ(set.note, "");
    EXPECT_EQ(set.pixels.size(), 205u * 16 * 16);
    ASSERT_EQ(set.labels.size(), 205u);
    for (std::size_t i = 0; i < 205; ++i) EXPECT_EQ(set.labels[i], static_cast<int>(i % 10));
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
    EXPECT_GE(*std::min_element(set.pixels.begin(), set.pixels.end()), 0.0f);
    EXPECT_LE(*std::max_element(set.pixels.begin(), set.pixels.end()), 1.0f);
    EXPECT_EQ(make_glyphs(0, 16, 1, "train").pixels.size(), 0u);
}

TEST(Glyphs, StandInTheMiddleAndClearOfTheEdge) {
    const auto means = means_of(make_glyphs(3000, kSide, 2, "train"));
    for (std::size_t digit = 0; digit < 10; ++digit) {
        const double ground = *std::min_element(means[digit].begin(), means[digit].end());
        double mass = 0, along_x = 0, along_y = 0, edge = 0;
        for (std::size_t p = 0; p < kArea; ++p) {
            const double light = means[digit][p] - ground;
            const auto x = static_cast<double>(p % kSide), y = static_cast<double>(p / kSide);
            mass += light;
            along_x += light * (x + 0.5);
            along_y += light * (y + 0.5);
            if (x == 0 || y == 0 || x == kSide - 1 || y == kSide - 1) edge += light;
        }
        EXPECT_NEAR(along_x / mass, 10.0, 1.2) << digit;
        EXPECT_NEAR(along_y / mass, 10.0, 2.2) << digit;  // a 7 is heavy at the top
        EXPECT_LT(edge / mass, 0.05) << digit;
        EXPECT_GT(mass, 15.0) << digit;
    }
}

TEST(Glyphs, AreHardForANearestMeanButNotHopeless) {
    const auto means = means_of(make_glyphs(3000, kSide, 0, "train"));
    const ImageSet set = make_glyphs(1000, kSide, 0, "validation");
    int right = 0;
    for (std::size_t i = 0; i < 1000; ++i) {
        std::array<double, 10> likeness{};
        for (std::size_t digit = 0; digit < 10; ++digit) {
            double dot = 0, square = 0, sum = 0;
            for (std::size_t p = 0; p < kArea; ++p) sum += means[digit][p];
            for (std::size_t p = 0; p < kArea; ++p) {
                const double centred = means[digit][p] - sum / kArea;
                dot += centred * static_cast<double>(set.pixels[i * kArea + p]);
                square += centred * centred;
            }
            likeness[digit] = dot / std::sqrt(square);
        }
        const auto best = std::max_element(likeness.begin(), likeness.end()) - likeness.begin();
        right += best == set.labels[i] ? 1 : 0;
    }
    // A linear rule without learning: far above chance, far from what a network reaches.
    EXPECT_GT(right, 500);
    EXPECT_LT(right, 930);
}

TEST(Glyphs, NoTwoAreAlike) {
    const ImageSet set = make_glyphs(400, kSide, 3, "train");
    for (std::size_t i = 10; i < 400; ++i) {
        double difference = 0;
        for (std::size_t p = 0; p < kArea; ++p) {
            difference += std::abs(static_cast<double>(set.pixels[i * kArea + p]) -
                                   static_cast<double>(set.pixels[(i - 10) * kArea + p]));
        }
        EXPECT_GT(difference / kArea, 0.02) << i;
    }
}

}  // namespace
}  // namespace halfscope
