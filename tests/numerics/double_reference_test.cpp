// BF16 and FP8 rounding against double-precision arithmetic: the C library's nearest whole multiple of the
// spacing, on a walk through all FP32 bit patterns.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/rounding.h"

namespace halfscope {
namespace {

/// The multiple of the spacing that is nearest to x, ties to even, in a format of unbounded exponent range
/// above.
double nearest_multiple(float x, int mantissa_bits, int min_exponent) {
    const int exponent = x == 0.0f ? min_exponent : std::max(std::ilogb(x), min_exponent);
    const int spacing = exponent - mantissa_bits;
    return std::ldexp(std::nearbyint(std::ldexp(static_cast<double>(x), -spacing)), spacing);
}

::testing::AssertionResult same(float actual, double expected, float input) {
    if (actual == expected && std::signbit(actual) == std::signbit(expected))
        return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << std::hexfloat << input << " gave " << actual << ", not " << expected;
}

/// Calls body(x) for every 401st FP32 bit pattern that is finite: 10.6 million.
template <typename Body>
void walk(Body body) {
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 401) {
        const float x = float_of(static_cast<std::uint32_t>(bits));
        if (!std::isfinite(x)) continue;
        ASSERT_NO_FATAL_FAILURE(body(x));
    }
}

TEST(DoubleReference, Bf16) {
    walk([](float x) {
        double expected = nearest_multiple(x, 7, -126);
        if (std::fabs(expected) >= 0x1p128) expected = std::copysign(HUGE_VAL, x);
        ASSERT_TRUE(same(round_to_bf16(x), expected, x));
        ASSERT_EQ(static_cast<std::uint32_t>(encode_bf16(x)) << 16, bits_of(round_to_bf16(x)));
    });
}

TEST(DoubleReference, E4m3Saturates) {
    walk([](float x) {
        double expected = nearest_multiple(x, 3, -6);
        if (std::fabs(expected) > 448.0) expected = std::copysign(448.0, x);
        ASSERT_TRUE(same(round_to(Format::e4m3, x), expected, x));
    });
    EXPECT_EQ(encode(Format::e4m3, 1e30f), 0x7Eu);
    EXPECT_EQ(encode(Format::e4m3, std::numeric_limits<float>::quiet_NaN()), 0x7Fu);
}

TEST(DoubleReference, E5m2OverflowsFrom61440) {
    walk([](float x) {
        double expected = nearest_multiple(x, 2, -14);
        if (std::fabs(expected) > 57344.0) expected = std::copysign(HUGE_VAL, x);
        ASSERT_TRUE(same(round_to(Format::e5m2, x), expected, x));
    });
    EXPECT_EQ(round_to(Format::e5m2, 61439.0f), 57344.0f);
    EXPECT_EQ(round_to(Format::e5m2, 61440.0f), std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace halfscope
