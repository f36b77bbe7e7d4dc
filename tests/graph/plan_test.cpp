// Plan: bytes by category against numbers worked out by hand, alignment, and sizes that cannot be.
#include "graph/plan.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "graph/graph_builder.h"

namespace halfscope {
namespace {

using C = MemoryCategory;

PrecisionPolicy stored_in(Format format) {
    PrecisionPolicy policy;
    policy.storage = format;
    return policy;
}

/// x [10, 4] -> fc1 3 -> relu -> fc2 2 -> cross-entropy with labels [10]; 4*3+3 + 3*2+2 = 23 parameters.
Graph small_network() {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {10, 4});
    const TensorId labels = builder.tokens("y", {10});
    const TensorId hidden = builder.relu("relu", builder.linear("fc1", x, 3, WeightInit::he_normal));
    builder.softmax_cross_entropy("loss", builder.linear("fc2", hidden, 2, WeightInit::he_normal), labels);
    return builder.finish();
}

TEST(Plan, CountsBytesOfMixedPrecisionByHand) {
    const Graph graph = small_network();
    const Plan plan(graph, stored_in(Format::fp16), PlanPasses::forward_and_backward,
                    {{"master", Format::fp32, C::master_weights},
                     {"moment1", Format::fp32, C::optimizer_state},
                     {"moment2", Format::fp32, C::optimizer_state}});
    const MemoryUse& memory = plan.memory();
    EXPECT_EQ(memory[C::weights], 23u * 2);
    EXPECT_EQ(memory[C::master_weights], 23u * 4);
    EXPECT_EQ(memory[C::optimizer_state], 2u * 23 * 4);
    // x 40, fc1 30, relu 30, fc2 20 in FP16; labels 10, log_sum_exp 10, row_loss 10, loss 1 in four bytes.
    EXPECT_EQ(memory[C::activations], 120u * 2 + 31 * 4);
    // relu's gradient becomes fc1's in its place, 60 bytes; fc2's, needed with it, begins at the next 64.
    EXPECT_EQ(memory[C::gradients], 23u * 2 + 64 + 20 * 2);
    EXPECT_EQ(memory.total(), 46u + 92 + 184 + 364 + 150);
    EXPECT_GE(plan.total_bytes(), memory.total());
}

TEST(Plan, CountsBytesOfFp32WithoutState) {
    const Graph graph = small_network();
    const Plan plan(graph, stored_in(Format::fp32), PlanPasses::forward_and_backward, {});
    EXPECT_EQ(plan.memory()[C::weights], 23u * 4);
    EXPECT_EQ(plan.memory()[C::master_weights], 0u);
    EXPECT_EQ(plan.memory()[C::optimizer_state], 0u);
    EXPECT_EQ(plan.memory()[C::activations], 151u * 4);
    EXPECT_EQ(plan.memory()[C::gradients], 23u * 4 + 128 + 20 * 4);
}

TEST(Plan, CompensationIsCountedInItsOwnFormat) {
    const Plan plan(small_network(), stored_in(Format::bf16), PlanPasses::forward_and_backward,
                    {{"compensation", Format::bf16, C::optimizer_state}});
    EXPECT_EQ(plan.memory()[C::optimizer_state], 23u * 2);
    EXPECT_EQ(plan.state(0, 0).format, Format::bf16);
    EXPECT_EQ(plan.state(0, 0).bytes, 12u * 2);
}

TEST(Plan, ForwardOnlyHasNoGradientsAndNoWorkspace) {
    GraphBuilder builder;
    builder.gru("gru", builder.input("x", {2, 5, 3}), 4);
    const Graph graph = builder.finish();
    const Plan inference(graph, stored_in(Format::fp16), PlanPasses::forward_only, {});
    EXPECT_EQ(inference.memory()[C::gradients], 0u);
    const Plan training(graph, stored_in(Format::fp16), PlanPasses::forward_and_backward, {});
    // y 2*5*4, parameters 12*3 + 12*4 + 24; workspace: two of 2*5*12, two of 2*4, needed together, so each
    // begins at the next 64 bytes.
    EXPECT_EQ(training.memory()[C::gradients], (40u + 108) * 2 + 256 + 256 + 64 + 16);
    // x 30, y 40, gates 120, hidden_gates 120, previous_hidden 40.
    EXPECT_EQ(training.memory()[C::activations], 350u * 2);
    EXPECT_EQ(inference.memory()[C::activations], 350u * 2);
    for (TensorId id : graph.nodes()[0].workspace) {
        EXPECT_EQ(inference.value(id).bytes, 0u);
        EXPECT_GT(training.value(id).bytes, 0u);
    }
}

TEST(Plan, InputsTargetsAndStatisticsHaveNoGradient) {
    const Graph graph = small_network();
    const Plan plan(graph, stored_in(Format::fp16), PlanPasses::forward_and_backward, {});
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorRole role = graph.tensors()[id].role;
        const bool expected = role == TensorRole::parameter || role == TensorRole::activation;
        EXPECT_EQ(plan.gradient(static_cast<TensorId>(id)).bytes != 0, expected) << graph.tensors()[id].name;
    }
    EXPECT_EQ(plan.value(graph.loss()).format, Format::fp32);
}

