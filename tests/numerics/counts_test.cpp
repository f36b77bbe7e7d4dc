// Counting against brute force: classes, exponents, extremes, and the exact what-if at other scales.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "numerics/tensor_tally.h"
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

/// Counts values at once, in spans of the given length.
void tally(TensorCounts& counts, const std::vector<float>& exact, Format format,
           Subnormals subnormals = Subnormals::keep, std::size_t span = SIZE_MAX) {
    const std::vector<float> stored = stored_as(format, exact, subnormals);
    TensorTally tally(format, subnormals);
    for (std::size_t i = 0; i < exact.size(); i += std::min(span, exact.size() - i))
        tally.add(exact.data() + i, tally.reads_stored() ? stored.data() + i : nullptr,
                  std::min(span, exact.size() - i));
    tally.add_to(counts);
}

void expect_tally_equals_elements(const std::vector<float>& exact, Format format, Subnormals subnormals,
                                  std::size_t span = SIZE_MAX) {
    SCOPED_TRACE(format_info(format).name);
    const std::vector<float> stored = stored_as(format, exact, subnormals);
    TensorCounts one_by_one, at_once;
    for (std::size_t i = 0; i < exact.size(); ++i) one_by_one.add(exact[i], stored[i], format);
    tally(at_once, exact, format, subnormals, span);
    EXPECT_EQ(at_once.own, one_by_one.own);
    EXPECT_EQ(at_once.fp16, one_by_one.fp16);
    EXPECT_EQ(at_once.histogram, one_by_one.histogram);
    EXPECT_EQ(at_once.min_abs, one_by_one.min_abs);
    EXPECT_EQ(at_once.max_abs, one_by_one.max_abs);
}

TEST(TensorTally, EqualsElementsAtEveryLengthAndFormat) {
    const std::vector<float> values = mixed_values(60000, 2);
    for (int index = 0; index < kFormatCount; ++index) {
        const Format format = static_cast<Format>(index);
        for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
            // Flushing is no part of storing FP32.
            if (format == Format::fp32 && subnormals == Subnormals::flush) continue;
            for (const std::size_t length : {0, 1, 15, 16, 17, 31, 100, 1024, 5000}) {
                expect_tally_equals_elements(
                    {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(length)}, format,
                    subnormals);
            }
            expect_tally_equals_elements(values, format, subnormals);
            for (const std::size_t span : {1, 10, 1000})
                expect_tally_equals_elements({values.begin(), values.begin() + 5000}, format, subnormals,
                                             span);
        }
    }
}

TEST(TensorTally, KnowsEveryEdgeOfEveryExponent) {
    std::vector<float> values;
    for (std::uint32_t field = 0; field < 256; ++field) {
        for (const std::uint32_t mantissa :
             {0u, 1u, 0xfffu, 0x1000u, 0x7fffu, 0x8000u, 0x8001u, 0x3fffffu, 0x400000u, 0x7f7fffu, 0x7f8000u,
              0x7fdfffu, 0x7fe000u, 0x7fefffu, 0x7ff000u, 0x7fffffu}) {
            values.push_back(float_of(field << 23 | mantissa));
            values.push_back(float_of(0x80000000u | field << 23 | mantissa));
        }
    }
    for (int index = 0; index < kFormatCount; ++index)
        expect_tally_equals_elements(values, static_cast<Format>(index), Subnormals::keep);
}

TEST(TensorTally, FindsAnEdgeAtEveryPlace) {
    for (std::size_t place = 0; place < 1100; ++place) {
        std::vector<float> values(1100, 1.5f);
        const float edges[] = {0x1p-3f, -0x1.ffep5f, 0x1p-140f, std::numeric_limits<float>::infinity()};
        values[place] = edges[place % 4];
        TensorCounts counts;
        tally(counts, values, Format::fp32);
        TensorCounts expected;
        for (const float value : values) expected.add(value, value, Format::fp32);
        ASSERT_EQ(counts.histogram, expected.histogram) << "at " << place;
        ASSERT_EQ(counts.own, expected.own) << "at " << place;
    }
}

