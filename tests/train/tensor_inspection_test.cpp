// Files of tensors counted against FP16: what TensorCounts::add counts of the same values, doubles by their
// own value, and the best static scale against a search that multiplies and rounds.
#include "train/tensor_inspection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "numerics/random.h"
#include "numerics/rounding.h"
#include "support/array_samples.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Inspection : public testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }
    std::string write(const std::string& bytes) const {
        std::ofstream(path_, std::ios::binary) << bytes;
        return path_;
    }
    InspectedTensor inspected(const std::string& descr, std::size_t count, const std::string& data) const {
        TensorInspection inspection(write(npy(descr, "(" + std::to_string(count) + ",)", data)));
        return inspection.count(0).value();
    }
    InspectedTensor inspected(const std::vector<float>& values) const {
        return inspected("<f4", values.size(), bytes_of(values));
    }

    const std::string path_ = (std::filesystem::temp_directory_path() /
                               ("halfscope-inspection-" + std::to_string(getpid()) + ".npy"))
                                  .string();
};

/// Values of every exponent, more than a chunk and a piece hold, and all that is special.
std::vector<float> many_values() {
    std::vector<float> values{0.0f, -0.0f,    kInf,     -kInf,
                              kNan, 65520.0f, 0x1p-25f, std::nextafter(0x1p-25f, 1.0f)};
    for (std::uint32_t i = 0; i < 100'003; ++i) values.push_back(float_of(i * 42953u * 97u + i));
    return values;
}

TEST_F(Inspection, CountsWhatAddCounts) {
    const std::vector<float> values = many_values();
    TensorCounts expected;
    for (const float value : values) expected.add(value, value, Format::fp32);
    const InspectedTensor tensor = inspected(values);
    EXPECT_EQ(tensor.counts.fp16, expected.fp16);
    EXPECT_EQ(tensor.counts.own, expected.own);
    EXPECT_EQ(tensor.counts.histogram, expected.histogram);
    EXPECT_EQ(tensor.counts.min_abs, expected.min_abs);
    EXPECT_EQ(tensor.counts.max_abs, expected.max_abs);
    EXPECT_EQ(tensor.counts.fp16.count(), values.size());
    EXPECT_EQ(tensor.fp32_inf(), 0u);
    EXPECT_EQ(tensor.fp32_flushed(), 0u);
}

TEST_F(Inspection, OtherFormatsLoseNothingOfTheirOwn) {
    // Every code of FP16: nothing is flushed or overflows that was not so before.
    std::vector<std::uint16_t> codes;
    for (std::uint32_t code = 0; code < 65536; ++code) codes.push_back(static_cast<std::uint16_t>(code));
    const InspectedTensor halves = inspected(">f2", codes.size(), bytes_of(codes, std::endian::big));
    EXPECT_EQ(halves.counts.fp16, halves.counts.own);
    const ClassCounts& classes = halves.counts.fp16;
    EXPECT_EQ(classes.true_zero, 2u);
    EXPECT_EQ(classes.flushed, 0u);
    EXPECT_EQ(classes.subnormal, 2u * 1023u);
    EXPECT_EQ(classes.inf, 2u);
    EXPECT_EQ(classes.inf_incoming, 2u);
    EXPECT_EQ(classes.nan, 2u * 1023u);
    EXPECT_EQ(halves.fp32_inf(), 0u);
    EXPECT_EQ(halves.best_static_scale(), 0);
}

/// The class of a double by its own value, in FP16.
void count_double(ClassCounts& classes, double exact) {
    const float stored = round_to_fp16(static_cast<float>(exact));
    if (std::isnan(stored)) {
        ++classes.nan;
    } else if (std::isinf(stored)) {
        ++classes.inf;
        classes.inf_incoming += std::isinf(exact);
    } else if (exact == 0.0) {
        ++classes.true_zero;
    } else if (stored == 0.0f) {
        ++classes.flushed;
    } else if (std::fabs(stored) < 0x1p-14f) {
        ++classes.subnormal;
    } else {
        ++classes.normal;
    }
}

TEST_F(Inspection, DoublesAreCountedByTheirOwnValue) {
    std::vector<double> values{
        0.0, -0.0, 1e300, -1e39, 5e-324, -1e-50, 0x1p-150, std::nextafter(0x1p-150, 1.0), 0x1p128 - 0x1p103,
        1.0, kInf, kNan};
    for (std::uint64_t i = 0; i < 20'000; ++i) values.push_back(double_of(i * 0x9e3779b97f4a7c15u));
    ClassCounts expected;
    std::uint64_t to_inf = 0, to_zero = 0;
    for (const double value : values) {
        count_double(expected, value);
        to_inf += std::isfinite(value) && std::fabs(value) >= 0x1p128 - 0x1p103;
        to_zero += value != 0.0 && std::fabs(value) <= 0x1p-150;
    }
    const InspectedTensor tensor = inspected("<f8", values.size(), bytes_of(values));
    EXPECT_EQ(tensor.counts.fp16, expected);
    EXPECT_EQ(tensor.fp32_inf(), to_inf);
    EXPECT_EQ(tensor.fp32_flushed(), to_zero);
    EXPECT_GT(to_inf, 1000u);
    EXPECT_GT(to_zero, 1000u);
    // No scale saves the one kind or the other.
    EXPECT_EQ(tensor.best_static_scale(), std::nullopt);
    const InspectedTensor small = inspected("<f8", 2, bytes_of<double>({1e-50, 1.0}));
    EXPECT_EQ(small.best_static_scale(), 15);
    EXPECT_EQ(small.at_scale(15).flushed, 1u);
    const InspectedTensor large = inspected("<f8", 2, bytes_of<double>({1e300, 1.0}));
    EXPECT_EQ(large.best_static_scale(), std::nullopt);
    EXPECT_EQ(large.at_scale(-24).inf, 1u);
}

/// By multiplication, exact in double, and rounding.
ExponentHistogram::Prediction measured(const std::vector<float>& values, int scale_log2) {
    ExponentHistogram::Prediction result;
    for (const float value : values) {
        if (!std::isfinite(value) || value == 0.0f) continue;
        const double scaled = std::fabs(std::ldexp(static_cast<double>(value), scale_log2));
        if (scaled >= 65520.0) {
            ++result.inf;
        } else if (scaled <= 0x1p-25) {
            ++result.flushed;
        } else if (scaled < 0x1p-14 - 0x1p-25) {
            ++result.subnormal;
        } else {
            ++result.normal;
        }
    }
    return result;
}

TEST_F(Inspection, TheBestScaleIsTheLargestWithoutOverflow) {
    for (const float largest : {1.0f, 65504.0f, std::nextafter(65520.0f, 0.0f), 65520.0f, 65535.0f, 65536.0f,
                                3e-7f, 1e-30f, 0x1p-149f, 1e11f, 0x1.ffep39f, 0x1.ffdfp39f, 1e13f, 3e38f}) {
        std::vector<float> values{0.0f, -largest, kInf, kNan};
        for (float part = largest; part != 0.0f; part *= 0.37f) values.push_back(part);
        const InspectedTensor tensor = inspected(values);
        std::optional<int> best;
        for (int scale = kLowestStaticScale; scale <= kHighestStaticScale; ++scale) {
            const ExponentHistogram::Prediction expected = measured(values, scale);
            EXPECT_EQ(tensor.at_scale(scale), expected) << largest << " at 2^" << scale;
            if (expected.inf == 0) best = scale;
        }
        EXPECT_EQ(tensor.best_static_scale(), best) << largest;
    }
    EXPECT_EQ(inspected({0.0f, kInf, kNan}).best_static_scale(), kHighestStaticScale);
    EXPECT_EQ(inspected({1e13f}).best_static_scale(), std::nullopt);
    EXPECT_EQ(inspected({}).counts.fp16.count(), 0u);
}

TEST_F(Inspection, CanBeStopped) {
    TensorInspection inspection(write(npy("<f4", "(300000,)", std::string(1'200'000, 'x'))));
    int asked = 0;
    EXPECT_EQ(inspection.count(0, [&asked] { return ++asked == 3; }).has_value(), false);
    EXPECT_EQ(asked, 3);
    EXPECT_EQ(inspection.count(0, [] { return false; }).value().counts.fp16.count(), 300000u);
}

TEST_F(Inspection, WhatReadersRefuseIsBadInput) {
    EXPECT_THROW(TensorInspection(write("text")), InputError);
    TensorInspection inspection(write(npy("<f4", "(300000,)", std::string(1'200'000, 'x'))));
    std::filesystem::resize_file(path_, 1000);
    EXPECT_THROW(inspection.count(0), InputError);
    TensorInspection integers(write(npy("<i8", "(1,)", "12345678")));
    EXPECT_THROW(integers.count(0), std::invalid_argument);
}

}  // namespace
}  // namespace halfscope
