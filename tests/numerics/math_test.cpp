// Elementary functions against long double, at the bounds their docstrings state, and the same bits
// everywhere.
#include "numerics/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace halfscope {
namespace {

using Function = float (*)(float);
using Reference = long double (*)(long double);

float mine_exp(float x) { return math::exp(x); }
float mine_log(float x) { return math::log(x); }
float mine_log2(float x) { return math::log2(x); }
float mine_tanh(float x) { return math::tanh(x); }
float mine_sigmoid(float x) { return math::sigmoid(x); }
float mine_erf(float x) { return math::erf(x); }
float mine_sin(float x) { return math::sin(x); }
float mine_cos(float x) { return math::cos(x); }
float mine_sqrt(float x) { return math::sqrt(x); }

long double reference_exp(long double x) { return std::exp(x); }
long double reference_log(long double x) { return std::log(x); }
long double reference_log2(long double x) { return std::log2(x); }
long double reference_tanh(long double x) { return std::tanh(x); }
long double reference_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double reference_erf(long double x) { return std::erf(x); }
long double reference_sin(long double x) { return std::sin(x); }
long double reference_cos(long double x) { return std::cos(x); }
long double reference_sqrt(long double x) { return std::sqrt(x); }

struct MathCase {
    const char* name;
    Function function;
    Reference reference;
    double bound_ulp;
    float seam;  ///< where the function changes formula
    bool is_increasing;
    std::uint64_t signature;  ///< of the bits of 2^16 results
};

const MathCase kCases[] = {
    {"exp", mine_exp, reference_exp, 0.85, 0.34657359f, true, 0xc92b7890d9cb951du},
    {"log", mine_log, reference_log, 0.92, 0.70710678f, true, 0xbe9d8f351a647013u},
    {"log2", mine_log2, reference_log2, 0.51, 0.70710678f, true, 0x714f8c1b28c339e9u},
    {"tanh", mine_tanh, reference_tanh, 1.4, 0.625f, true, 0xae8e8bc1c2562ba5u},
    {"sigmoid", mine_sigmoid, reference_sigmoid, 2.5, -0.34657359f, true, 0x0e02984c06212f6cu},
    {"erf", mine_erf, reference_erf, 1.2, 1.0f, true, 0x1e59be586f376b0cu},
    {"sin", mine_sin, reference_sin, 0.51, 0.78539816f, true, 0x3d1b0405173899f1u},
    {"cos", mine_cos, reference_cos, 0.51, 0.78539816f, false, 0x958bf2e4ca3ecd83u},
    {"sqrt", mine_sqrt, reference_sqrt, 0.5000001, 1.0f, true, 0x5f1a0f907d1b1db5u},
};

/// Error in units in the last place of the FP32 number nearest to `exact`; special results must agree
/// outright.
double error_ulp(float result, long double exact) {
    const float nearest = static_cast<float>(exact);
    if (std::isnan(nearest) || std::isinf(nearest) || std::isinf(result)) {
        const bool same = std::isnan(nearest) ? std::isnan(result) : result == nearest;
        return same ? 0.0 : std::numeric_limits<double>::infinity();
    }
    const int exponent = exact == 0 ? -149 : std::max(std::ilogb(exact) - 23, -149);
    return static_cast<double>(std::fabs(result - exact) / std::ldexp(1.0L, exponent));
}

class MathFunction : public testing::TestWithParam<MathCase> {};

TEST_P(MathFunction, StaysWithinItsBoundOnAllKindsOfFloats) {
    const MathCase& test = GetParam();
    const bool is_periodic = test.function == mine_sin || test.function == mine_cos;
    double worst = 0;
    float worst_at = 0;
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 1999) {
        const float x = float_of(static_cast<std::uint32_t>(bits));
        if (is_periodic && std::fabs(x) >= 0x1p50f) continue;
        const double error = error_ulp(test.function(x), test.reference(x));
        if (!(error <= worst)) worst = error, worst_at = x;
    }
    RecordProperty("worst_ulp", std::to_string(worst));
    EXPECT_LE(worst, test.bound_ulp) << test.name << " at " << std::hexfloat << worst_at;
}

