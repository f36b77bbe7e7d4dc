#include "models/char_gru.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

namespace halfscope {
namespace {

Graph record(std::int64_t batch, std::int64_t time, const CharGruShape& shape) {
    GraphBuilder builder;
    const TensorId x = builder.tokens("x", {batch, time});
    const TensorId y = builder.tokens("y", {batch, time});
    builder.softmax_cross_entropy("loss", char_gru(builder, x, shape), y);
    return builder.finish();
}

TEST(CharGru, NamesAndShapesFollowPyTorch) {
    const Graph graph = record(16, 32, {27, 32, 96});
    const std::map<std::string, Shape> expected{{"embedding.weight", {27, 32}},
                                                {"gru.weight_ih_l0", {288, 32}},
                                                {"gru.weight_hh_l0", {288, 96}},
                                                {"gru.bias_ih_l0", {288}},
                                                {"gru.bias_hh_l0", {288}},
                                                {"head.weight", {27, 96}},
                                                {"head.bias", {27}}};
    ASSERT_EQ(graph.parameters().size(), expected.size());
    std::int64_t count = 0;
    for (TensorId id : graph.parameters()) {
        const TensorInfo& info = graph.tensor(id);
        ASSERT_TRUE(expected.contains(info.name)) << info.name;
        EXPECT_EQ(info.shape, expected.at(info.name)) << info.name;
        count += info.shape.elements();
    }
    EXPECT_EQ(graph.parameter_count(), count);
    EXPECT_EQ(graph.tensor(graph.prediction()).shape, (Shape{16, 32, 27}));
}

TEST(CharGru, StartsAsStated) {
    const Graph graph = record(2, 4, {5, 3, 16});
    const Initializer& embedding = graph.tensor(graph.find("embedding.weight")).initializer;
    EXPECT_EQ(embedding.kind, Initializer::Kind::normal);
    EXPECT_FLOAT_EQ(embedding.amount, 0.1f);
    for (const char* name : {"gru.weight_hh_l0", "gru.bias_ih_l0", "head.weight", "head.bias"}) {
        const Initializer& initializer = graph.tensor(graph.find(name)).initializer;
        EXPECT_EQ(initializer.kind, Initializer::Kind::uniform) << name;
        EXPECT_FLOAT_EQ(initializer.amount, 0.25f) << name;  // 1 / sqrt(16)
    }
}

TEST(CharGru, AnExtentBelowOneIsRefused) {
    EXPECT_THROW(record(2, 4, {0, 3, 16}), std::invalid_argument);
    EXPECT_THROW(record(2, 4, {5, 0, 16}), std::invalid_argument);
    EXPECT_THROW(record(2, 4, {5, 3, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace halfscope
