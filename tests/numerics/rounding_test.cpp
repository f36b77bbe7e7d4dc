// Rounding to nearest even, against the slow oracle and against the boundary facts that Halfscope teaches.
#include "numerics/rounding.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oracle.h"

namespace halfscope {
namespace {

using oracle::bits;
using oracle::kLayouts;
using oracle::Layout;
using oracle::Table;

void expect_as_oracle(const Table& table, const std::vector<float>& values) {
    const Format format = table.layout().format;
    for (const float x : values) {
        const float rounded = round_to(format, x);
        if (std::isnan(x)) {
            ASSERT_TRUE(std::isnan(rounded)) << std::hex << bits(x);
            ASSERT_EQ(std::signbit(rounded), std::signbit(x)) << std::hex << bits(x);
        } else {
            const float expected = static_cast<float>(table.round(static_cast<double>(x)));
            ASSERT_EQ(bits(rounded), bits(expected))
                << format_info(format).name << " of " << std::hexfloat << x;
        }
        ASSERT_EQ(bits(decode(format, encode(format, x))), bits(rounded)) << std::hex << bits(x);
    }
}

TEST(Rounding, EveryTieAndItsNeighbours) {
    for (const Layout& layout : kLayouts) {
        const Table table(layout);
        expect_as_oracle(table, oracle::critical_values(table));
    }
}

TEST(Rounding, RandomBitPatterns) {
    const std::vector<float> values = oracle::random_bit_patterns(2000000, 1);
    for (const Layout& layout : kLayouts) expect_as_oracle(Table(layout), values);
}

TEST(Rounding, NanKeepsSignAndTheUpperPayload) {
    EXPECT_EQ(encode_fp16(float_of(0x7fc00000u)), 0x7e00);
    EXPECT_EQ(encode_fp16(float_of(0xffc00000u)), 0xfe00);
    EXPECT_EQ(encode_fp16(float_of(0x7f800001u)), 0x7e00);  // signalling, payload below what FP16 keeps
    EXPECT_EQ(encode_fp16(float_of(0xffbfffffu)), 0xffff);
    EXPECT_EQ(encode_bf16(float_of(0x7f800001u)), 0x7fc0);
    EXPECT_EQ(encode_bf16(float_of(0xffff0000u)), 0xffff);
    EXPECT_EQ(encode(Format::e4m3, float_of(0x7f800001u)), 0x7fu);
    EXPECT_EQ(encode(Format::e4m3, float_of(0xffc00000u)), 0xffu);
    EXPECT_EQ(encode(Format::e5m2, float_of(0x7fc00000u)), 0x7eu);
}

TEST(Rounding, FlushTurnsRoundedSubnormalsIntoSignedZeros) {
    for (const Layout& layout : kLayouts) {
        const Table table(layout);
        for (const float x : oracle::critical_values(table)) {
            const float kept = round_to(layout.format, x);
            const bool is_subnormal = std::fabs(kept) < table.min_normal();
            const float expected = is_subnormal ? std::copysign(0.0f, x) : kept;
            ASSERT_EQ(bits(round_to(layout.format, x, Subnormals::flush)), bits(expected))
                << std::hexfloat << x;
            ASSERT_EQ(bits(decode(layout.format, encode(layout.format, x, Subnormals::flush))),
                      bits(expected));
        }
    }
    EXPECT_TRUE(std::isnan(round_to(Format::fp16, NAN, Subnormals::flush)));
}

TEST(Rounding, UlpIsTheDistanceToTheNextNumber) {
    for (const Layout& layout : kLayouts) {
        const Table table(layout);
        for (std::size_t code = 0; code < table.size(); ++code) {
            const double next = code + 1 < table.size() ? table.value(code + 1) : table.beyond();
            const float x = static_cast<float>(table.value(code));
            ASSERT_EQ(ulp(layout.format, x), next - table.value(code)) << std::hexfloat << x;
            ASSERT_EQ(ulp(layout.format, -x), next - table.value(code)) << std::hexfloat << x;
        }
    }
    EXPECT_EQ(ulp(Format::fp16, 1e30f), 32.0f);
    EXPECT_EQ(ulp(Format::fp32, 1.0f), 0x1p-23f);
    EXPECT_EQ(ulp(Format::fp32, 0x1p-149f), 0x1p-149f);
    EXPECT_TRUE(std::isnan(ulp(Format::fp16, INFINITY)));
    EXPECT_TRUE(std::isnan(ulp(Format::fp16, NAN)));
}

TEST(RoundingFacts, UnderflowCutIsTwoToMinus25) {
    EXPECT_EQ(round_to_fp16(0x1p-25f), 0.0f);
    EXPECT_EQ(round_to_fp16(std::nextafter(0x1p-25f, 1.0f)), 0x1p-24f);
    EXPECT_EQ(bits(round_to_fp16(-0x1p-25f)), 0x80000000u);
    EXPECT_EQ(bits(round_to_fp16(-0.0f)), 0x80000000u);
    EXPECT_EQ(round_to_fp16(1e-8f), 0.0f);  // Adam's usual epsilon
}

TEST(RoundingFacts, FromHalfAnUlpBelowTheSmallestNormal) {
    EXPECT_EQ(round_to_fp16(0x1p-14f - 0x1p-25f), 0x1p-14f);
    EXPECT_EQ(round_to_fp16(std::nextafter(0x1p-14f - 0x1p-25f, 0.0f)), 0x1p-14f - 0x1p-24f);
}

TEST(RoundingFacts, OverflowFrom65520) {
    EXPECT_EQ(round_to_fp16(65519.99f), 65504.0f);
    EXPECT_EQ(round_to_fp16(65520.0f), INFINITY);
    EXPECT_EQ(round_to_fp16(-65504.0f - 16.0f), -INFINITY);
    EXPECT_EQ(round_to_fp16(66246.0f), INFINITY);
    EXPECT_EQ(round_to(Format::e4m3, 1e9f), 448.0f);
    EXPECT_EQ(round_to(Format::e4m3, -INFINITY), -448.0f);
    EXPECT_EQ(round_to(Format::e5m2, 61439.0f), 57344.0f);
    EXPECT_EQ(round_to(Format::e5m2, 61440.0f), INFINITY);
    EXPECT_EQ(round_to_bf16(std::numeric_limits<float>::max()), INFINITY);
}

TEST(RoundingFacts, SubnormalsLoseABitWithEachExponent) {
    for (int exponent = -24; exponent <= -15; ++exponent) {
        const int kept_bits = 25 + exponent;
        const float power = std::ldexp(1.0f, exponent);
        const float last_kept = std::ldexp(1.0f, exponent - kept_bits + 1);
        EXPECT_EQ(round_to_fp16(power), power) << exponent;
        EXPECT_EQ(round_to_fp16(power + last_kept), power + last_kept) << exponent;
        EXPECT_NE(round_to_fp16(power + last_kept / 2), power + last_kept / 2) << exponent;
    }
}

TEST(RoundingFacts, AddingOneStallsAt2048) {
    float sum = 0.0f;
    for (int i = 0; i < 5000; ++i) sum = round_to_fp16(sum + 1.0f);
    EXPECT_EQ(sum, 2048.0f);
}

bool update_is_lost(float weight, float update) { return round_to_fp16(weight + update) == weight; }

TEST(RoundingFacts, The2048RuleCorrected) {
    EXPECT_FALSE(update_is_lost(1.0f, 1.0f / 2047.0f));
    EXPECT_TRUE(update_is_lost(1.0f, 1.0f / 2048.0f));  // a tie, to the even significand
    EXPECT_FALSE(update_is_lost(1.5f, 1.5f / 2049.0f));
    EXPECT_TRUE(update_is_lost(1.5f, 1.5f / 4095.0f));
    EXPECT_FALSE(update_is_lost(1.0f, -1.0f / 4095.0f));  // below a power of two numbers lie twice as close
    EXPECT_TRUE(update_is_lost(1.0f, -1.0f / 4097.0f));
    const float odd = 1.0f + 0x1p-10f;
    EXPECT_FALSE(update_is_lost(odd, 0x1p-11f));  // the same tie is kept where the significand is odd
    EXPECT_EQ(round_to_fp16(1.0f + 1.0f / 2047.0f), 1.0f + 0x1p-10f);  // kept updates come in whole ulps
    EXPECT_EQ(round_to_bf16(1.0f + 1.0f / 256.0f), 1.0f);
    EXPECT_EQ(round_to_bf16(1.0f + 1.0f / 255.0f), 1.0f + 0x1p-7f);
}

}  // namespace
}  // namespace halfscope