TEST_P(MathFunction, StaysWithinItsBoundWhereNetworksLive) {
    const MathCase& test = GetParam();
    for (int i = -1000000; i <= 1000000; ++i) {
        const float x = static_cast<float>(i) * 1.6e-5f;  // -16 to 16
        const double error = error_ulp(test.function(x), test.reference(x));
        ASSERT_LE(error, test.bound_ulp) << test.name << " at " << std::hexfloat << x;
    }
}

TEST_P(MathFunction, HasNoStepAtItsSeam) {
    const MathCase& test = GetParam();
    const std::uint32_t middle = bits_of(test.seam);
    const bool rises_with_bits = test.is_increasing == (test.seam > 0);
    float previous = test.function(float_of(middle - 3000));
    for (std::uint32_t bits = middle - 2999; bits < middle + 3000; ++bits) {
        const float x = float_of(bits);
        ASSERT_LE(error_ulp(test.function(x), test.reference(x)), test.bound_ulp) << test.name << ' ' << x;
        const float result = test.function(x);
        const float ulp_here = std::nextafter(std::fabs(previous), INFINITY) - std::fabs(previous);
        const float step_back = rises_with_bits ? previous - result : result - previous;
        ASSERT_LE(step_back, ulp_here) << test.name << " at " << std::hexfloat << x;
        previous = result;
    }
}

TEST_P(MathFunction, HasTheSameBitsOnEveryMachine) {
    const MathCase& test = GetParam();
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (std::uint32_t i = 0; i < 65536; ++i) {
        const float result = test.function(float_of(i * 65537u + 12345u));
        hash ^= std::isnan(result) ? 0x7fc00000u : bits_of(result);  // which NaN is left to the machine
        hash *= 0x100000001b3u;
    }
    EXPECT_EQ(hash, test.signature) << test.name << std::hex << " 0x" << hash;
}

TEST_P(MathFunction, NanStaysNan) {
    EXPECT_TRUE(std::isnan(GetParam().function(NAN)));
    EXPECT_TRUE(std::isnan(GetParam().function(-NAN)));
    EXPECT_TRUE(std::isnan(GetParam().function(float_of(0x7f800001u))));
}

INSTANTIATE_TEST_SUITE_P(All, MathFunction, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<MathCase>& each) {
                             return std::string(each.param.name);
                         });

TEST(ExpOfNonpositive, HasTheBitsOfExp) {
    const auto expect_same = [](std::uint64_t first, std::uint64_t last, std::uint64_t step) {
        std::uint64_t others = 0;
        for (std::uint64_t bits = first; bits <= last; bits += step) {
            const float x = float_of(static_cast<std::uint32_t>(bits));
            others += bits_of(math::exp_of_nonpositive(x)) != bits_of(math::exp(x)) ? 1u : 0u;
        }
        EXPECT_EQ(others, 0u) << std::hex << first << " to " << last;
    };
    expect_same(0x80000000u, 0xffffffffu, 31);          // -0 to -inf, and NaNs
    expect_same(bits_of(-87.0f), bits_of(-111.0f), 1);  // where results are subnormal, then zero
    EXPECT_EQ(math::exp_of_nonpositive(0.0f), 1.0f);
    EXPECT_EQ(bits_of(math::exp_of_nonpositive(-INFINITY)), 0u);
}

TEST(MathSpecialValues, ExpAndItsKin) {
    EXPECT_EQ(math::exp(0.0f), 1.0f);
    EXPECT_EQ(math::exp(-0.0f), 1.0f);
    EXPECT_EQ(math::exp(INFINITY), INFINITY);
    EXPECT_EQ(bits_of(math::exp(-INFINITY)), 0u);
    EXPECT_EQ(math::exp(88.73f), INFINITY);
    EXPECT_LT(math::exp(88.72f), INFINITY);
    EXPECT_EQ(math::exp(-103.9f), 0x1p-149f);
    EXPECT_EQ(math::exp(-104.0f), 0.0f);
    EXPECT_EQ(math::sigmoid(0.0f), 0.5f);
    EXPECT_EQ(math::sigmoid(INFINITY), 1.0f);
    EXPECT_EQ(math::sigmoid(-INFINITY), 0.0f);
    EXPECT_GT(math::sigmoid(-100.0f), 0.0f);
    EXPECT_EQ(math::tanh(INFINITY), 1.0f);
    EXPECT_EQ(math::tanh(-INFINITY), -1.0f);
    EXPECT_EQ(bits_of(math::tanh(-0.0f)), 0x80000000u);
    EXPECT_EQ(math::tanh(0x1p-149f), 0x1p-149f);
    EXPECT_EQ(math::erf(INFINITY), 1.0f);
    EXPECT_EQ(math::erf(-5.0f), -1.0f);
    EXPECT_EQ(bits_of(math::erf(-0.0f)), 0x80000000u);
}

