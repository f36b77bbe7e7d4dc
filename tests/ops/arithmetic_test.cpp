// Arithmetic inside operations: FP16 accumulation, TF32 operands, reductions in storage format, norm eps,
// loss reduction, flushed subnormals, and the documented orders of summation.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics/accumulate.h"
#include "numerics/rounding.h"
#include "op_cases.h"

namespace halfscope {
namespace {

const OpCase& case_of(OpKind kind) {
    for (const OpCase& op : op_cases()) {
        if (op.op == kind) return op;
    }
    throw std::out_of_range("no such case");
}

std::size_t index(std::int64_t row, std::int64_t cols, std::int64_t col) {
    return static_cast<std::size_t>(row * cols + col);
}

TEST(Arithmetic, LinearAccumulatesInFp16ByBlocksOfSixteen) {
    PrecisionPolicy policy = stored_in(Format::fp16);
    policy.arithmetic.accumulate = Accumulate::fp16;
    const oracle::Extents e{1, 37, 100, 9};
    PreparedCase prepared = prepare(case_of(OpKind::linear), e, policy);
    OpHarness& harness = *prepared.harness;
    harness.forward();
    harness.backward();
    const Node& node = harness.node();
    const std::vector<float> x = harness.value(node.inputs[0]), w = harness.value(node.inputs[1]);
    const std::vector<float> b = harness.value(node.inputs[2]), y = harness.output();
    const std::vector<float> dy = harness.gradient(node.output), dw = harness.gradient(node.inputs[1]);
    for (std::int64_t row = 0; row < e.rows(); ++row) {
        for (std::int64_t out = 0; out < e.out; ++out) {
            BlockRounder sum(Format::fp16);
            for (std::int64_t k = 0; k < e.in; ++k)
                sum.add_product(x[index(row, e.in, k)], w[index(out, e.in, k)]);
            const float expected = round_to_fp16(sum.finish() + b[static_cast<std::size_t>(out)]);
            ASSERT_EQ(y[index(row, e.out, out)], expected) << row << ", " << out;
        }
    }
    for (std::int64_t out = 0; out < e.out; ++out) {
        for (std::int64_t in = 0; in < e.in; ++in) {
            BlockRounder sum(Format::fp16);
            for (std::int64_t k = 0; k < e.rows(); ++k)
                sum.add_product(dy[index(k, e.out, out)], x[index(k, e.in, in)]);
            ASSERT_EQ(dw[index(out, e.in, in)], sum.finish()) << out << ", " << in;
        }
    }
}

TEST(Arithmetic, LinearRoundsOperandsToTf32) {
    PrecisionPolicy policy = stored_in(Format::fp32);
    policy.arithmetic.matmul_operands = Format::tf32;
    const oracle::Extents e{1, 7, 33, 5};
    PreparedCase prepared = prepare(case_of(OpKind::linear), e, policy);
    OpHarness& harness = *prepared.harness;
    harness.forward();
    const Node& node = harness.node();
    const std::vector<float> x = harness.value(node.inputs[0]), w = harness.value(node.inputs[1]);
    const std::vector<float> b = harness.value(node.inputs[2]), y = harness.output();
    for (std::int64_t row = 0; row < e.rows(); ++row) {
        for (std::int64_t out = 0; out < e.out; ++out) {
            float sum = 0;
            for (std::int64_t k = 0; k < e.in; ++k) {
                sum = std::fma(round_to(Format::tf32, x[index(row, e.in, k)]),
                               round_to(Format::tf32, w[index(out, e.in, k)]), sum);
            }
            ASSERT_EQ(y[index(row, e.out, out)], sum + b[static_cast<std::size_t>(out)]);
        }
    }
}

TEST(Arithmetic, BiasGradientIsSummedByChunksOf256Rows) {
    PreparedCase prepared = prepare(case_of(OpKind::linear), {1, 700, 3, 5}, stored_in(Format::fp32));
    OpHarness& harness = *prepared.harness;
    harness.forward();
    harness.backward();
    const std::vector<float> dy = harness.gradient(harness.node().output);
    const std::vector<float> db = harness.gradient(harness.node().inputs[2]);
    for (std::int64_t col = 0; col < 5; ++col) {
        float total = 0;
        for (std::int64_t begin = 0; begin < 700; begin += 256) {
            float chunk = 0;
            for (std::int64_t row = begin; row < std::min<std::int64_t>(700, begin + 256); ++row) {
                chunk += dy[index(row, 5, col)];
            }
            total += chunk;
        }
        EXPECT_EQ(db[static_cast<std::size_t>(col)], total);
    }
}

/// Mean over the innermost axis in the order of ops/executor.h: 32 lanes and a halving tree.
float lane_sum(const float* values, std::int64_t count) {
    float lanes[32] = {};
    for (std::int64_t i = 0; i < count; ++i) lanes[i % 32] += values[i];
    for (int width = 16; width > 0; width /= 2) {
        for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    return lanes[0];
}

TEST(Arithmetic, NormStatisticsFollowTheDocumentedOrder) {
    for (const std::int64_t cols : {1, 5, 32, 33, 65, 1100, 2500}) {
        PreparedCase prepared =
            prepare(case_of(OpKind::layer_norm), {1, 7, cols, 1}, stored_in(Format::fp16));
        OpHarness& harness = *prepared.harness;
        harness.forward();
        const std::vector<float> x = harness.value(harness.node().inputs[0]);
        const std::vector<float> mean = harness.value(harness.node().saved[0]);
        for (std::int64_t row = 0; row < 7; ++row) {
            const float expected = lane_sum(x.data() + row * cols, cols) / static_cast<float>(cols);
            EXPECT_EQ(mean[static_cast<std::size_t>(row)], expected) << cols << " columns, row " << row;
        }
    }
}

/// A [1, count] prediction of ones against targets of 0: the sum of `count` ones.
float sum_of_ones(std::int64_t count, Format reduction, LossReduction loss) {
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {1, count}, Initializer::constant(0.0f));
    const TensorId target = builder.target("target", {1, count});
    builder.mean_squared_error("loss", x, target);
    PrecisionPolicy policy = stored_in(Format::fp16);
    policy.arithmetic.reduction_format = reduction;
    policy.arithmetic.loss_reduction = loss;
    OpHarness harness(builder.finish(), policy);
    harness.set_value(x, std::vector<float>(static_cast<std::size_t>(count), 1.0f));
    harness.forward();
    return harness.output()[0];
}

TEST(Arithmetic, SumOfOnesStallsInFp16) {
    EXPECT_EQ(sum_of_ones(65536, Format::fp32, LossReduction::sum), 65536.0f);
    EXPECT_EQ(sum_of_ones(65536, Format::fp16, LossReduction::sum), 32768.0f);
    EXPECT_EQ(sum_of_ones(65536, Format::fp16, LossReduction::mean), 0.5f);
    EXPECT_EQ(sum_of_ones(65536, Format::bf16, LossReduction::sum), 4096.0f);
    EXPECT_EQ(sum_of_ones(1000, Format::fp16, LossReduction::sum), 1000.0f);
}

TEST(Arithmetic, SoftmaxDenominatorStallsInFp16) {
    constexpr std::int64_t kClasses = 65536;
    for (const Format reduction : {Format::fp32, Format::fp16}) {
        GraphBuilder builder;
        const TensorId x = builder.parameter("x", {1, kClasses}, Initializer::constant(0.0f));
        builder.softmax_cross_entropy("loss", x, builder.tokens("labels", {1}));
        PrecisionPolicy policy = stored_in(Format::fp16);
        policy.arithmetic.reduction_format = reduction;
        OpHarness harness(builder.finish(), policy);
        harness.loss_gradient = 32768.0f;
        harness.set_tokens(harness.node().inputs[1], {5});
        harness.forward();
        harness.backward();
        const std::vector<float> gradient = harness.gradient(x);
        double probabilities = 1.0;  // the label's own 1 was subtracted
        for (float g : gradient) probabilities += g / 32768.0;
        EXPECT_NEAR(probabilities, reduction == Format::fp32 ? 1.0 : 2.0, 2e-3);
        const double log_sum = harness.value(harness.node().saved[0])[0];
        EXPECT_NEAR(log_sum, std::log(reduction == Format::fp32 ? 65536.0 : 32768.0), 1e-5);
    }
}

TEST(Arithmetic, NormStatisticsInFp16AreRoundedByBlocks) {
    PrecisionPolicy policy = stored_in(Format::fp16);
    policy.arithmetic.reduction_format = Format::fp16;
    PreparedCase prepared = prepare(case_of(OpKind::layer_norm), {1, 3, 100, 1}, policy);
    OpHarness& harness = *prepared.harness;
    std::vector<float> x = harness.value(harness.node().inputs[0]);
    for (std::size_t i = 0; i < 100; ++i) x[i] = 100.0f + x[i];  // a mean that FP16 sums cannot hold
    for (std::size_t i = 100; i < 200; ++i) x[i] = 1000.0f;      // 100 x 1000 overflows FP16
    harness.set_value(harness.node().inputs[0], x);
    x = harness.value(harness.node().inputs[0]);
    harness.forward();
    const std::vector<float> mean = harness.value(harness.node().saved[0]);
    for (std::size_t row : {0u, 2u}) {
        BlockRounder sum(Format::fp16);
        for (std::size_t i = 0; i < 100; ++i) sum.add(x[row * 100 + i]);
        EXPECT_EQ(mean[row], sum.finish() / 100.0f);
    }
    EXPECT_TRUE(std::isinf(mean[1]));
    EXPECT_TRUE(std::isnan(harness.output()[150])) << "an overflowed statistic must show";
}

TEST(Arithmetic, RunningStatisticsAreThoseOfPyTorch) {
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {4, 1}, Initializer::constant(0.0f));
    builder.batch_norm("norm", x, 1e-5f, 0.25f);
    OpHarness harness(builder.finish(), stored_in(Format::fp32));
    harness.set_value(x, {1, 3, 5, 7});  // mean 4, squares about it 20: variance 5, unbiased 20/3
    harness.set_value(harness.node().inputs[1], {1.0f});
    harness.set_value(harness.node().inputs[3], {8.0f});
    harness.set_value(harness.node().inputs[4], {2.0f});
    harness.forward();
    EXPECT_EQ(harness.value(harness.node().inputs[3])[0], 0.75f * 8.0f + 0.25f * 4.0f);
    EXPECT_EQ(harness.value(harness.node().inputs[4])[0], 0.75f * 2.0f + 0.25f * (20.0f / 3.0f));
    EXPECT_NEAR(harness.output()[3], 3.0 / std::sqrt(5.0 + 1e-5), 1e-6);
    // Evaluation reads them and leaves them alone.
    harness.mode = RunMode::evaluation;
    harness.forward();
    EXPECT_EQ(harness.value(harness.node().inputs[3])[0], 7.0f);
    const double variance = harness.value(harness.node().inputs[4])[0];
    EXPECT_NEAR(harness.output()[0], (1.0 - 7.0) / std::sqrt(variance + 1e-5), 1e-6);
}

TEST(Arithmetic, NormEpsIsLostInFp16) {
    struct Fact {
        float eps;
        Format eps_format;
        bool finite;
    };
    // A constant row has variance 0: eps alone keeps it finite, and 1e-8 is 0 in FP16.
    const Fact facts[] = {{1e-8f, Format::fp32, true},
                          {1e-8f, Format::fp16, false},
                          {1e-5f, Format::fp16, true},
                          {1e-8f, Format::bf16, true}};
    for (const Fact& fact : facts) {
        GraphBuilder builder;
        const TensorId x = builder.parameter("x", {1, 8}, Initializer::constant(0.0f));
        builder.layer_norm("norm", x, fact.eps);
        PrecisionPolicy policy = stored_in(Format::fp16);
        policy.arithmetic.eps_format = fact.eps_format;
        OpHarness harness(builder.finish(), policy);
        harness.set_value(x, std::vector<float>(8, 3.0f));
        harness.forward();
        EXPECT_EQ(std::isfinite(harness.output()[0]), fact.finite) << fact.eps;
        const float expected = 1.0f / std::sqrt(round_to(fact.eps_format, fact.eps));
        EXPECT_EQ(harness.value(harness.node().saved[1])[0], expected) << fact.eps;
    }
}

TEST(Arithmetic, NormEpsIsRoundedBeforeItIsAdded) {
    // In units of 2^-24: variance 17, eps 2.5. Rounded first, eps is 2 and the sum 19; unrounded, 19.5 would
    // round to 20.
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {1, 8}, Initializer::constant(0.0f));
    builder.layer_norm("norm", x, 2.5f * 0x1p-24f);
    PrecisionPolicy policy = stored_in(Format::fp16);
    policy.arithmetic.eps_format = Format::fp16;
    OpHarness harness(builder.finish(), policy);
    std::vector<float> values{8, -8, 2, -2, 0, 0, 0, 0};
    for (float& value : values) value *= 0x1p-12f;
    harness.set_value(x, values);
    harness.forward();
    EXPECT_EQ(harness.value(harness.node().saved[1])[0], 1.0f / std::sqrt(19.0f * 0x1p-24f));
}