TEST(TensorTally, StartsAnewAndTakesAnothersPart) {
    const std::vector<float> values = mixed_values(4000, 6), others = {1.0f, 0x1p-130f, 0.0f, 70000.0f};
    TensorTally whole(Format::fp16, Subnormals::keep), part(Format::fp16, Subnormals::keep);
    whole.add(others.data(), nullptr, others.size());
    whole.start(Format::fp32, Subnormals::keep);
    part.add(values.data() + 3000, nullptr, values.size() - 3000);
    part.start(Format::fp32, Subnormals::keep);
    whole.add(values.data(), nullptr, 3000);
    part.add(values.data() + 3000, nullptr, values.size() - 3000);
    whole.take(part);
    TensorCounts counts, expected;
    whole.add_to(counts);
    tally(expected, values, Format::fp32);
    EXPECT_EQ(counts.own, expected.own);
    EXPECT_EQ(counts.fp16, expected.fp16);
    EXPECT_EQ(counts.histogram, expected.histogram);
}

TEST(TensorTally, WhatIsComputedInItsPlaceIsCountedAsWhatIsAdded) {
    const std::vector<float> values = mixed_values(4000, 7);
    TensorTally tally(Format::fp16, Subnormals::keep);
    for (std::size_t i = 0, n = 0; i < values.size(); i += n) {
        n = std::min({std::size_t{1} + i % 700, tally.room(), values.size() - i});
        if (i % 3 == 0) {
            tally.add(values.data() + i, nullptr, n);
        } else {
            std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i), n, tally.place());
            tally.add_placed(n);
        }
    }
    TensorCounts counts, expected;
    tally.add_to(counts);
    for (const float value : values) expected.add(value, round_to_fp16(value), Format::fp16);
    EXPECT_EQ(counts.fp16, expected.fp16);
    EXPECT_EQ(counts.histogram, expected.histogram);
    EXPECT_EQ(counts.max_abs, expected.max_abs);
}

TEST(TensorTally, CountsManyEqualValues) {
    for (const float x : {1.0f, 0x1.fffffep-3f, 0x1.ffep5f, 0x1p-140f, 0.0f})
        expect_tally_equals_elements(std::vector<float>(200001, x), Format::fp16, Subnormals::keep);
}

TEST(TensorCounts, MatchesBruteForce) {
    const std::vector<float> exact = mixed_values(100000, 3);
    const std::vector<float> stored = stored_as(Format::bf16, exact);
    TensorCounts counts;
    tally(counts, exact, Format::bf16);
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

TEST(TensorCounts, ExtremesAreOfFiniteValuesButZero) {
    const std::vector<float> values = {3.0f, -4.0f, 1e-30f, 0.0f};
    TensorCounts counts;
    tally(counts, values, Format::fp32);
    counts.add(INFINITY, INFINITY, Format::fp32);
    counts.add(NAN, NAN, Format::fp32);
    EXPECT_EQ(counts.max_abs, 4.0f);
    EXPECT_EQ(counts.min_abs, 1e-30f);
}

TEST(TensorCounts, MergeIsCountingTheWhole) {
    const std::vector<float> values = mixed_values(3000, 5);
    TensorCounts whole, first, second;
    tally(whole, values, Format::fp16);
    tally(first, {values.begin(), values.begin() + 1234}, Format::fp16);
    tally(second, {values.begin() + 1234, values.end()}, Format::fp16);
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
    tally(counts, values, Format::fp32);
    const auto predicted = counts.histogram.predict(0);
    EXPECT_EQ(predicted.flushed, counts.fp16.flushed);
    EXPECT_EQ(predicted.subnormal, counts.fp16.subnormal);
    EXPECT_EQ(predicted.normal, counts.fp16.normal);
    EXPECT_EQ(predicted.inf, counts.fp16.inf - counts.fp16.inf_incoming);
}

}  // namespace
}  // namespace halfscope