TEST(MathSpecialValues, LogarithmsAndRoots) {
    EXPECT_EQ(bits_of(math::log(1.0f)), 0u);
    EXPECT_EQ(math::log(0.0f), -INFINITY);
    EXPECT_EQ(math::log(-0.0f), -INFINITY);
    EXPECT_EQ(math::log(INFINITY), INFINITY);
    EXPECT_TRUE(std::isnan(math::log(-1.0f)));
    EXPECT_TRUE(std::isnan(math::log(-0x1p-149f)));
    EXPECT_TRUE(std::isnan(math::log(-INFINITY)));
    EXPECT_EQ(math::log2(0.0f), -INFINITY);
    EXPECT_EQ(math::log2(INFINITY), INFINITY);
    EXPECT_TRUE(std::isnan(math::log2(-1.0f)));
    for (int exponent = -149; exponent <= 127; ++exponent) {
        EXPECT_EQ(math::log2(std::ldexp(1.0f, exponent)), static_cast<float>(exponent));
    }
    EXPECT_TRUE(std::isnan(math::sqrt(-1.0f)));
    EXPECT_EQ(bits_of(math::sqrt(-0.0f)), 0x80000000u);
}

TEST(MathSpecialValues, SineAndCosine) {
    EXPECT_EQ(bits_of(math::sin(-0.0f)), 0x80000000u);
    EXPECT_EQ(math::cos(0.0f), 1.0f);
    EXPECT_TRUE(std::isnan(math::sin(INFINITY)));
    EXPECT_TRUE(std::isnan(math::cos(-INFINITY)));
    for (float x = 0x1p50f; x < INFINITY; x *= 1.37f) {
        ASSERT_LE(std::fabs(math::sin(x)), 1.0f) << x;
        ASSERT_LE(std::fabs(math::cos(x)), 1.0f) << x;
        ASSERT_EQ(math::sin(-x), -math::sin(x)) << x;
    }
}

TEST(MathPow, StaysWithinHalfAnUlpAndABit) {
    for (const float y : {0.5f, 0.999f, -0.5f, 2.0f, 3.7f, -3.0f, 1e-4f, 60.0f}) {
        for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 19997) {
            const float x = float_of(static_cast<std::uint32_t>(bits));
            const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
            ASSERT_LE(error_ulp(math::pow(x, y), exact), 0.51) << std::hexfloat << x << " to the " << y;
        }
    }
    for (const float x : {0.9f, 0.999f, 1.0000001f, 2.0f, 10000.0f, 0x1p-149f}) {
        for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 19997) {
            const float y = float_of(static_cast<std::uint32_t>(bits));
            const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
            ASSERT_LE(error_ulp(math::pow(x, y), exact), 0.51) << std::hexfloat << x << " to the " << y;
        }
    }
}

TEST(MathPow, SpecialValuesAreThoseOfC) {
    const float values[] = {0.0f,  -0.0f, 1.0f,      -1.0f,      2.0f,        -2.0f,    3.0f,
                            -3.0f, 0.5f,  -0.5f,     2.5f,       -2.5f,       INFINITY, -INFINITY,
                            NAN,   1e30f, 0x1p-149f, -0x1p-149f, 16777217.0f, -1e9f};
    for (const float x : values) {
        for (const float y : values) {
            const float expected =
                static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y)));
            const float result = math::pow(x, y);
            if (std::isnan(expected)) {
                EXPECT_TRUE(std::isnan(result)) << x << " to the " << y;
            } else {
                EXPECT_EQ(bits_of(result), bits_of(expected)) << x << " to the " << y;
            }
        }
    }
}

}  // namespace
}  // namespace halfscope
