// The distributions drawn from Philox, beyond their moments: evenness, tails, independence of neighbours.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "numerics/random.h"

namespace halfscope {
namespace {

constexpr double kSigmas = 5.0;

/// Sum of (observed - expected)^2 / expected over bins that should be equally full.
template <std::size_t N>
double chi_squared(const std::array<int, N>& bins, int count) {
    const double expected = static_cast<double>(count) / N;
    double sum = 0.0;
    for (const int bin : bins) sum += (bin - expected) * (bin - expected) / expected;
    return sum;
}

TEST(UniformDistribution, FillsEqualPartsEquallyInPairsToo) {
    const RandomKey key{5, stream_of("uniform"), 0};
    constexpr int kPairs = 200'000;
    std::array<int, 64> squares{};
    for (std::uint64_t i = 0; i < kPairs; ++i) {
        const float x = uniform(key, 2 * i), y = uniform(key, 2 * i + 1);
        ASSERT_EQ(x * 0x1p24f, std::floor(x * 0x1p24f));
        ++squares[static_cast<std::size_t>(x * 8.0f) * 8 + static_cast<std::size_t>(y * 8.0f)];
    }
    // 63 degrees of freedom: one in 10^5 lies beyond 118, one in 10^5 below 25.
    EXPECT_LT(chi_squared(squares, kPairs), 118.0);
    EXPECT_GT(chi_squared(squares, kPairs), 25.0);
}

TEST(NormalDistribution, PutsTheRightShareInTheTails) {
    const RandomKey key{12, stream_of("tails"), 0};
    constexpr int kCount = 400'000;
    std::array<int, 4> beyond{};
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const float x = std::fabs(normal(key, i));
        for (std::size_t sigmas = 1; sigmas <= beyond.size(); ++sigmas)
            beyond[sigmas - 1] += x > static_cast<float>(sigmas) ? 1 : 0;
    }
    for (std::size_t sigmas = 1; sigmas <= beyond.size(); ++sigmas) {
        const double share = std::erfc(static_cast<double>(sigmas) / std::sqrt(2.0));
        EXPECT_NEAR(static_cast<double>(beyond[sigmas - 1]) / kCount, share,
                    kSigmas * std::sqrt(share * (1 - share) / kCount))
            << "beyond " << sigmas;
    }
}

// Numbers that share a block of random bits must not show it.
TEST(NormalDistribution, NeighboursAreIndependent) {
    const RandomKey key{13, stream_of("neighbours"), 0};
    constexpr int kCount = 300'000;
    for (const std::uint64_t distance : {1u, 2u, 3u, 4u}) {
        double product = 0.0, product_of_squares = 0.0;
        for (std::uint64_t i = 0; i < kCount; ++i) {
            const double x = normal(key, i), y = normal(key, i + distance);
            product += x * y;
            product_of_squares += (x * x - 1) * (y * y - 1);
        }
        // Terms of variance 1 and 4; each number enters twice, which adds covariance of the same size at
        // most.
        EXPECT_NEAR(product / kCount, 0.0, kSigmas * std::sqrt(2.0 / kCount)) << distance;
        EXPECT_NEAR(product_of_squares / kCount, 0.0, kSigmas * std::sqrt(8.0 / kCount)) << distance;
    }
}

TEST(RandomBelowDistribution, IsEvenForASmallRange) {
    const RandomKey key{14, stream_of("die"), 0};
    constexpr int kCount = 300'000;
    std::array<int, 6> sides{};
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const std::uint64_t side = random_below(key, i, sides.size());
        ASSERT_LT(side, sides.size());
        ++sides[side];
    }
    EXPECT_LT(chi_squared(sides, kCount), 30.9);  // 5 degrees of freedom: one in 10^5
}

}  // namespace
}  // namespace halfscope
