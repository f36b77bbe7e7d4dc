// Ways to add up, against what is known of them.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "numerics/summation.h"

namespace halfscope {
namespace {

std::vector<float> halves(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = round_to_fp16(normal(generator));
    return values;
}

TEST(Summation, OnesStallAt2048WhereEveryAddendIsRounded) {
    const std::vector<float> ones(5000, 1.0f);
    const SummedUp each = sum_up(Summation::each, Format::fp16, ones, {});
    EXPECT_EQ(each.result, 2048.0);  // numerics.md
    EXPECT_EQ(each.first_swallowed, 2048);
    EXPECT_EQ(each.swallowed, 5000 - 2048);
    EXPECT_EQ(sum_up(Summation::blocks, Format::fp16, ones, {}).result, 5000.0);
    EXPECT_EQ(sum_up(Summation::fp32, Format::fp16, ones, {}).result, 5000.0);
    EXPECT_EQ(sum_up(Summation::kahan, Format::fp16, ones, {}).result, 5000.0);
    EXPECT_EQ(sum_up(Summation::pairwise, Format::fp16, ones, {}).result, 5000.0);
}

TEST(Summation, PartialSumsEndInTheResultAndBlocksAreAccumulates) {
    const std::vector<float> a = halves(1000, 1), b = halves(1000, 2);
    BlockRounder rounder(Format::fp16);
    for (std::size_t k = 0; k < a.size(); ++k) rounder.add_product(a[k], b[k]);
    EXPECT_EQ(sum_up(Summation::blocks, Format::fp16, a, b).result, static_cast<double>(rounder.finish()));
    double exact = 0;
    for (std::size_t k = 0; k < a.size(); ++k) exact += static_cast<double>(a[k]) * static_cast<double>(b[k]);
    EXPECT_EQ(sum_up(Summation::exact, Format::fp16, a, b).result, exact);
    for (const Summation way :
         {Summation::exact, Summation::fp32, Summation::blocks, Summation::each, Summation::kahan}) {
        const SummedUp found = sum_up(way, Format::fp16, a, b);
        ASSERT_EQ(found.partial.size(), a.size());
        EXPECT_EQ(found.partial.back(), found.result);
    }
}

TEST(Summation, ErrorsAreOrderedAsTheTextbookSays) {
    // Positive addends: errors grow with the number of roundings (Higham, Accuracy and Stability, chapter 4).
    std::vector<float> a = halves(4096, 3);
    for (float& value : a) value = std::fabs(value);
    const double exact = sum_up(Summation::exact, Format::fp16, a, {}).result;
    const auto error = [&](Summation way) {
        return std::fabs(sum_up(way, Format::fp16, a, {}).result - exact) / exact;
    };
    EXPECT_LT(error(Summation::fp32), 1e-5);
    EXPECT_LT(error(Summation::kahan), 1e-3);
    EXPECT_LT(error(Summation::pairwise), 5e-3);
    EXPECT_GT(error(Summation::each), 10 * error(Summation::pairwise));
    EXPECT_GT(error(Summation::each), error(Summation::blocks));
}

TEST(Summation, NothingAndOneAddend) {
    for (int way = 0; way < kSummationCount; ++way) {
        EXPECT_EQ(sum_up(static_cast<Summation>(way), Format::fp16, {}, {}).result, 0.0);
        const std::vector<float> one{1.5f};
        EXPECT_EQ(sum_up(static_cast<Summation>(way), Format::fp16, one, {}).result, 1.5);
    }
}

}  // namespace
}  // namespace halfscope
