// Updates without a master copy: nearest loses small ones, stochastic rounding keeps them on average, Kahan's
// compensation keeps them exactly; swallowed updates are counted as numerics.md defines them.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics/rounding.h"
#include "update_fixture.h"

namespace halfscope {
namespace {

UpdateFixture plain_sgd(Format storage, const std::vector<float>& weights, UpdateRounding rounding,
                        int threads = 2) {
    UpdateFixture fixture(OptimizerKind::sgd, storage, weights, false, Format::fp32, threads);
    fixture.has_moment1 = false;
    fixture.call.optimizer.learning_rate = 1.0f;
    fixture.call.rounding = rounding;
    return fixture;
}

TEST(UpdateRounding, NearestSwallowsWhatLiesBelowHalfAnUlp) {
    // numerics.md "The 2048 rule, corrected": d = -gradient.
    struct Fact {
        float weight, update, result;
    };
    const Fact facts[] = {{1.0f, 1.0f / 2047, 1.0f + 0x1p-10f},  {1.0f, 1.0f / 2048, 1.0f},
                          {1.5f, 1.5f / 2049, 1.5f + 0x1p-10f},  {1.5f, 1.5f / 4095, 1.5f},
                          {1.0f, -1.0f / 4095, 1.0f - 0x1p-11f}, {1.0f, -1.0f / 4097, 1.0f}};
    for (const Fact& fact : facts) {
        UpdateFixture fixture = plain_sgd(Format::fp16, {fact.weight}, UpdateRounding::nearest);
        UpdateCounts counts;
        fixture.step({-fact.update}, Format::fp32, &counts);
        EXPECT_EQ(fixture.weight.values()[0], fact.result) << fact.weight << " + " << fact.update;
        EXPECT_EQ(counts.updates, 1u);
        EXPECT_EQ(counts.swallowed, fact.result == fact.weight ? 1u : 0u);
    }
}

TEST(UpdateRounding, StochasticIsUnbiasedAndStaysBetweenNeighbours) {
    constexpr std::size_t kCount = 40000;
    for (const Format format : {Format::fp16, Format::bf16}) {
        const float spacing = ulp(format, 1.0f);
        UpdateFixture fixture =
            plain_sgd(format, std::vector<float>(kCount, 1.0f), UpdateRounding::stochastic);
        fixture.step(std::vector<float>(kCount, -0.25f * spacing), Format::fp32);
        double up = 0;
        for (float w : fixture.weight.values()) {
            ASSERT_TRUE(w == 1.0f || w == 1.0f + spacing) << w;
            up += w > 1.0f ? 1 : 0;
        }
        EXPECT_NEAR(up / kCount, 0.25, 5 * std::sqrt(0.25 * 0.75 / kCount));
    }
}

TEST(UpdateRounding, StochasticDependsOnSeedAndStepAlone) {
    const std::vector<float> weights = normal_values(100000, 1), gradients = normal_values(100000, 2, 1e-4f);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 3}) {
        UpdateFixture fixture = plain_sgd(Format::fp16, weights, UpdateRounding::stochastic, threads);
        fixture.step(gradients, Format::fp32);
        results.push_back(fixture.weight.values());
    }
    EXPECT_EQ(results[0], results[1]);
    UpdateFixture later = plain_sgd(Format::fp16, weights, UpdateRounding::stochastic);
    later.call.random.step = 1;
    later.step(gradients, Format::fp32);
    EXPECT_NE(results[0], later.weight.values());
}

TEST(UpdateRounding, StochasticLeavesExactValuesAlone) {
    UpdateFixture fixture = plain_sgd(Format::fp16, {1.0f, 2.0f, 0x1p-24f}, UpdateRounding::stochastic);
    fixture.step({0.0f, -0.5f, 0.0f}, Format::fp32);
    EXPECT_EQ(fixture.weight.values(), (std::vector<float>{1.0f, 2.5f, 0x1p-24f}));
}

/// 64 updates of an eighth of an ulp each.
float after_many_small_updates(UpdateRounding rounding, Format format) {
    UpdateFixture fixture = plain_sgd(format, {1.0f}, rounding);
    const float spacing = ulp(format, 1.0f);
    for (int i = 0; i < 64; ++i) fixture.step({-spacing / 8}, Format::fp32);
    return (fixture.weight.values()[0] - 1.0f) / spacing;
}

TEST(UpdateRounding, KahanKeepsWhatNearestLoses) {
    for (const Format format : {Format::fp16, Format::bf16}) {
        EXPECT_EQ(after_many_small_updates(UpdateRounding::nearest, format), 0.0f);
        EXPECT_NEAR(after_many_small_updates(UpdateRounding::kahan, format), 8.0f, 1.0f);
        const float stochastic = after_many_small_updates(UpdateRounding::stochastic, format);
        EXPECT_GT(stochastic, 0.0f);  // 8 on average, deviation 2.6: 0 would be a once in 5000 seeds event
        EXPECT_LT(stochastic, 21.0f);
    }
}

