#include "models/mlp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace halfscope {
namespace {

Graph record(std::int64_t rows, std::int64_t inputs, const MlpShape& shape) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {rows, inputs});
    const TensorId y = builder.tokens("y", {rows});
    builder.softmax_cross_entropy("loss", mlp(builder, x, shape), y);
    return builder.finish();
}

TEST(Mlp, NamesAndShapesFollowPyTorch) {
    const Graph graph = record(8, 2, {{32, 16}, 3, Activation::sigmoid});
    ASSERT_EQ(graph.parameters().size(), 6u);
    const char* names[] = {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"};
    const Shape shapes[] = {{32, 2}, {32}, {16, 32}, {16}, {3, 16}, {3}};
    for (std::size_t i = 0; i < 6; ++i) {
        const TensorInfo& info = graph.tensor(graph.parameters()[i]);
        EXPECT_EQ(info.name, names[i]);
        EXPECT_EQ(info.shape, shapes[i]) << info.name;
    }
    EXPECT_EQ(graph.parameter_count(), 32 * 2 + 32 + 16 * 32 + 16 + 3 * 16 + 3);
    EXPECT_EQ(graph.tensor(graph.prediction()).name, "fc3");
    EXPECT_EQ(graph.tensor(graph.prediction()).shape, (Shape{8, 3}));
}

TEST(Mlp, ActivationsStandBetweenLayersOnly) {
    const OpKind kinds[] = {OpKind::sigmoid, OpKind::tanh, OpKind::relu, OpKind::gelu};
    for (int activation = 0; activation < 4; ++activation) {
        const Graph graph = record(4, 2, {{5, 5}, 3, static_cast<Activation>(activation)});
        const OpKind expected[] = {OpKind::linear,    kinds[activation], OpKind::linear,
                                   kinds[activation], OpKind::linear,    OpKind::softmax_cross_entropy};
        ASSERT_EQ(graph.nodes().size(), 6u);
        for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(graph.nodes()[i].op, expected[i]);
    }
}

TEST(Mlp, ReluStartsWithHeTheOthersWithFanIn) {
    const Graph he = record(4, 50, {{5}, 3, Activation::relu});
    const Initializer& normal = he.tensor(he.find("fc1.weight")).initializer;
    EXPECT_EQ(normal.kind, Initializer::Kind::normal);
    EXPECT_FLOAT_EQ(normal.amount, 0.2f);  // sqrt(2 / 50)
    EXPECT_EQ(he.tensor(he.find("fc1.bias")).initializer.amount, 0.0f);

    const Graph fan_in = record(4, 25, {{5}, 3, Activation::tanh});
    for (const char* name : {"fc1.weight", "fc1.bias"}) {
        const Initializer& uniform = fan_in.tensor(fan_in.find(name)).initializer;
        EXPECT_EQ(uniform.kind, Initializer::Kind::uniform) << name;
        EXPECT_FLOAT_EQ(uniform.amount, 0.2f) << name;  // 1 / sqrt(25)
    }
}

TEST(Mlp, WithoutHiddenLayersItIsLinear) {
    const Graph graph = record(4, 2, {{}, 3, Activation::sigmoid});
    EXPECT_EQ(graph.nodes().size(), 2u);
    EXPECT_EQ(graph.parameter_count(), 9);
}

TEST(Mlp, AWidthBelowOneIsRefused) {
    EXPECT_THROW(record(4, 2, {{0}, 3, Activation::sigmoid}), std::invalid_argument);
    EXPECT_THROW(record(4, 2, {{-3}, 3, Activation::sigmoid}), std::invalid_argument);
}

}  // namespace
}  // namespace halfscope
