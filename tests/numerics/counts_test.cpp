// Counting against brute force: classes, exponents, extremes, and the exact what-if at other scales.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "numerics/tensor_counts.h"
#include "oracle.h"

namespace halfscope {
namespace {

using oracle::kLayouts;
using oracle::Layout;
using oracle::Table;

const Table& fp16_table() {
    static const Table table(kLayouts[1]);
    return table;
}

/// The definition, in double and on values alone.
ClassCounts brute_force(const std::vector<float>& exact, const std::vector<float>& stored,
                        double min_normal) {
    ClassCounts counts;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        if (std::isnan(stored[i])) {
            ++counts.nan;
        } else if (std::isinf(stored[i])) {
            ++counts.inf;
            if (std::isinf(exact[i])) ++counts.inf_incoming;
        } else if (exact[i] == 0.0f) {
            ++counts.true_zero;
        } else if (stored[i] == 0.0f) {
            ++counts.flushed;
        } else if (std::fabs(stored[i]) < min_normal) {
            ++counts.subnormal;
        } else {
            ++counts.normal;
        }
    }
    return counts;
}

std::vector<float> stored_as(Format format, const std::vector<float>& exact,
                             Subnormals subnormals = Subnormals::keep) {
    std::vector<float> stored(exact.size());
    for (std::size_t i = 0; i < exact.size(); ++i) stored[i] = round_to(format, exact[i], subnormals);
    return stored;
}

/// Every class in plenty: random bit patterns, gradient-like values, zeros of both signs, FP16's boundaries.
std::vector<float> mixed_values(std::size_t random_count, std::uint32_t seed) {
    std::vector<float> values = oracle::random_bit_patterns(random_count, seed);
    std::mt19937 generator(seed);
    std::normal_distribution<float> gradient(0.0f, 1e-6f);
    for (std::size_t i = 0; i < random_count; ++i) values.push_back(gradient(generator));
    for (std::size_t i = 0; i < random_count / 8 + 1; ++i) {
        for (const float x :
             {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 65520.0f, -70000.0f, 0x1p-25f, 0x1p-149f}) {
            values.push_back(x);
        }
    }
    std::shuffle(values.begin(), values.end(), generator);
    return values;
}

TEST(ClassCounts, EveryElementFallsInExactlyOneClass) {
    const std::vector<float> exact = mixed_values(200000, 1);
    for (int index = 0; index < kFormatCount; ++index) {
        const Format format = static_cast<Format>(index);
        for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
            const std::vector<float> stored = stored_as(format, exact, subnormals);
            ClassCounts counts;
            for (std::size_t i = 0; i < exact.size(); ++i) count_value(counts, exact[i], stored[i], format);
            EXPECT_EQ(counts, brute_force(exact, stored, format_info(format).min_normal))
                << format_info(format).name;
            EXPECT_EQ(counts.count(), exact.size());
            const bool may_overflow = format_info(format).has_infinity;
            EXPECT_EQ(counts.inf > 0, may_overflow) << format_info(format).name;
            EXPECT_TRUE(counts.nan > 0 && counts.true_zero > 0);
        }
    }
}

TEST(ClassCounts, MinusZeroIsZeroOnBothSides) {
    EXPECT_EQ(classify(-0.0f, -0.0f, Format::fp16), NumberClass::true_zero);
    EXPECT_EQ(classify(-1e-9f, -0.0f, Format::fp16), NumberClass::flushed);
    EXPECT_EQ(classify(1e-9f, 0.0f, Format::fp16), NumberClass::flushed);
    EXPECT_EQ(classify(0x1p-149f, 0x1p-149f, Format::fp32), NumberClass::subnormal);
}