TEST(UpdateRounding, KahanFollowsTheTextbookStepByStep) {
    const auto rounded = [](float x) { return round_to_fp16(x); };
    std::vector<float> w = normal_values(500, 3), c(500, 0.0f);
    for (float& x : w) x = rounded(x);
    UpdateFixture fixture = plain_sgd(Format::fp16, w, UpdateRounding::kahan);
    for (std::uint32_t step = 0; step < 20; ++step) {
        const std::vector<float> gradients = normal_values(500, 40 + step, 1e-4f);
        fixture.step(gradients, Format::fp32);
        for (std::size_t i = 0; i < w.size(); ++i) {
            const float y = rounded(-gradients[i] - c[i]);
            const float t = rounded(w[i] + y);
            c[i] = rounded(rounded(t - w[i]) - y);
            w[i] = t;
        }
        ASSERT_EQ(fixture.weight.values(), w) << "step " << step;
        ASSERT_EQ(fixture.compensation.values(), c) << "step " << step;
    }
}

/// Recomputes Adam's d from the moments the update left behind, in FP32 as the update does.
float adam_update(const OptimizerStep& o, float m, float v) {
    return -(o.learning_rate * (m / o.bias_correction1) / (std::sqrt(v / o.bias_correction2) + o.eps));
}

struct CountCase {
    Format storage;
    bool master;
    UpdateRounding rounding;
};

TEST(UpdateCounting, EqualsBruteForce) {
    const CountCase cases[] = {
        {Format::fp16, false, UpdateRounding::nearest},    {Format::fp16, true, UpdateRounding::nearest},
        {Format::bf16, false, UpdateRounding::nearest},    {Format::fp32, false, UpdateRounding::nearest},
        {Format::fp16, false, UpdateRounding::stochastic}, {Format::fp16, false, UpdateRounding::kahan}};
    for (const CountCase& c : cases) {
        std::vector<float> weights = normal_values(5000, 7);
        for (std::size_t i = 0; i < weights.size(); i += 10) weights[i] = 0.0f;
        UpdateFixture fixture(OptimizerKind::adam, c.storage, weights, c.master);
        fixture.call.rounding = c.rounding;
        fixture.call.optimizer.learning_rate = 1e-4f;
        std::vector<float> gradients = normal_values(5000, 8);
        for (std::size_t i = 0; i < gradients.size(); i += 7) gradients[i] = 0.0f;
        const std::vector<float> before = fixture.weight.values();
        UpdateCounts counts;
        fixture.step(gradients, c.storage, &counts);
        const std::vector<float> m = fixture.moment1.values(), v = fixture.moment2.values();
        std::uint64_t updates = 0, swallowed = 0;
        TensorCounts values;
        for (std::size_t i = 0; i < before.size(); ++i) {
            const float d = adam_update(fixture.call.optimizer, m[i], v[i]);
            values.add(d, round_to(c.storage, d), c.storage);
            if (d == 0.0f || before[i] == 0.0f) continue;
            ++updates;
            swallowed += round_to(c.storage, before[i] + d) == before[i] ? 1 : 0;
        }
        EXPECT_EQ(counts.updates, updates);
        EXPECT_EQ(counts.swallowed, swallowed);
        EXPECT_EQ(counts.values.own.count(), before.size());
        EXPECT_EQ(counts.values.own.true_zero, values.own.true_zero);
        EXPECT_EQ(counts.values.own.subnormal, values.own.subnormal);
        EXPECT_EQ(counts.values.own.normal, values.own.normal);
        EXPECT_EQ(counts.values.max_abs, values.max_abs);
        EXPECT_GT(updates, 3000u);
        if (c.storage != Format::fp32) {
            EXPECT_GT(swallowed, updates / 4);
        }
    }
}

TEST(UpdateCounting, ChangesNoBit) {
    for (const bool master : {false, true}) {
        const std::vector<float> weights = normal_values(3000, 1), gradients = normal_values(3000, 2);
        UpdateFixture plain(OptimizerKind::adamw, Format::fp16, weights, master);
        UpdateFixture counted(OptimizerKind::adamw, Format::fp16, weights, master);
        UpdateCounts counts;
        plain.step(gradients, Format::fp16);
        counted.step(gradients, Format::fp16, &counts);
        EXPECT_EQ(plain.weight.values(), counted.weight.values());
        EXPECT_EQ(plain.moment2.values(), counted.moment2.values());
    }
}

}  // namespace
}  // namespace halfscope