TEST(Plan, WhatStaysIsAlignedAndApart) {
    const Graph graph = small_network();
    const Plan plan(graph, stored_in(Format::fp16), PlanPasses::forward_and_backward,
                    {{"master", Format::fp32, C::master_weights}});
    std::vector<std::pair<std::uint64_t, std::uint64_t>> lasting, passing;
    const auto note = [&](auto& ranges, const PlannedBuffer& buffer) {
        if (buffer.bytes != 0) ranges.emplace_back(buffer.offset, buffer.offset + buffer.bytes);
    };
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        note(lasting, plan.value(static_cast<TensorId>(id)));
        const bool is_result = graph.tensors()[id].role == TensorRole::parameter;
        note(is_result ? lasting : passing, plan.gradient(static_cast<TensorId>(id)));
    }
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) note(lasting, plan.state(p, 0));
    for (std::size_t i = 0; i < lasting.size(); ++i) {
        EXPECT_EQ(lasting[i].first % kBufferAlignment, 0u);
        EXPECT_LE(lasting[i].second, plan.total_bytes());
        std::vector<std::pair<std::uint64_t, std::uint64_t>> others(
            lasting.begin() + static_cast<std::ptrdiff_t>(i) + 1, lasting.end());
        others.insert(others.end(), passing.begin(), passing.end());
        for (const auto& [begin, end] : others)
            EXPECT_TRUE(end <= lasting[i].first || lasting[i].second <= begin);
    }
    EXPECT_EQ(passing.size(), 3u);
    for (const auto& [begin, end] : passing) {
        EXPECT_EQ(begin % kBufferAlignment, 0u);
        EXPECT_LE(end, plan.total_bytes());
    }
}

TEST(Plan, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
    constexpr std::int64_t kElements = std::int64_t{1} << 60;
    GraphBuilder one;
    one.input("x", {std::int64_t{1} << 30, std::int64_t{1} << 30});
    const Graph fits = one.finish();
    EXPECT_EQ(Plan(fits, stored_in(Format::fp32), PlanPasses::forward_only, {}).total_bytes(),
              4ull * kElements);

    GraphBuilder many;
    for (int i = 0; i < 40; ++i) {
        many.input("x" + std::to_string(i), {std::int64_t{1} << 30, std::int64_t{1} << 30});
    }
    const Graph absurd = many.finish();
    EXPECT_THROW(Plan(absurd, stored_in(Format::fp32), PlanPasses::forward_only, {}), std::length_error);
    EXPECT_THROW(Plan(absurd, stored_in(Format::fp16), PlanPasses::forward_and_backward, {}),
                 std::length_error);
}

TEST(Plan, CategoriesHaveTheNamesOfTheSummaryLine) {
    EXPECT_STREQ(memory_category_name(C::weights), "weights");
    EXPECT_STREQ(memory_category_name(C::master_weights), "master_weights");
    EXPECT_STREQ(memory_category_name(C::activations), "activations");
    EXPECT_STREQ(memory_category_name(C::gradients), "gradients");
    EXPECT_STREQ(memory_category_name(C::optimizer_state), "optimizer_state");
}

}  // namespace
}  // namespace halfscope
