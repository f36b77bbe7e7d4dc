// The sum that is rounded after every 16 addends.
#include "numerics/accumulate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numerics/random.h"

namespace halfscope {
namespace {

float sum_of_ones(Format format, int count) {
    BlockRounder sum(format);
    for (int i = 0; i < count; ++i) sum.add(1.0f);
    return sum.finish();
}

TEST(BlockRounder, OnesInFp16StallWhereSixteenIsHalfAnUlp) {
    EXPECT_EQ(sum_of_ones(Format::fp16, 2048 + 16), 2064.0f);
    EXPECT_EQ(sum_of_ones(Format::fp16, 32768), 32768.0f);
    EXPECT_EQ(sum_of_ones(Format::fp16, 60000), 32768.0f);
    EXPECT_EQ(sum_of_ones(Format::fp32, 60000), 60000.0f);
    EXPECT_EQ(sum_of_ones(Format::bf16, 60000), 4096.0f);
}

TEST(BlockRounder, RoundsAfterEachSixteenthAddendAndAtTheEnd) {
    for (int count = 0; count <= 70; ++count) {
        BlockRounder sum(Format::fp16), dot(Format::fp16);
        float expected_sum = 0.0f, expected_dot = 0.0f;
        for (int i = 0; i < count; ++i) {
            const float a = normal({1, 2, 3}, static_cast<std::uint64_t>(i));
            const float b = normal({1, 3, 3}, static_cast<std::uint64_t>(i));
            sum.add(a);
            dot.add_product(a, b);
            expected_sum = expected_sum + a;
            expected_dot = std::fma(a, b, expected_dot);
            if (i % 16 == 15 || i + 1 == count) {
                expected_sum = decode_fp16(encode_fp16(expected_sum));
                expected_dot = decode_fp16(encode_fp16(expected_dot));
            }
        }
        EXPECT_EQ(sum.finish(), expected_sum) << count;
        EXPECT_EQ(dot.finish(), expected_dot) << count;
    }
}

TEST(BlockRounder, ProductsAreFused) {
    BlockRounder dot(Format::fp32);
    dot.add_product(-1.0f, 1.0f);
    const float x = 1.0f + 0x1p-12f;
    dot.add_product(x, x);
    EXPECT_EQ(dot.finish(), 0x1p-11f + 0x1p-24f);  // the product rounded by itself would lose 2^-24
}

TEST(BlockRounder, NanAndOverflowComeThrough) {
    BlockRounder overflow(Format::fp16);
    for (int i = 0; i < 17; ++i) overflow.add(60000.0f);
    EXPECT_EQ(overflow.finish(), INFINITY);
    BlockRounder within(Format::fp16);  // FP32 inside the block: only what is rounded can overflow
    within.add(60000.0f);
    within.add(60000.0f);
    within.add(-60000.0f);
    EXPECT_EQ(within.finish(), 60000.0f);
    BlockRounder nan(Format::fp16);
    nan.add(NAN);
    for (int i = 0; i < 40; ++i) nan.add(1.0f);
    EXPECT_TRUE(std::isnan(nan.finish()));
}

}  // namespace
}  // namespace halfscope