void expect_span_equals_elements(const std::vector<float>& exact, Format format) {
    const std::vector<float> stored = stored_as(format, exact);
    TensorCounts one_by_one, at_once;
    for (std::size_t i = 0; i < exact.size(); ++i) one_by_one.add(exact[i], stored[i], format);
    at_once.add_span(exact.data(), stored.data(), exact.size(), format);
    EXPECT_EQ(at_once.own, one_by_one.own);
    EXPECT_EQ(at_once.fp16, one_by_one.fp16);
    EXPECT_EQ(at_once.histogram, one_by_one.histogram);
    EXPECT_EQ(at_once.min_abs, one_by_one.min_abs);
    EXPECT_EQ(at_once.max_abs, one_by_one.max_abs);
    if (std::isfinite(one_by_one.sum_of_squares)) {
        EXPECT_NEAR(at_once.sum_of_squares, one_by_one.sum_of_squares, 1e-12 * one_by_one.sum_of_squares);
    } else {
        EXPECT_FALSE(std::isfinite(at_once.sum_of_squares));
    }
}

TEST(TensorCounts, SpanEqualsElementsAtEveryLengthAndFormat) {
    const std::vector<float> values = mixed_values(60000, 2);
    for (int index = 0; index < kFormatCount; ++index) {
        const Format format = static_cast<Format>(index);
        for (const std::size_t length : {0, 1, 15, 16, 17, 31, 100, 1024, 5000}) {
            expect_span_equals_elements(
                {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(length)}, format);
        }
        expect_span_equals_elements(values, format);
    }
}

TEST(TensorCounts, EqualValuesDoNotOverflowThePackedCounters) {
    for (const float x : {1.0f, 0x1.fffffep-3f, 0x1.ffep5f, 0x1p-140f, 0.0f}) {
        expect_span_equals_elements(std::vector<float>(200001, x), Format::fp16);
    }
}

TEST(TensorCounts, MatchesBruteForce) {
    const std::vector<float> exact = mixed_values(100000, 3);
    const std::vector<float> stored = stored_as(Format::bf16, exact);
    TensorCounts counts;
    counts.add_span(exact.data(), stored.data(), exact.size(), Format::bf16);
    EXPECT_EQ(counts.own, brute_force(exact, stored, 0x1p-126));
    std::vector<float> half(exact.size());
    float min_abs = INFINITY, max_abs = 0.0f;
    std::vector<std::uint64_t> exponents(kExponentBins);
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double rounded =
            std::isnan(exact[i]) ? exact[i] : fp16_table().round(static_cast<double>(exact[i]));
        half[i] = static_cast<float>(rounded);
        if (!std::isfinite(exact[i]) || exact[i] == 0.0f) continue;
        min_abs = std::min(min_abs, std::fabs(exact[i]));
        max_abs = std::max(max_abs, std::fabs(exact[i]));
        ++exponents[static_cast<std::size_t>(std::ilogb(exact[i]) - kMinExponent)];
    }
    EXPECT_EQ(counts.fp16, brute_force(exact, half, 0x1p-14));
    EXPECT_EQ(counts.min_abs, min_abs);
    EXPECT_EQ(counts.max_abs, max_abs);
    for (int exponent = kMinExponent - 2; exponent <= kMaxExponent + 2; ++exponent) {
        const bool is_inside = exponent >= kMinExponent && exponent <= kMaxExponent;
        const std::uint64_t expected =
            is_inside ? exponents[static_cast<std::size_t>(exponent - kMinExponent)] : 0;
        EXPECT_EQ(counts.histogram.at(exponent), expected) << exponent;
    }
}

TEST(TensorCounts, SumOfSquaresIsOfAllValues) {
    const std::vector<float> values = {3.0f, -4.0f, 1e-30f, 0.0f};
    TensorCounts counts;
    counts.add_span(values.data(), values.data(), values.size(), Format::fp32);
    EXPECT_EQ(counts.sum_of_squares, 25.0);
    counts.add(INFINITY, INFINITY, Format::fp32);
    EXPECT_EQ(counts.sum_of_squares, INFINITY);
    counts.add(NAN, NAN, Format::fp32);
    EXPECT_TRUE(std::isnan(counts.sum_of_squares));
    EXPECT_EQ(counts.max_abs, 4.0f);
    EXPECT_EQ(counts.min_abs, 1e-30f);
}

