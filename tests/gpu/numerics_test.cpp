// Numerics on the device against the host, bit for bit: every code, values around every rounding boundary,
// elementary functions on a grid, random streams, and the loss scale's transitions.
#include <gtest/gtest.h>

#include <cmath>

#include "device_numerics.h"
#include "numerics/rounding.h"
#include "plain_cuda_backend.h"

namespace halfscope {
namespace {

constexpr Format kFormats[] = {Format::fp32, Format::tf32, Format::fp16,
                               Format::bf16, Format::e4m3, Format::e5m2};
constexpr Subnormals kSubnormals[] = {Subnormals::keep, Subnormals::flush};

class NumericsOnDevice : public testing::Test {
  protected:
    void SetUp() override {
        const std::string reason = why_no_device();
        if (!reason.empty()) GTEST_SKIP() << reason;
    }
};

std::vector<std::uint32_t> all_codes(Format format) {
    std::vector<std::uint32_t> codes(format_info(format).bytes == 1 ? 256 : 65536);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint32_t>(i);
    return codes;
}

/// FP32 patterns spread over all of them, NaNs included; the step is odd.
std::vector<float> grid(std::uint32_t step) {
    std::vector<float> values;
    for (std::uint64_t bits = 0; bits < (1ull << 32); bits += step)
        values.push_back(float_of(static_cast<std::uint32_t>(bits)));
    return values;
}

/// Every number of a narrow format, the ties between neighbours, and the floats next to each of them.
std::vector<float> boundaries(Format format) {
    std::vector<float> values;
    for (std::uint32_t code : all_codes(format)) {
        const float x = decode(format, code);
        const float tie = x + 0.5f * ulp(format, x);
        for (float center : {x, tie}) {
            const std::uint32_t bits = bits_of(center);
            for (std::uint32_t near : {bits - 1, bits, bits + 1}) values.push_back(float_of(near));
        }
    }
    return values;
}

std::vector<float> values_for(Format format) {
    const bool is_narrow = format != Format::fp32 && format != Format::tf32;
    std::vector<float> values = is_narrow ? boundaries(format) : boundaries(Format::bf16);
    const std::vector<float> more = grid(8191);
    values.insert(values.end(), more.begin(), more.end());
    return values;
}

template <class Expected>
void expect_bits(const std::vector<float>& found, const std::vector<float>& inputs, const char* what,
                 Expected expected) {
    ASSERT_EQ(found.size(), inputs.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        const float value = expected(i, inputs[i]);
        ASSERT_EQ(bits_of(found[i]), bits_of(value))
            << what << " of " << std::hexfloat << inputs[i] << ": " << found[i] << " instead of " << value;
    }
}

/// As above, but a NaN is a NaN: processors do not agree on the bits of one that arithmetic makes.
template <class Expected>
void expect_values(std::vector<float> found, const std::vector<float>& inputs, const char* what,
                   Expected expected) {
    const auto plain_nan = [](float x) { return std::isnan(x) ? float_of(0x7fc00000u) : x; };
    for (float& x : found) x = plain_nan(x);
    expect_bits(found, inputs, what, [&](std::size_t i, float x) { return plain_nan(expected(i, x)); });
}

TEST_F(NumericsOnDevice, EveryCodeDecodesToTheSameBits) {
    for (Format format : {Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        const std::vector<std::uint32_t> codes = all_codes(format);
        const std::vector<float> found = device::decode(format, codes);
        for (std::size_t i = 0; i < codes.size(); ++i)
            ASSERT_EQ(bits_of(found[i]), bits_of(decode(format, codes[i]))) << format_info(format).name << i;
    }
}

TEST_F(NumericsOnDevice, EncodingAndRoundingHaveTheSameBits) {
    for (Format format : kFormats) {
        const std::vector<float> values = values_for(format);
        for (Subnormals subnormals : kSubnormals) {
            const std::vector<std::uint32_t> codes = device::encode(format, subnormals, values);
            for (std::size_t i = 0; i < values.size(); ++i)
                ASSERT_EQ(codes[i], encode(format, values[i], subnormals))
                    << format_info(format).name << " of " << std::hexfloat << values[i];
            expect_bits(device::round(format, subnormals, values), values, format_info(format).name,
                        [&](std::size_t, float x) { return round_to(format, x, subnormals); });
        }
    }
}

TEST_F(NumericsOnDevice, StochasticRoundingHasTheSameBits) {
    const RandomKey key{3, 4, 5};
    for (Format format : kFormats) {
        const std::vector<float> values = values_for(format);
        expect_bits(device::round_stochastic(format, key, values), values, format_info(format).name,
                    [&](std::size_t i, float x) { return round_stochastic(format, x, random_word(key, i)); });
    }
}

TEST_F(NumericsOnDevice, Fp16CodesAreThoseOfCuda) {
    const std::vector<float> values = values_for(Format::fp16);
    const std::vector<std::uint32_t> codes = device::cuda_half(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(values[i])) continue;
        ASSERT_EQ(codes[i], encode_fp16(values[i])) << std::hexfloat << values[i];
    }
}

TEST_F(NumericsOnDevice, ElementaryFunctionsHaveTheSameBits) {
    const std::vector<float> values = grid(1021);
    for (device::Function function : device::kFunctions) {
        const std::string name = "function " + std::to_string(static_cast<int>(function));
        expect_values(device::apply_all(function, values), values, name.c_str(),
                      [&](std::size_t, float x) { return device::apply(function, x); });
    }
}

TEST_F(NumericsOnDevice, PowersHaveTheSameBits) {
    const RandomKey key{8, 9, 10};
    std::vector<float> bases, exponents;
    for (std::uint64_t i = 0; i < 200000; ++i) {
        // Half of them of any size and sign, half where the power is neither 0 nor infinite.
        const bool is_any = i % 2 == 0;
        bases.push_back(is_any ? float_of(random_word(key, 2 * i)) : math::exp(normal(key, i)));
        exponents.push_back(is_any ? float_of(random_word(key, 2 * i + 1)) : 8.0f * normal(key, 1000000 + i));
    }
    for (float base : {0.0f, -0.0f, 1.0f, -1.0f, -2.0f, INFINITY, -INFINITY, NAN}) {
        for (float exponent : {0.0f, 1.0f, -1.0f, 2.0f, -3.0f, 0.5f, INFINITY, -INFINITY, NAN}) {
            bases.push_back(base);
            exponents.push_back(exponent);
        }
    }
    std::vector<float> both = bases;
    both.insert(both.end(), exponents.begin(), exponents.end());
    expect_values(device::powers(both), bases, "power",
                  [&](std::size_t i, float x) { return math::pow(x, exponents[i]); });
}

TEST_F(NumericsOnDevice, RandomStreamsAreTheSame) {
    std::vector<std::uint64_t> indices;
    for (std::uint64_t i = 0; i < 100000; ++i) indices.push_back(i < 90000 ? i : i * 0x9e3779b97f4a7c15ull);
    for (RandomKey key : {RandomKey{0, 0, 0}, RandomKey{1, 2, 3}, RandomKey{~0ull, ~0u, ~0u}}) {
        const std::vector<device::Draw> found = device::draws(key, indices);
        for (std::size_t i = 0; i < indices.size(); ++i) {
            const device::Draw expected = device::draw(key, indices[i]);
            ASSERT_EQ(found[i].word, expected.word) << indices[i];
            ASSERT_EQ(found[i].below, expected.below) << indices[i];
            ASSERT_EQ(bits_of(found[i].uniform), bits_of(expected.uniform)) << indices[i];
            ASSERT_EQ(bits_of(found[i].normal), bits_of(expected.normal)) << indices[i];
        }
    }
}

TEST_F(NumericsOnDevice, TheLossScaleTakesTheSamePath) {
    std::vector<device::StepResult> steps;
    const RandomKey key{21, 22, 23};
    for (std::uint64_t i = 0; i < 3000; ++i)
        steps.push_back({random_below(key, i, 40) == 0, math::exp(3.0f * normal(RandomKey{24, 0, 0}, i))});
    for (int kind = 0; kind <= static_cast<int>(ScalerKind::deepspeed); ++kind) {
        ScalerRules rules;
        rules.kind = static_cast<ScalerKind>(kind);
        rules.growth_interval = 20;
        rules.hysteresis = kind % 2 + 1;
        rules.min_scale = 1.0f;
        const std::vector<ScalerState> found = device::scaler_states(rules, steps);
        ScalerState expected = initial_scaler_state(rules);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            advance(rules, expected, steps[i].overflowed, steps[i].max_abs);
            ASSERT_TRUE(found[i] == expected) << "kind " << kind << ", step " << i << ": scale "
                                              << found[i].scale << " instead of " << expected.scale;
        }
    }
}

}  // namespace
}  // namespace halfscope
