// Dropout: the share and the scale of what is kept, the same mask backward, and no mask in evaluation.
#include <gtest/gtest.h>

#include <cmath>

#include "op_harness.h"

namespace halfscope {
namespace {

constexpr std::int64_t kRows = 300, kCols = 401;

OpHarness dropout(float probability, Format format, int threads = 2) {
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {kRows, kCols}, Initializer::constant(0.0f));
    builder.dropout("drop", x, probability);
    PrecisionPolicy policy;
    policy.storage = format;
    OpHarness harness(builder.finish(), policy, threads);
    harness.set_value(x, std::vector<float>(kRows * kCols, 1.0f));
    harness.set_output_gradient(std::vector<float>(kRows * kCols, 1.0f));
    return harness;
}

TEST(Dropout, KeepsTheRightShareAtTheRightScale) {
    for (const float probability : {0.1f, 0.5f, 0.9f}) {
        OpHarness harness = dropout(probability, Format::fp32);
        harness.forward();
        double kept = 0;
        for (float y : harness.output()) {
            ASSERT_TRUE(y == 0.0f || y == 1.0f / (1.0f - probability)) << y;
            kept += y != 0.0f ? 1 : 0;
        }
        const double n = kRows * kCols;
        const double deviation = std::sqrt(n * probability * (1.0 - probability));
        EXPECT_NEAR(kept, n * (1.0 - probability), 5 * deviation) << probability;
    }
}

TEST(Dropout, BackwardUsesTheSameMask) {
    OpHarness harness = dropout(0.3f, Format::fp16);
    harness.forward();
    harness.backward();
    EXPECT_EQ(harness.output(), harness.gradient(harness.node().inputs[0]));
}

TEST(Dropout, MaskDependsOnTheStepAndNotOnThreadsOrFormat) {
    OpHarness first = dropout(0.5f, Format::fp32, 1), second = dropout(0.5f, Format::fp16, 5);
    first.forward();
    second.forward();
    EXPECT_EQ(first.output(), second.output());
    second.random.step = 1;
    second.forward();
    EXPECT_NE(first.output(), second.output());
}

TEST(Dropout, EvaluationAndProbabilityZeroChangeNothing) {
    OpHarness evaluation = dropout(0.5f, Format::fp16), nothing = dropout(0.0f, Format::fp16);
    evaluation.mode = RunMode::evaluation;
    for (OpHarness* harness : {&evaluation, &nothing}) {
        harness->set_value(harness->node().inputs[0], normal_values(kRows * kCols, 1));
        harness->forward();
        EXPECT_EQ(harness->output(), harness->value(harness->node().inputs[0]));
    }
}

TEST(Dropout, NanIsSeenEvenWhereItIsDropped) {
    OpHarness harness = dropout(0.9f, Format::fp16);
    harness.set_value(harness.node().inputs[0], std::vector<float>(kRows * kCols, NAN));
    harness.forward();
    for (float y : harness.output()) ASSERT_TRUE(std::isnan(y));
}

}  // namespace
}  // namespace halfscope