TEST(Arithmetic, SummedLossesAreNotDivided) {
    for (const OpKind kind : {OpKind::softmax_cross_entropy, OpKind::mean_squared_error}) {
        PrecisionPolicy summed = stored_in(Format::fp32);
        summed.arithmetic.loss_reduction = LossReduction::sum;
        const oracle::Extents e{1, 16, 8, 1};
        PreparedCase mean = prepare(case_of(kind), e, stored_in(Format::fp32));
        PreparedCase sum = prepare(case_of(kind), e, summed);
        for (OpHarness* harness : {mean.harness.get(), sum.harness.get()}) {
            harness->forward();
            harness->backward();
        }
        const float count = kind == OpKind::mean_squared_error ? 128.0f : 16.0f;  // powers of two: exact
        EXPECT_EQ(sum.harness->output()[0], count * mean.harness->output()[0]);
        const TensorId x = mean.harness->node().inputs[0];
        const std::vector<float> by_mean = mean.harness->gradient(x), by_sum = sum.harness->gradient(x);
        for (std::size_t i = 0; i < by_mean.size(); ++i) EXPECT_EQ(by_sum[i], count * by_mean[i]);
    }
}

TEST(Arithmetic, LossScaleIsFoldedIntoTheFirstGradient) {
    const oracle::Extents e{1, 64, 8, 1};
    PreparedCase one = prepare(case_of(OpKind::softmax_cross_entropy), e, stored_in(Format::fp32));
    PreparedCase scaled = prepare(case_of(OpKind::softmax_cross_entropy), e, stored_in(Format::fp32));
    one.harness->loss_gradient = 1.0f;
    scaled.harness->loss_gradient = 1024.0f;
    for (OpHarness* harness : {one.harness.get(), scaled.harness.get()}) {
        harness->forward();
        harness->backward();
    }
    EXPECT_EQ(one.harness->output(), scaled.harness->output()) << "the loss itself is reported unscaled";
    const TensorId x = one.harness->node().inputs[0];
    const std::vector<float> g = one.harness->gradient(x), s = scaled.harness->gradient(x);
    for (std::size_t i = 0; i < g.size(); ++i) EXPECT_EQ(s[i], 1024.0f * g[i]);
}