TEST(TensorCounts, MergeIsCountingTheWhole) {
    const std::vector<float> values = mixed_values(3000, 5);
    const std::vector<float> stored = stored_as(Format::fp16, values);
    const std::size_t cut = 1234;
    TensorCounts whole, first, second;
    whole.add_span(values.data(), stored.data(), values.size(), Format::fp16);
    first.add_span(values.data(), stored.data(), cut, Format::fp16);
    second.add_span(values.data() + cut, stored.data() + cut, values.size() - cut, Format::fp16);
    first.merge(second);
    first.merge(TensorCounts());
    EXPECT_EQ(first.own, whole.own);
    EXPECT_EQ(first.fp16, whole.fp16);
    EXPECT_EQ(first.histogram, whole.histogram);
    EXPECT_EQ(first.min_abs, whole.min_abs);
    EXPECT_EQ(first.max_abs, whole.max_abs);
    TensorCounts empty;
    empty.merge(whole);
    EXPECT_EQ(empty.min_abs, whole.min_abs);
    whole.clear();
    EXPECT_EQ(whole.own.count(), 0u);
    EXPECT_EQ(whole.min_abs, 0.0f);
    EXPECT_EQ(whole.histogram, ExponentHistogram());
}

ExponentHistogram::Prediction measured_at(const std::vector<float>& values, int scale_log2) {
    ExponentHistogram::Prediction result;
    for (const float x : values) {
        if (x == 0.0f || !std::isfinite(x)) continue;
        const double q = std::fabs(fp16_table().round(std::ldexp(static_cast<double>(x), scale_log2)));
        if (q == 0.0) {
            ++result.flushed;
        } else if (q < 0x1p-14) {
            ++result.subnormal;
        } else if (std::isinf(q)) {
            ++result.inf;
        } else {
            ++result.normal;
        }
    }
    return result;
}

TEST(WhatIf, EqualsMeasuringAtEveryScale) {
    std::vector<float> values = mixed_values(30000, 6);
    // Mantissas at the edges of rounding, at every exponent down into FP32's subnormals.
    for (int exponent = kMinExponent; exponent <= kMaxExponent; ++exponent) {
        for (const std::uint32_t mantissa : {0u, 1u, 0xfffu, 0x1000u, 0x7fdfffu, 0x7fe000u, 0x7fe001u,
                                             0x7fefffu, 0x7ff000u, 0x7ff001u, 0x7fffffu}) {
            const double significand = 1.0 + mantissa * 0x1p-23;
            values.push_back(static_cast<float>(std::ldexp(significand, exponent)));
        }
    }
    ExponentHistogram histogram;
    for (const float x : values) histogram.add(x);
    for (int scale = -24; scale <= 24; ++scale) {
        const auto predicted = histogram.predict(scale), measured = measured_at(values, scale);
        EXPECT_EQ(predicted.flushed, measured.flushed) << "scale 2^" << scale;
        EXPECT_EQ(predicted.subnormal, measured.subnormal) << "scale 2^" << scale;
        EXPECT_EQ(predicted.normal, measured.normal) << "scale 2^" << scale;
        EXPECT_EQ(predicted.inf, measured.inf) << "scale 2^" << scale;
    }
    for (const int scale : {-300, -120, 100, 135, 300})
        EXPECT_EQ(histogram.predict(scale), measured_at(values, scale));
}

TEST(WhatIf, TheUnscaledPredictionIsTheFp16Count) {
    const std::vector<float> values = mixed_values(50000, 7);
    TensorCounts counts;
    counts.add_span(values.data(), values.data(), values.size(), Format::fp32);
    const auto predicted = counts.histogram.predict(0);
    EXPECT_EQ(predicted.flushed, counts.fp16.flushed);
    EXPECT_EQ(predicted.subnormal, counts.fp16.subnormal);
    EXPECT_EQ(predicted.normal, counts.fp16.normal);
    EXPECT_EQ(predicted.inf, counts.fp16.inf - counts.fp16.inf_incoming);
}

}  // namespace
}  // namespace halfscope
