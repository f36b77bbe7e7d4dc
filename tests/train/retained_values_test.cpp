// What a format makes of values: classes and errors against rounding each value times S by itself.
#include "train/retained_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "numerics/rounding.h"
#include "train/tensor_inspection.h"

namespace halfscope {
namespace {

/// Values of every exponent, the edges of FP16 and E4M3 in many scales, and all that is special.
std::vector<float> many_values() {
    std::vector<float> values{0.0f, -0.0f, INFINITY, -INFINITY, NAN, 448.0f, 464.0f, 65504.0f, 65519.0f};
    for (int exponent = -149; exponent < 128; ++exponent)
        for (const float significand : {1.0f, 0x1.000002p0f, 0x1.8p0f, 0x1.fep0f, 0x1.fffffep0f})
            values.push_back(std::ldexp(significand, exponent));
    for (std::uint32_t i = 0; i < 20'003; ++i) values.push_back(float_of(i * 42953u * 97u + i));
    return values;
}

constexpr float kScales[] = {0x1p-10f, 1.0f, 3.0f, 1000.0f, 0x1p15f, 12345.678f, 0x1p30f};

/// The class by the definitions of classes.h, for one value.
void count_one(FormatClasses& found, float value, NumberFormat format, float scale) {
    const double exact = static_cast<double>(value) * static_cast<double>(scale);
    const double stored = round_to(format, exact);
    ClassCounts& classes = found.classes;
    if (std::isnan(stored)) {
        ++classes.nan;
    } else if (std::isinf(stored)) {
        ++classes.inf;
        classes.inf_incoming += std::isinf(value);
    } else if (value == 0) {
        ++classes.true_zero;
    } else if (stored == 0) {
        ++classes.flushed;
    } else {
        ++(std::fabs(stored) < format.min_normal() ? classes.subnormal : classes.normal);
        found.saturated += std::isfinite(value) && is_beyond(format, exact);
    }
}

TEST(RetainedValues, ClassesAreThoseOfEachValueByItself) {
    const std::vector<float> values = many_values();
    const RetainedValues retained = retain_values(values);
    EXPECT_EQ(retained.count(), values.size());
    EXPECT_TRUE(std::is_sorted(retained.magnitudes.begin(), retained.magnitudes.end()));
    std::vector<NumberFormat> formats{{2, 3}, {3, 0}, {6, 9}, {8, 23}};
    for (const Format format : {Format::fp16, Format::bf16, Format::e4m3, Format::e5m2})
        formats.push_back(number_format(format));
    for (const NumberFormat format : formats) {
        for (const float scale : kScales) {
            FormatClasses expected;
            for (const float value : values) count_one(expected, value, format, scale);
            EXPECT_EQ(classes_under(retained, format, scale), expected)
                << format.exponent_bits << "/" << format.mantissa_bits << " at " << scale;
        }
    }
}

TEST(RetainedValues, AtPowersOfTwoTheyAreWhatProbesCount) {
    std::vector<float> values = many_values();
    // Products by powers of two must be FP32 numbers for round_to and classify to see what is meant.
    std::erase_if(values, [](float value) {
        return std::isfinite(value) && value != 0 &&
               !(std::fabs(value) > 0x1p-100f && std::fabs(value) < 0x1p90f);
    });
    const RetainedValues retained = retain_values(values);
    const TensorCounts counts = counts_of(retained);
    for (const Format format : {Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        for (const int scale_log2 : {-10, 0, 7, 30}) {
            ClassCounts expected;
            for (const float value : values) {
                const float scaled = std::ldexp(value, scale_log2);
                count_value(expected, scaled, round_to(format, scaled), format);
            }
            const FormatClasses found =
                classes_under(retained, number_format(format), std::ldexp(1.0f, scale_log2));
            EXPECT_EQ(found.classes, expected) << format_info(format).name << " 2^" << scale_log2;
            if (format != Format::fp16) continue;
            const ExponentHistogram::Prediction predicted = counts.histogram.predict(scale_log2);
            EXPECT_EQ(predicted.flushed, found.classes.flushed);
            EXPECT_EQ(predicted.inf, found.overflowed());
        }
    }
}

TEST(RetainedValues, TheirCountsAreThoseOfTheValues) {
    const std::vector<float> values = many_values();
    TensorCounts expected;
    for (const float value : values) expected.add(value, value, Format::fp32);
    const TensorCounts found = counts_of(retain_values(values));
    EXPECT_EQ(found.fp16, expected.fp16);
    EXPECT_EQ(found.own, expected.own);
    EXPECT_EQ(found.histogram, expected.histogram);
    EXPECT_EQ(found.min_abs, expected.min_abs);
    EXPECT_EQ(found.max_abs, expected.max_abs);
}

TEST(RetainedValues, TheErrorIsThatOfEachValueByItself) {
    std::vector<float> values = many_values();
    std::erase_if(values, [](float value) { return !(std::fabs(value) < 8.0f); });
    const auto retained = std::make_shared<const RetainedValues>(retain_values(values));
    for (const NumberFormat format : {NumberFormat{5, 10}, NumberFormat{8, 7}, NumberFormat{4, 3}}) {
        for (const float scale : {1.0f, 3.0f, 1000.0f, 0x1p13f}) {
            double squares = 0, error_squares = 0, largest = 0;
            for (const float value : values) {
                if (value == 0) continue;
                const double x = static_cast<double>(value), s = static_cast<double>(scale);
                const double error = std::fabs(round_to(format, x * s) / s - x);
                squares += x * x;
                error_squares += error * error;
                largest = std::max(largest, error / std::fabs(x));
            }
            ErrorMeasurement measurement(retained, format, scale);
            while (!measurement.is_complete()) measurement.advance(1000);
            if (std::isinf(error_squares)) {
                EXPECT_TRUE(std::isinf(measurement.error().relative_rms));
                continue;
            }
            EXPECT_NEAR(measurement.error().relative_rms, std::sqrt(error_squares / squares),
                        1e-9 * std::sqrt(error_squares / squares));
            EXPECT_EQ(measurement.error().largest, largest);
        }
    }
}

TEST(RetainedValues, TheBestScaleIsTheLargestWithoutOverflow) {
    for (const float largest : {1.0f, 0x1.ffcp0f, 0x1.ffep0f, 3e-5f, 1e20f}) {
        const RetainedValues retained = retain_values({largest, 1e-9f, INFINITY});
        for (const NumberFormat format : {NumberFormat{5, 10}, NumberFormat{4, 3, Beyond::largest}}) {
            std::optional<int> expected;
            for (int scale = kLowestStaticScale; scale <= kHighestStaticScale; ++scale) {
                if (classes_under(retained, format, std::ldexp(1.0f, scale)).overflowed() == 0)
                    expected = scale;
            }
            EXPECT_EQ(best_scale_log2(retained, format), expected) << largest;
        }
    }
}

}  // namespace
}  // namespace halfscope