TEST(Arithmetic, FlushedSubnormalsAreStoredAsZero) {
    for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
        PrecisionPolicy policy = stored_in(Format::fp16);
        policy.arithmetic.subnormals = subnormals;
        PreparedCase prepared = prepare(case_of(OpKind::tanh), {1, 1, 4, 1}, policy);
        OpHarness& harness = *prepared.harness;
        harness.set_value(harness.node().inputs[0], {0, 0, 0, 0});
        harness.forward();
        harness.set_output_gradient({0x1p-14f, 0x1p-14f, 0x1p-13f, -0x1p-14f});
        harness.set_value(harness.node().output, {0.0f, 0.875f, 0.0f, 0.875f});
        harness.backward();
        const std::vector<float> dx = harness.gradient(harness.node().inputs[0]);
        const bool kept = subnormals == Subnormals::keep;
        EXPECT_EQ(dx[0], 0x1p-14f);
        EXPECT_EQ(dx[1], kept ? round_to_fp16(0x1p-14f * 0.234375f) : 0.0f);
        EXPECT_EQ(dx[2], 0x1p-13f);
        EXPECT_EQ(dx[3], kept ? round_to_fp16(-0x1p-14f * 0.234375f) : 0.0f);
    }
}

}  // namespace
}  // namespace halfscope
