// Stochastic rounding: one of the two neighbours, as often as the discarded fraction says, exact values
// untouched.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics/random.h"
#include "numerics/rounding.h"
#include "oracle.h"

namespace halfscope {
namespace {

using oracle::bits;
using oracle::kLayouts;
using oracle::Layout;
using oracle::Table;

/// How many of 2^log2_draws evenly spaced random words round `x` away from zero.
int count_ups(Format format, float x, int log2_draws) {
    int ups = 0;
    for (std::uint32_t i = 0; i < (1u << log2_draws); ++i) {
        ups += std::fabs(round_stochastic(format, x, i << (32 - log2_draws))) > std::fabs(x);
    }
    return ups;
}

TEST(StochasticRounding, ProbabilityIsExactlyTheDiscardedFraction) {
    for (const Layout& layout : kLayouts) {
        for (const float base : {1.0f, 0x1.8p-3f, -6.0f, format_info(layout.format).min_normal,
                                 format_info(layout.format).min_subnormal, 0.0f}) {
            const float spacing = ulp(layout.format, base);
            for (const int eighths : {0, 1, 3, 4, 7}) {
                const float fraction = static_cast<float>(eighths) / 8.0f * spacing;
                const float x = base + std::copysign(fraction, base);
                EXPECT_EQ(count_ups(layout.format, x, 12), eighths * 512)
                    << format_info(layout.format).name << ' ' << std::hexfloat << x;
            }
        }
    }
}

TEST(StochasticRounding, EveryFp16FractionInANormalBinade) {
    // 13 bits are dropped: all 2^13 fractions, each against 2^13 random words.
    for (std::uint32_t dropped = 0; dropped < 8192; dropped += 61) {
        EXPECT_EQ(count_ups(Format::fp16, float_of(0x3f800000u + dropped), 13), static_cast<int>(dropped));
    }
}

TEST(StochasticRounding, NumbersOfTheFormatAreUntouched) {
    for (const Layout& layout : kLayouts) {
        const Table table(layout);
        for (std::size_t code = 0; code < table.size(); ++code) {
            const float x = static_cast<float>(table.value(code));
            for (const std::uint32_t random : {0u, 0x80000000u, 0xffffffffu}) {
                ASSERT_EQ(bits(round_stochastic(layout.format, x, random)), bits(x));
                ASSERT_EQ(bits(round_stochastic(layout.format, -x, random)), bits(-x));
            }
        }
    }
}

TEST(StochasticRounding, NeverLeavesTheTwoNeighbours) {
    const std::vector<float> values = oracle::random_bit_patterns(300000, 8);
    for (const Layout& layout : kLayouts) {
        const FormatInfo info = format_info(layout.format);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const float x = values[i];
            const float result = round_stochastic(layout.format, x, random_word({5, 6, 7}, i));
            ASSERT_EQ(std::isnan(result), std::isnan(x)) << std::hexfloat << x;
            ASSERT_EQ(std::signbit(result), std::signbit(x)) << std::hexfloat << x;
            if (std::isnan(x)) continue;
            if (std::fabs(x) > info.max) {
                ASSERT_TRUE(std::isinf(result) || std::fabs(result) == info.max) << std::hexfloat << x;
                ASSERT_FALSE(std::isinf(result) && !info.has_infinity);
            } else {
                ASSERT_LT(std::fabs(static_cast<double>(result) - x), ulp(layout.format, x))
                    << std::hexfloat << x;
                ASSERT_EQ(bits(round_to(layout.format, result)), bits(result)) << std::hexfloat << x;
            }
        }
    }
}

TEST(StochasticRounding, MeanIsUnbiasedWithinFiveSigma) {
    constexpr int kDraws = 200000;
    std::uint32_t stream = 0;
    for (const Layout& layout : kLayouts) {
        for (const float x : {1.000037f, -0.333333f, 3.3e-5f, 7.77e-7f, 2e-8f}) {
            const double spacing = ulp(layout.format, x);
            const double in_ulps = std::fabs(static_cast<double>(x)) / spacing;
            const double fraction = in_ulps - std::floor(in_ulps);
            double sum = 0;
            for (int i = 0; i < kDraws; ++i) {
                sum += round_stochastic(layout.format, x,
                                        random_word({9, stream, 1}, static_cast<std::uint64_t>(i)));
            }
            ++stream;
            const double sigma = spacing * std::sqrt(fraction * (1 - fraction) / kDraws);
            EXPECT_NEAR(sum / kDraws, x, 5 * sigma + 1e-12 * spacing)
                << format_info(layout.format).name << ' ' << x;
        }
    }
}

TEST(StochasticRounding, LastIntervalGoesToInfinityByTheSameRule) {
    int infinities = 0;
    for (std::uint32_t i = 0; i < 256; ++i) {
        const float result = round_stochastic(Format::fp16, 65504.0f + 8.0f, i << 24);
        infinities += std::isinf(result);
        ASSERT_TRUE(std::isinf(result) || result == 65504.0f);
    }
    EXPECT_EQ(infinities, 64);  // 8 of an ulp of 32
    EXPECT_EQ(round_stochastic(Format::fp16, -65536.0f, 0), -INFINITY);
    EXPECT_EQ(round_stochastic(Format::fp16, 1e30f, 0), INFINITY);
    EXPECT_EQ(round_stochastic(Format::e4m3, 479.0f, 0xffffffffu), 448.0f);
    EXPECT_EQ(round_stochastic(Format::e4m3, -1e30f, 0), -448.0f);
    EXPECT_EQ(round_stochastic(Format::bf16, std::numeric_limits<float>::max(), 0xffffffffu), INFINITY);
}

TEST(StochasticRounding, TinyValuesMostlyVanishAndFlushTakesAllSubnormals) {
    EXPECT_EQ(round_stochastic(Format::fp16, 0x1p-100f, 0xffffffffu), 0.0f);  // chance 2^-76, cut at 2^-32
    EXPECT_EQ(round_stochastic(Format::fp16, 0x1p-56f, 0xffffffffu), 0x1p-24f);
    EXPECT_EQ(round_stochastic(Format::fp16, 0x1p-56f, 0xfffffffeu), 0.0f);
    EXPECT_EQ(round_stochastic(Format::fp16, 0x1p-149f, 0xffffffffu), 0.0f);
    EXPECT_EQ(bits(round_stochastic(Format::fp16, -0x1.8p-24f, 0xffffffffu, Subnormals::flush)), 0x80000000u);
    EXPECT_EQ(round_stochastic(Format::fp16, 1.0f + 0x1p-11f, 0x80000000u, Subnormals::flush),
              1.0f + 0x1p-10f);
}

}  // namespace
}  // namespace halfscope
