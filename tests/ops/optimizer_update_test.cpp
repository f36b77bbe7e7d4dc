// SGD, Adam and AdamW against a double-precision oracle over several steps; weight decay's order; optimizer
// state in FP16.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "numerics/rounding.h"
#include "update_fixture.h"

namespace halfscope {
namespace {

/// The papers' formulas in double, element by element.
struct OptimizerOracle {
    OptimizerStep o;
    double scale = 1, clip = 1;
    bool decay_scaled_gradient = false;  ///< weight decay joins before unscaling
    std::vector<double> w, m, v;
    int t = 0;

    void step(const std::vector<float>& gradients) {
        ++t;
        for (std::size_t i = 0; i < w.size(); ++i) {
            double g = gradients[i] / scale * clip;
            const double decay = o.weight_decay * w[i];
            if (o.kind != OptimizerKind::adamw) g += decay_scaled_gradient ? decay / scale : decay;
            if (o.kind == OptimizerKind::sgd) {
                m[i] = o.momentum * m[i] + g;
                w[i] -= o.learning_rate * m[i];
                continue;
            }
            m[i] = static_cast<double>(o.beta1) * m[i] + (1.0 - o.beta1) * g;
            v[i] = static_cast<double>(o.beta2) * v[i] + (1.0 - o.beta2) * g * g;
            const double first = m[i] / (1 - std::pow(o.beta1, t)),
                         second = v[i] / (1 - std::pow(o.beta2, t));
            if (o.kind == OptimizerKind::adamw) w[i] -= o.learning_rate * decay;
            w[i] -= o.learning_rate * first / (std::sqrt(second) + o.eps);
        }
    }
};

struct UpdateCase {
    const char* name;
    OptimizerKind kind;
    Format storage;
    bool master;
    float weight_decay, scale, clip;
    UnscaleOrder order;
};

const UpdateCase kCases[] = {
    {"sgd fp32", OptimizerKind::sgd, Format::fp32, false, 0, 1, 1, UnscaleOrder::after_unscale},
    {"sgd decay fp32", OptimizerKind::sgd, Format::fp32, false, 0.01f, 1, 1, UnscaleOrder::after_unscale},
    {"sgd mixed", OptimizerKind::sgd, Format::fp16, true, 0.01f, 1024, 0.5f, UnscaleOrder::after_unscale},
    {"sgd decay before unscaling", OptimizerKind::sgd, Format::fp16, true, 0.1f, 1024, 1,
     UnscaleOrder::before_unscale},
    {"adam fp32", OptimizerKind::adam, Format::fp32, false, 0, 1, 1, UnscaleOrder::after_unscale},
    {"adam L2 mixed", OptimizerKind::adam, Format::fp16, true, 0.1f, 256, 0.25f, UnscaleOrder::after_unscale},
    {"adam bf16 master", OptimizerKind::adam, Format::bf16, true, 0, 1, 1, UnscaleOrder::after_unscale},
    {"adamw fp32", OptimizerKind::adamw, Format::fp32, false, 0.1f, 1, 1, UnscaleOrder::after_unscale},
    {"adamw mixed", OptimizerKind::adamw, Format::fp16, true, 0.1f, 4096, 1, UnscaleOrder::after_unscale},
    {"adamw ignores the order", OptimizerKind::adamw, Format::fp16, true, 0.1f, 64, 1,
     UnscaleOrder::before_unscale},
};

TEST(OptimizerUpdate, AgreesWithTheOracleOverTenSteps) {
    for (const UpdateCase& c : kCases) {
        for (const std::int64_t n : {1, 17, 1000}) {
            const std::vector<float> start = normal_values(n, 1);
            UpdateFixture fixture(c.kind, c.storage, start, c.master);
            OptimizerStep& o = fixture.call.optimizer;
            o.learning_rate = 0.01f;
            o.weight_decay = c.weight_decay;
            fixture.call.inverse_scale = 1.0f / c.scale;
            fixture.call.clip_factor = c.clip;
            fixture.call.decay_order = c.order;
            OptimizerOracle oracle{o, c.scale, c.clip, c.order == UnscaleOrder::before_unscale, {}, {}, {}};
            oracle.w.assign(start.begin(), start.end());
            oracle.m.resize(start.size());
            oracle.v.resize(start.size());
            for (std::uint32_t t = 0; t < 10; ++t) {
                std::vector<float> gradients = normal_values(n, 100 + t, c.scale * 0.1f);
                for (float& g : gradients) g = round_to(c.storage, g);
                fixture.step(gradients, c.storage);
                oracle.step(gradients);
            }
            const std::vector<float> w = c.master ? fixture.master.values() : fixture.weight.values();
            const std::vector<float> stored = fixture.weight.values();
            for (std::size_t i = 0; i < w.size(); ++i) {
                ASSERT_NEAR(w[i], oracle.w[i], 2e-6 * (1 + std::fabs(oracle.w[i])))
                    << c.name << " element " << i;
                ASSERT_EQ(stored[i], round_to(c.storage, w[i]))
                    << c.name << ": the compute copy is the rounded master";
            }
        }
    }
}

TEST(OptimizerUpdate, SgdWithoutMomentumTensorIsPlain) {
    UpdateFixture fixture(OptimizerKind::sgd, Format::fp32, {1, 2, 3}, false);
    fixture.has_moment1 = false;
    fixture.call.optimizer.learning_rate = 0.5f;
    fixture.step({1, -2, 4}, Format::fp32);
    fixture.step({1, -2, 4}, Format::fp32);
    EXPECT_EQ(fixture.weight.values(), (std::vector<float>{0, 4, -1}));
}

TEST(OptimizerUpdate, WeightDecayBeforeUnscalingIsDividedAway) {
    const auto decayed = [](UnscaleOrder order) {
        UpdateFixture fixture(OptimizerKind::sgd, Format::fp16, {1.0f}, true);
        fixture.has_moment1 = false;
        fixture.call.optimizer.learning_rate = 1.0f;
        fixture.call.optimizer.weight_decay = 0.5f;
        fixture.call.inverse_scale = 1.0f / 1024;
        fixture.call.decay_order = order;
        fixture.step({0.0f}, Format::fp16);
        return fixture.master.values()[0];
    };
    EXPECT_EQ(decayed(UnscaleOrder::after_unscale), 0.5f);
    EXPECT_EQ(decayed(UnscaleOrder::before_unscale), 1.0f - 0.5f / 1024);
}

TEST(OptimizerUpdate, AdamsEpsIsZeroInFp16) {
    // eps = 1e-8 is 0 in FP16, so a gradient of 0 gives 0 / 0 (scenarios: "NaN after step 1").
    UpdateFixture half(OptimizerKind::adam, Format::fp16, {1.0f, 1.0f}, false, Format::fp16);
    half.step({0.0f, 0.5f}, Format::fp16);
    EXPECT_TRUE(std::isnan(half.weight.values()[0]));
    EXPECT_FALSE(std::isnan(half.weight.values()[1]));
    UpdateFixture full(OptimizerKind::adam, Format::fp16, {1.0f, 1.0f}, false, Format::fp32);
    full.step({0.0f, 0.5f}, Format::fp16);
    EXPECT_EQ(full.weight.values()[0], 1.0f);
    // A larger eps survives.
    UpdateFixture larger(OptimizerKind::adam, Format::fp16, {1.0f, 1.0f}, false, Format::fp16);
    larger.call.optimizer.eps = 1e-4f;
    larger.step({0.0f, 0.5f}, Format::fp16);
    EXPECT_EQ(larger.weight.values()[0], 1.0f);
}

TEST(OptimizerUpdate, SecondMomentUnderflowsInFp16) {
    UpdateFixture fixture(OptimizerKind::adam, Format::fp16, {1.0f}, false, Format::fp16);
    fixture.step({1e-3f}, Format::fp16);
    // (1 - b2) g^2 = 1e-9 is 0 in FP16: the step is infinite.
    EXPECT_EQ(fixture.moment2.values()[0], 0.0f);
    EXPECT_TRUE(std::isinf(fixture.weight.values()[0]));
}

TEST(OptimizerUpdate, MomentsAndConstantsAreRoundedToTheStateFormat) {
    UpdateFixture fixture(OptimizerKind::sgd, Format::fp32, {0.0f}, false, Format::fp16);
    fixture.call.optimizer.momentum = 0.9f;
    fixture.call.optimizer.learning_rate = 0.3f;
    fixture.step({1.0f / 3}, Format::fp32);
    fixture.step({1.0f / 7}, Format::fp32);
    const float first = round_to_fp16(1.0f / 3);
    const float second = round_to_fp16(round_to_fp16(0.9f) * first + 1.0f / 7);
    EXPECT_EQ(fixture.moment1.values()[0], second);
    EXPECT_EQ(fixture.weight.values()[0], -(0.3f * first) + -(0.3f * second));
}

TEST(OptimizerUpdate, NanGradientReachesWeightAndMoments) {
    for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
        UpdateFixture fixture(kind, Format::fp16, {1.0f, 1.0f}, true);
        fixture.step({NAN, 0.5f}, Format::fp16);
        EXPECT_TRUE(std::isnan(fixture.weight.values()[0]));
        EXPECT_TRUE(std::isnan(fixture.master.values()[0]));
        EXPECT_TRUE(std::isnan(fixture.moment1.values()[0]));
        EXPECT_TRUE(std::isfinite(fixture.weight.values()[1]));
    }
}

}  // namespace
}  // namespace halfscope
