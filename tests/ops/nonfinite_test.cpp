// NaN and inf are data: they must reach the output and the gradients of every operation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "op_cases.h"

namespace halfscope {
namespace {

const oracle::Extents kExtents{3, 4, 37, 5};

/// The first differentiable input: x, or an embedding's table.
TensorId first_float_input(const OpHarness& harness) {
    for (TensorId id : harness.node().inputs) {
        if (harness.graph().tensor(id).needs_gradient) return id;
    }
    return kNoTensor;
}

bool any_nan(const std::vector<float>& values) {
    return std::any_of(values.begin(), values.end(), [](float x) { return std::isnan(x); });
}
bool any_nonfinite(const std::vector<float>& values) {
    return std::any_of(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
}

/// An element that is read for sure: of the row of the first token in an embedding's table, the first pixel
/// (a window need not reach the last), else the last one.
std::size_t poisoned_element(const PreparedCase& prepared, const std::vector<float>& values) {
    const OpKind op = prepared.harness->node().op;
    if (op == OpKind::max_pool || op == OpKind::average_pool) return 0;
    if (op != OpKind::embedding) return values.size() - 1;
    return static_cast<std::size_t>(prepared.problem.tokens[0] * prepared.problem.extents.out);
}

void poison_input(PreparedCase& prepared, float poison) {
    const TensorId id = first_float_input(*prepared.harness);
    std::vector<float> values = prepared.harness->value(id);
    values[poisoned_element(prepared, values)] = poison;
    prepared.harness->set_value(id, values);
}

TEST(Nonfinite, NanInAnInputReachesTheOutput) {
    for (const OpCase& op : op_cases()) {
        for (const Format format : {Format::fp32, Format::fp16, Format::bf16}) {
            PreparedCase prepared = prepare(op, kExtents, stored_in(format));
            poison_input(prepared, NAN);
            prepared.harness->forward();
            EXPECT_TRUE(any_nan(prepared.harness->output()))
                << op_name(op.op) << " " << format_info(format).name;
        }
    }
}

TEST(Nonfinite, NanInAnInputReachesItsGradientWhereTheOpIsNotLinear) {
    for (const OpCase& op : op_cases()) {
        // In these the gradient of x does not depend on x, or on where its maximum lies alone.
        constexpr OpKind kLinear[] = {OpKind::linear, OpKind::bias_add, OpKind::embedding,
                                      OpKind::conv2d, OpKind::add,      OpKind::average_pool,
                                      OpKind::concat, OpKind::max_pool};
        if (std::find(std::begin(kLinear), std::end(kLinear), op.op) != std::end(kLinear)) continue;
        PreparedCase prepared = prepare(op, kExtents, stored_in(Format::fp16));
        poison_input(prepared, NAN);
        prepared.harness->forward();
        prepared.harness->backward();
        EXPECT_TRUE(any_nan(prepared.harness->gradient(first_float_input(*prepared.harness))))
            << op_name(op.op);
    }
}

TEST(Nonfinite, NanInAnInputReachesTheWeightGradient) {
    PreparedCase prepared = prepare(op_cases()[0], kExtents, stored_in(Format::fp16));
    ASSERT_EQ(prepared.harness->node().op, OpKind::linear);
    poison_input(prepared, NAN);
    prepared.harness->forward();
    prepared.harness->backward();
    EXPECT_TRUE(any_nan(prepared.harness->gradient(prepared.harness->node().inputs[1])));
}

TEST(Nonfinite, InfinityInAnInputIsSeen) {
    for (const OpCase& op : op_cases()) {
        PreparedCase prepared = prepare(op, kExtents, stored_in(Format::fp16));
        poison_input(prepared, INFINITY);
        prepared.harness->forward();
        EXPECT_EQ(any_nonfinite(prepared.harness->output()), op.infinite_input_is_seen) << op_name(op.op);
    }
}

TEST(Nonfinite, NanAndInfinityInTheOutputGradientReachEveryGradient) {
    for (const OpCase& op : op_cases()) {
        for (const float poison : {NAN, INFINITY}) {
            PreparedCase prepared = prepare(op, kExtents, stored_in(Format::fp16));
            OpHarness& harness = *prepared.harness;
            harness.forward();
            if (harness.is_loss()) {
                harness.loss_gradient = poison;
            } else {
                // At places where a rectifier is active, or its NaN would rightly stop there.
                const std::vector<float> y = harness.output();
                std::vector<float> dy = harness.gradient(harness.node().output);
                for (std::size_t i = 0; i < y.size(); ++i)
                    if (y[i] > 0.0f) dy[i] = poison;
                harness.set_output_gradient(dy);
            }
            harness.backward();
            for (TensorId id : harness.node().inputs) {
                if (!harness.graph().tensor(id).needs_gradient) continue;
                EXPECT_TRUE(any_nonfinite(harness.gradient(id)))
                    << op_name(op.op) << " " << harness.graph().tensor(id).name << " " << poison;
            }
        }
    }
}

struct UnaryFact {
    OpKind op;
    float x, y;
};

TEST(Nonfinite, SaturatingFunctionsAtTheEdges) {
    const float inf = INFINITY;
    const UnaryFact facts[] = {
        {OpKind::relu, inf, inf},   {OpKind::relu, -inf, 0.0f},   {OpKind::relu, -0.5f, 0.0f},
        {OpKind::sigmoid, inf, 1},  {OpKind::sigmoid, -inf, 0},   {OpKind::tanh, inf, 1},
        {OpKind::tanh, -inf, -1},   {OpKind::gelu, inf, inf},     {OpKind::gelu, 0, 0},
        {OpKind::relu, 65520, inf}, {OpKind::gelu, 66246.0f, inf}};
    for (const UnaryFact& fact : facts) {
        for (const OpCase& op : op_cases()) {
            if (op.op != fact.op) continue;
            PreparedCase prepared = prepare(op, {1, 1, 1, 1}, stored_in(Format::fp16));
            prepared.harness->set_value(prepared.harness->node().inputs[0], {fact.x});
            prepared.harness->forward();
            EXPECT_EQ(prepared.harness->output()[0], fact.y) << op_name(fact.op) << " at " << fact.x;
        }
    }
}

TEST(Nonfinite, SoftmaxOfMaskedLogits) {
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {3, 4}, Initializer::constant(0.0f));
    builder.softmax_cross_entropy("loss", x, builder.tokens("labels", {3}));
    OpHarness harness(builder.finish(), stored_in(Format::fp16));
    // -1e9 is -inf in FP16: a partly masked row is fine, a fully masked one is NaN.
    const float masked = -1e9f;
    harness.set_value(x, {1, masked, 2, masked, masked, masked, masked, masked, 0, 0, 0, 0});
    harness.set_tokens(harness.node().inputs[1], {2, 0, 3});
    harness.forward();
    harness.backward();
    const std::vector<float> rows = harness.value(harness.node().saved[1]);
    EXPECT_NEAR(rows[0], std::log(1.0 + std::exp(-1.0)), 1e-6);
    EXPECT_TRUE(std::isnan(rows[1]));
    EXPECT_NEAR(rows[2], std::log(4.0), 1e-6);
    const std::vector<float> gradient = harness.gradient(x);
    EXPECT_EQ(gradient[1], 0.0f);
    EXPECT_TRUE(std::isnan(gradient[4]));
    EXPECT_FALSE(std::isnan(gradient[8]));
    EXPECT_TRUE(std::isnan(harness.output()[0]));
}

}  // namespace
}  // namespace halfscope
