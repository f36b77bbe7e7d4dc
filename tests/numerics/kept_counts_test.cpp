// What a record keeps of counts is what the counts say.
#include "numerics/kept_counts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace halfscope {
namespace {

TensorCounts counts_of(const std::vector<float>& values) {
    TensorCounts counts;
    for (const float value : values) counts.add(value, round_to_fp16(value), Format::fp16);
    return counts;
}

std::vector<float> some_values(std::uint32_t seed, int lowest, int highest, std::size_t count) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> mantissa(1.0f, 2.0f);
    std::uniform_int_distribution<int> exponent(lowest, highest);
    std::vector<float> values{0.0f, -0.0f, INFINITY, NAN, std::ldexp(1.0f, lowest)};
    for (std::size_t i = 0; i < count; ++i)
        values.push_back(std::ldexp(mantissa(generator), exponent(generator)) * (i % 2 == 0 ? 1.0f : -1.0f));
    return values;
}

void expect_same(const KeptCounts& kept, const TensorCounts& counts) {
    EXPECT_EQ(kept.own, counts.own);
    EXPECT_EQ(kept.fp16, counts.fp16);
    EXPECT_EQ(kept.min_abs, counts.min_abs);
    EXPECT_EQ(kept.max_abs, counts.max_abs);
    EXPECT_EQ(kept.histogram, counts.histogram);
    for (int exponent = kMinExponent - 2; exponent <= kMaxExponent + 2; ++exponent)
        ASSERT_EQ(kept.histogram.at(exponent), counts.histogram.at(exponent)) << exponent;
    for (int scale_log2 = -300; scale_log2 <= 300; ++scale_log2)
        ASSERT_EQ(kept.histogram.predict(scale_log2), counts.histogram.predict(scale_log2)) << scale_log2;
}

TEST(KeptCounts, SayWhatTheCountsSay) {
    expect_same(TensorCounts(), TensorCounts());
    for (const float value : {0.0f, 1.0f, 0x1p-149f, 0x1.fffffep127f, 3e-41f, INFINITY, NAN})
        expect_same(counts_of({value}), counts_of({value}));
    expect_same(counts_of(some_values(1, -149, 127, 5000)), counts_of(some_values(1, -149, 127, 5000)));
    expect_same(counts_of(some_values(2, -30, -3, 500)), counts_of(some_values(2, -30, -3, 500)));
}

TEST(KeptCounts, MergedAreThoseOfTheWhole) {
    const TensorCounts parts[] = {counts_of(some_values(3, -10, 4, 300)),
                                  TensorCounts(),
                                  counts_of({0.0f, NAN}),
                                  counts_of(some_values(4, -60, -40, 30)),
                                  counts_of(some_values(5, 20, 22, 30)),
                                  counts_of(some_values(6, -5, 0, 10))};
    KeptCounts kept;
    TensorCounts whole;
    for (const TensorCounts& part : parts) {
        kept.merge(part);
        whole.merge(part);
        expect_same(kept, whole);
    }
}

TEST(ExponentSpan, WhatMovesBeyondTheRangeStaysInTheOutermostBins) {
    const std::vector<float> values = some_values(7, -100, 100, 1000);
    const ExponentSpan span = counts_of(values).histogram;
    std::uint64_t all = 0;
    for (int exponent = kMinExponent; exponent <= kMaxExponent; ++exponent) all += span.at(exponent);
    for (const int shift : {-400, -60, -1, 0, 1, 60, 400}) {
        const ExponentSpan moved = span.moved(shift);
        std::uint64_t found = 0;
        for (int exponent = kMinExponent; exponent <= kMaxExponent; ++exponent) found += moved.at(exponent);
        EXPECT_EQ(found, all) << shift;
        for (int exponent = kMinExponent + 1; exponent < kMaxExponent; ++exponent)
            ASSERT_EQ(moved.at(exponent), span.at(exponent - shift)) << exponent << " by " << shift;
    }
    EXPECT_EQ(span.moved(0), span);
}

}  // namespace
}  // namespace halfscope
