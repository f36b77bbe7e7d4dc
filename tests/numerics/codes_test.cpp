// The format table and the codes: every 8- and 16-bit code decodes to what its format says and comes back.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics/format.h"
#include "numerics/rounding.h"
#include "oracle.h"

namespace halfscope {
namespace {

using oracle::bits;
using oracle::kLayouts;
using oracle::Layout;
using oracle::Table;

TEST(FormatTable, SaysWhatTheCodesSay) {
    for (const Layout& layout : kLayouts) {
        const Table table(layout);
        const FormatInfo info = format_info(layout.format);
        EXPECT_EQ(info.exponent_bits, layout.exponent_bits) << info.name;
        EXPECT_EQ(info.mantissa_bits, layout.mantissa_bits) << info.name;
        EXPECT_EQ(info.bias, layout.bias) << info.name;
        EXPECT_EQ(info.has_infinity, layout.has_infinity) << info.name;
        EXPECT_EQ(info.max, table.last()) << info.name;
        EXPECT_EQ(info.min_normal, table.min_normal()) << info.name;
        EXPECT_EQ(info.min_subnormal, table.value(1)) << info.name;
        EXPECT_EQ(info.is_storage, layout.format != Format::tf32) << info.name;
        const int stored_bits = 1 + info.exponent_bits + info.mantissa_bits;
        EXPECT_EQ(info.bytes, layout.format == Format::tf32 ? 4 : stored_bits / 8) << info.name;
    }
    EXPECT_EQ(format_info(Format::fp32).max, std::numeric_limits<float>::max());
    EXPECT_EQ(format_info(Format::fp32).min_normal, std::numeric_limits<float>::min());
    EXPECT_EQ(format_info(Format::fp32).min_subnormal, std::numeric_limits<float>::denorm_min());
}

TEST(FormatTable, NamesGoBothWays) {
    for (int index = 0; index < kFormatCount; ++index) {
        const Format format = static_cast<Format>(index);
        EXPECT_EQ(format_from_name(format_info(format).name), format);
    }
    EXPECT_EQ(format_from_name("fp8"), std::nullopt);
    EXPECT_EQ(format_from_name(""), std::nullopt);
    EXPECT_EQ(format_from_name("FP16"), std::nullopt);
}

// Codes of one sign: numbers as in the table, then inf where there is one, then NaN.
void expect_codes_of(const Table& table) {
    const Layout& layout = table.layout();
    const std::uint32_t sign_bit = 1u << (layout.exponent_bits + layout.mantissa_bits);
    std::uint32_t infinities = 0, nans = 0;
    for (std::uint32_t code = 0; code < 2 * sign_bit; ++code) {
        const std::uint32_t magnitude = code & (sign_bit - 1);
        const float value = decode(layout.format, code);
        const std::uint32_t again = encode(layout.format, value);
        ASSERT_EQ(std::signbit(value), (code & sign_bit) != 0) << "code " << code;
        if (std::isnan(value)) {
            ++nans;
            ASSERT_TRUE(std::isnan(decode(layout.format, again))) << "code " << code;
            ASSERT_EQ(again & sign_bit, code & sign_bit) << "code " << code;
            continue;
        }
        ASSERT_EQ(again, code);
        ASSERT_EQ(bits(round_to(layout.format, value)), bits(value)) << "code " << code;
        if (std::isinf(value)) {
            ++infinities;
            ASSERT_EQ(magnitude, table.size());
        } else {
            ASSERT_LT(magnitude, table.size());
            ASSERT_EQ(std::fabs(value), table.value(magnitude)) << "code " << code;
        }
    }
    EXPECT_EQ(infinities, layout.has_infinity ? 2u : 0u);
    EXPECT_EQ(nans, 2 * (sign_bit - table.size()) - infinities);
}

TEST(Codes, EveryFp16CodeRoundTrips) { expect_codes_of(Table(kLayouts[1])); }
TEST(Codes, EveryBf16CodeRoundTrips) { expect_codes_of(Table(kLayouts[2])); }
TEST(Codes, EveryE4m3CodeRoundTrips) { expect_codes_of(Table(kLayouts[3])); }
TEST(Codes, EveryE5m2CodeRoundTrips) { expect_codes_of(Table(kLayouts[4])); }

TEST(Codes, TheShortNamesAreTheGenericFunctions) {
    for (std::uint32_t code = 0; code < 0x10000u; ++code) {
        const auto half = static_cast<std::uint16_t>(code);
        ASSERT_EQ(bits(decode_fp16(half)), bits(decode(Format::fp16, code)));
        ASSERT_EQ(bits(decode_bf16(half)), bits(decode(Format::bf16, code)));
    }
    for (const float x : oracle::random_bit_patterns(1000000, 3)) {
        ASSERT_EQ(encode_fp16(x), encode(Format::fp16, x));
        ASSERT_EQ(encode_bf16(x), encode(Format::bf16, x));
        ASSERT_EQ(bits(round_to_fp16(x)), bits(round_to(Format::fp16, x)));
        ASSERT_EQ(bits(round_to_bf16(x)), bits(round_to(Format::bf16, x)));
    }
}

TEST(Codes, Fp32IsNeverChanged) {
    for (const float x : oracle::random_bit_patterns(100000, 4)) {
        for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
            ASSERT_EQ(encode(Format::fp32, x, subnormals), bits(x));
            ASSERT_EQ(bits(round_to(Format::fp32, x, subnormals)), bits(x));
            ASSERT_EQ(bits(decode(Format::fp32, bits(x))), bits(x));
            ASSERT_EQ(bits(round_stochastic(Format::fp32, x, 0xffffffffu, subnormals)), bits(x));
        }
    }
}

TEST(Codes, AllIsUsableInConstantExpressions) {
    static_assert(encode_fp16(1.0f) == 0x3c00);
    static_assert(decode_fp16(0x0001) == 0x1p-24f);
    static_assert(round_to(Format::e4m3, 1000.0f) == 448.0f);
    static_assert(round_stochastic(Format::fp16, 1.0f, 7u) == 1.0f);
    static_assert(ulp(Format::bf16, 1.0f) == 0x1p-7f);
    SUCCEED() << "the compiler has checked it";
}

}  // namespace
}  // namespace halfscope
