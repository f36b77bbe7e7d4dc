// Formats described at run time: the built-in ones against rounding.h at every code and tie, other splits
// against the oracle's tables.
#include "numerics/number_format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "numerics/rounding.h"
#include "oracle.h"

namespace halfscope {
namespace {

using oracle::Layout;
using oracle::Table;

bool same(double a, double b) { return a == b ? std::signbit(a) == std::signbit(b) : a != a && b != b; }

TEST(NumberFormats, TheBuiltInOnesRoundAsRoundingDoes) {
    const std::vector<float> anything = oracle::random_bit_patterns(300000, 7);
    for (const Format format :
         {Format::fp32, Format::tf32, Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        const NumberFormat described = number_format(format);
        const FormatInfo info = format_info(format);
        EXPECT_EQ(described.max(), static_cast<double>(info.max)) << info.name;
        EXPECT_EQ(described.min_normal(), static_cast<double>(info.min_normal)) << info.name;
        EXPECT_EQ(described.min_subnormal(), static_cast<double>(info.min_subnormal)) << info.name;
        std::vector<float> values = anything;
        for (const Layout& layout : oracle::kLayouts) {
            if (layout.format != format) continue;
            const std::vector<float> critical = oracle::critical_values(Table(layout));
            values.insert(values.end(), critical.begin(), critical.end());
        }
        for (const float x : values) {
            const double expected = static_cast<double>(round_to(format, x));
            ASSERT_TRUE(same(round_to(described, static_cast<double>(x)), expected))
                << info.name << " of " << std::hexfloat << x;
        }
    }
}

TEST(NumberFormats, OtherSplitsRoundAsTheOracleDoes) {
    for (const auto& [exponent, mantissa] :
         {std::pair(2, 1), {2, 5}, {3, 2}, {3, 8}, {4, 3}, {5, 1}, {6, 9}, {7, 4}, {8, 1}, {8, 6}}) {
        const Table table({Format::fp16, exponent, mantissa, (1 << (exponent - 1)) - 1, true});
        const NumberFormat format{exponent, mantissa};
        EXPECT_EQ(format.max(), table.last());
        EXPECT_EQ(format.min_normal(), table.min_normal());
        EXPECT_EQ(format.min_subnormal(), table.value(1));
        std::vector<double> values;
        for (std::size_t code = 0; code < table.size(); ++code) {
            const double next = code + 1 < table.size() ? table.value(code + 1) : table.beyond();
            for (const double centre : {table.value(code), (table.value(code) + next) / 2})
                for (const double x : {centre, std::nextafter(centre, 0.0), std::nextafter(centre, HUGE_VAL)})
                    values.push_back(x);
        }
        values.push_back(1e300);
        values.push_back(HUGE_VAL);
        for (const double x : values) {
            ASSERT_TRUE(same(round_to(format, x), table.round(x)))
                << exponent << "/" << mantissa << " of " << std::hexfloat << x;
            ASSERT_TRUE(same(round_to(format, -x), table.round(-x)));
            ASSERT_EQ(is_beyond(format, x), std::isinf(table.round(x))) << std::hexfloat << x;
        }
    }
}

TEST(NumberFormats, WithoutMantissaBitsThereArePowersOfTwoAlone) {
    const NumberFormat format{4, 0};
    EXPECT_EQ(format.max(), 0x1p7);
    EXPECT_EQ(format.min_normal(), 0x1p-6);
    EXPECT_EQ(format.min_subnormal(), 0x1p-6);
    EXPECT_EQ(round_to(format, 0x1p-7), 0.0);
    EXPECT_EQ(round_to(format, std::nextafter(0x1p-7, 1.0)), 0x1p-6);
    EXPECT_EQ(round_to(format, 1.5), 2.0) << "no neighbour is even: the larger one";
    EXPECT_EQ(round_to(format, 3.0), 4.0);
    EXPECT_EQ(round_to(format, std::nextafter(1.5, 0.0)), 1.0);
    EXPECT_EQ(round_to(format, std::nextafter(0x1.8p7, 0.0)), 0x1p7);
    EXPECT_TRUE(std::isinf(round_to(format, 0x1.8p7)));
    EXPECT_TRUE(std::isnan(round_to(format, NAN)));
}

TEST(NumberFormats, E4m3SaturatesFromBehindTheTie) {
    const NumberFormat format = number_format(Format::e4m3);
    EXPECT_FALSE(is_beyond(format, 464.0)) << "a tie, to the even 448";
    EXPECT_TRUE(is_beyond(format, std::nextafter(464.0, 500.0)));
    EXPECT_EQ(round_to(format, 1e9), 448.0);
    EXPECT_EQ(round_to(format, -HUGE_VAL), -448.0);
}

}  // namespace
}  // namespace halfscope
