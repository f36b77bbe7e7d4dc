// GraphBuilder: what it records for each layer, and what it refuses.
#include "graph/graph_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

namespace halfscope {
namespace {

TEST(GraphBuilder, RecordsLinearWithBothInitialisations) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {4, 3, 16});
    const TensorId hidden = builder.linear("fc1", x, 5, WeightInit::fan_in_uniform);
    builder.linear("fc2", hidden, 2, WeightInit::he_normal);
    const Graph graph = builder.finish();
    ASSERT_EQ(graph.parameters().size(), 4u);
    const TensorInfo& weight = graph.tensor(graph.find("fc1.weight"));
    EXPECT_EQ(weight.shape, (Shape{5, 16}));
    EXPECT_EQ(weight.initializer.kind, Initializer::Kind::uniform);
    EXPECT_FLOAT_EQ(weight.initializer.amount, 0.25f);
    EXPECT_FLOAT_EQ(graph.tensor(graph.find("fc1.bias")).initializer.amount, 0.25f);
    EXPECT_EQ(graph.tensor(hidden).shape, (Shape{4, 3, 5}));
    const TensorInfo& second = graph.tensor(graph.find("fc2.weight"));
    EXPECT_EQ(second.initializer.kind, Initializer::Kind::normal);
    EXPECT_FLOAT_EQ(second.initializer.amount, std::sqrt(2.0f / 5.0f));
    EXPECT_EQ(graph.tensor(graph.find("fc2.bias")).initializer.kind, Initializer::Kind::constant);
    EXPECT_EQ(graph.parameter_count(), 16 * 5 + 5 + 5 * 2 + 2);
    EXPECT_FALSE(graph.tensor(x).needs_gradient);
    EXPECT_TRUE(graph.tensor(hidden).needs_gradient);
    EXPECT_EQ(graph.loss(), kNoTensor);
    EXPECT_EQ(graph.tensor(graph.prediction()).name, "fc2");
}

TEST(GraphBuilder, RecordsGruUnderPyTorchsNames) {
    GraphBuilder builder;
    const TensorId tokens = builder.tokens("tokens", {2, 7});
    const TensorId embedded = builder.embedding("embedding", tokens, 11, 3, 0.1f);
    builder.gru("gru", embedded, 4);
    const Graph graph = builder.finish();
    EXPECT_EQ(graph.tensor(graph.find("embedding.weight")).shape, (Shape{11, 3}));
    EXPECT_EQ(graph.tensor(embedded).shape, (Shape{2, 7, 3}));
    EXPECT_EQ(graph.tensor(graph.find("gru.weight_ih_l0")).shape, (Shape{12, 3}));
    EXPECT_EQ(graph.tensor(graph.find("gru.weight_hh_l0")).shape, (Shape{12, 4}));
    EXPECT_EQ(graph.tensor(graph.find("gru.bias_ih_l0")).shape, (Shape{12}));
    EXPECT_EQ(graph.tensor(graph.find("gru.bias_hh_l0")).shape, (Shape{12}));
    EXPECT_FLOAT_EQ(graph.tensor(graph.find("gru.bias_hh_l0")).initializer.amount, 0.5f);
    const Node& node = graph.nodes().back();
    EXPECT_EQ(node.time_steps, 7);
    EXPECT_EQ(node.saved.size(), 3u);
    EXPECT_EQ(node.workspace.size(), 4u);
    EXPECT_EQ(graph.tensor(node.output).shape, (Shape{2, 7, 4}));
}

TEST(GraphBuilder, MarksLossAndPrediction) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {6, 3});
    const TensorId labels = builder.tokens("y", {6});
    const TensorId logits = builder.linear("fc", x, 4, WeightInit::fan_in_uniform);
    const TensorId loss = builder.softmax_cross_entropy("loss", logits, labels);
    const Graph graph = builder.finish();
    EXPECT_EQ(graph.loss(), loss);
    EXPECT_EQ(graph.prediction(), logits);
    EXPECT_EQ(graph.inputs(), (std::vector<TensorId>{x, labels}));
    EXPECT_EQ(graph.nodes().back().saved.size(), 2u);
    EXPECT_EQ(graph.tensor(loss).role, TensorRole::statistic);
    EXPECT_EQ(graph.find("nothing"), kNoTensor);
    EXPECT_TRUE(builder.finish().tensors().empty()) << "the builder is empty after finish()";
}

TEST(GraphBuilder, GradientsReachOnlyWhatDependsOnParameters) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {2, 3});
    const TensorId squashed = builder.relu("relu", x);
    const TensorId y = builder.layer_norm("norm", squashed, 1e-5f);
    EXPECT_FALSE(builder.tensor(squashed).needs_gradient);
    EXPECT_TRUE(builder.tensor(y).needs_gradient);
}

TEST(GraphBuilder, EveryOpHasItsOwnName) {
    std::vector<std::string> names;
    for (int kind = 0; kind <= static_cast<int>(OpKind::dropout); ++kind) {
        const std::string name = op_name(static_cast<OpKind>(kind));
        EXPECT_NE(name, "unknown");
        EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
        names.push_back(name);
    }
}

struct Refusal {
    const char* what;
    std::function<void(GraphBuilder&)> build;
    const char* named;  ///< must occur in the message
};

const Refusal kRefusals[] = {
    {"extent of zero",
     [](GraphBuilder& b) {
         b.input("x", {4, 0});
     },
     "x"},
    {"negative extent",
     [](GraphBuilder& b) {
         b.input("x", {-1, 4});
     },
     "x"},
    {"no axes", [](GraphBuilder& b) { b.input("x", {}); }, "x"},
    {"no name", [](GraphBuilder& b) { b.input("", {4}); }, "name"},
    {"name taken",
     [](GraphBuilder& b) {
         b.input("x", {4});
         b.tokens("x", {4});
     },
     "x"},
    {"layer name taken",
     [](GraphBuilder& b) {
         const TensorId y = b.linear("fc", b.input("x", {4, 2}), 3, WeightInit::he_normal);
         b.linear("fc", y, 3, WeightInit::he_normal);
     },
     "fc"},
    {"no such tensor", [](GraphBuilder& b) { b.relu("relu", 5); }, "relu"},
    {"the absent tensor", [](GraphBuilder& b) { b.relu("relu", kNoTensor); }, "relu"},
    {"relu of tokens", [](GraphBuilder& b) { b.relu("relu", b.tokens("t", {4})); }, "relu"},
    {"linear of a target",
     [](GraphBuilder& b) {
         b.linear("fc", b.target("t", {4, 4}), 2, WeightInit::he_normal);
     },
     "fc"},
    {"linear without outputs",
     [](GraphBuilder& b) {
         b.linear("fc", b.input("x", {4, 4}), 0, WeightInit::he_normal);
     },
     "fc"},
    {"embedding of floats", [](GraphBuilder& b) { b.embedding("e", b.input("x", {4}), 3, 2, 0.1f); }, "e"},
    {"embedding without vocabulary",
     [](GraphBuilder& b) { b.embedding("e", b.tokens("t", {4}), 0, 2, 0.1f); }, "e"},
    {"embedding with a fifth axis",
     [](GraphBuilder& b) {
         b.embedding("e", b.tokens("t", {1, 2, 3, 4}), 3, 2, 0.1f);
     },
     "e"},
    {"gru without time",
     [](GraphBuilder& b) {
         b.gru("gru", b.input("x", {4, 3}), 2);
     },
     "gru"},
    {"gru without units",
     [](GraphBuilder& b) {
         b.gru("gru", b.input("x", {4, 3, 2}), -2);
     },
     "gru"},
    {"negative eps",
     [](GraphBuilder& b) {
         b.layer_norm("norm", b.input("x", {4, 3}), -1.0f);
     },
     "norm"},
    {"NaN eps",
     [](GraphBuilder& b) {
         b.layer_norm("norm", b.input("x", {4, 3}), NAN);
     },
     "norm"},
    {"dropout of everything",
     [](GraphBuilder& b) {
         b.dropout("drop", b.input("x", {4, 3}), 1.0f);
     },
     "drop"},
    {"NaN dropout",
     [](GraphBuilder& b) {
         b.dropout("drop", b.input("x", {4, 3}), NAN);
     },
     "drop"},
    {"labels of another batch",
     [](GraphBuilder& b) {
         b.softmax_cross_entropy("loss", b.input("x", {4, 3}), b.tokens("y", {5}));
     },
     "loss"},
    {"labels that are floats",
     [](GraphBuilder& b) {
         b.softmax_cross_entropy("loss", b.input("x", {4, 3}), b.input("y", {4}));
     },
     "loss"},
    {"target of another shape",
     [](GraphBuilder& b) {
         b.mean_squared_error("loss", b.input("x", {4, 3}), b.target("y", {3, 4}));
     },
     "loss"},
    {"target that is an input",
     [](GraphBuilder& b) {
         b.mean_squared_error("loss", b.input("x", {4, 3}), b.input("y", {4, 3}));
     },
     "loss"},
    {"second loss",
     [](GraphBuilder& b) {
         const TensorId x = b.input("x", {4, 3}), y = b.target("y", {4, 3});
         b.mean_squared_error("first", x, y);
         b.mean_squared_error("second", x, y);
     },
     "second"},
    {"activation read twice by one node",
     [](GraphBuilder& b) {
         const TensorId h = b.linear("fc", b.input("x", {4, 3}), 3, WeightInit::he_normal);
         b.add("sum", h, h);
         b.finish();
     },
     "sum"},
    {"sum of unlike shapes",
     [](GraphBuilder& b) {
         b.add("sum", b.input("x", {4, 3}), b.input("z", {3, 4}));
     },
     "sum"},
    {"joining unlike rows",
     [](GraphBuilder& b) {
         b.concat("both", b.input("x", {4, 3}), b.input("z", {3, 4}));
     },
     "both"},
    {"convolution of a matrix",
     [](GraphBuilder& b) {
         b.conv2d("conv", b.input("x", {4, 3}), {});
     },
     "conv"},
    {"kernel larger than the picture",
     [](GraphBuilder& b) {
         b.conv2d("conv", b.input("x", {1, 2, 2, 1}), {8, 5, 1, 1});
     },
     "conv"},
    {"padding as wide as the kernel",
     [](GraphBuilder& b) {
         b.conv2d("conv", b.input("x", {1, 9, 9, 1}), {8, 3, 1, 3});
     },
     "conv"},
    {"stride 0",
     [](GraphBuilder& b) {
         b.max_pool("pool", b.input("x", {1, 9, 9, 1}), 2, 0, 0);
     },
     "pool"},
    {"momentum above 1",
     [](GraphBuilder& b) {
         b.batch_norm("norm", b.input("x", {4, 3}), 1e-5f, 1.5f);
     },
     "norm"},
};

TEST(GraphBuilder, RefusesWhatDoesNotFitAndNamesTheLayer) {
    for (const Refusal& refusal : kRefusals) {
        GraphBuilder builder;
        try {
            refusal.build(builder);
            ADD_FAILURE() << refusal.what << " was accepted";
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find(refusal.named), std::string::npos)
                << refusal.what << ": " << error.what();
        }
    }
}

TEST(GraphBuilder, InputsMayBeReadTwice) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {4, 3});
    builder.linear("one", x, 2, WeightInit::he_normal);
    builder.linear("two", x, 2, WeightInit::he_normal);
    EXPECT_NO_THROW(builder.finish());
}

TEST(GraphBuilder, RefusesAbsurdSizesBeforeTheyOverflow) {
    constexpr std::int64_t kHuge = std::int64_t{1} << 40;
    EXPECT_THROW(GraphBuilder().input("x", {kHuge, kHuge}), std::length_error);
    EXPECT_THROW(GraphBuilder().input("x", {INT64_MAX}), std::length_error);
    GraphBuilder linear;
    EXPECT_THROW(linear.linear("fc", linear.input("x", {1, kHuge}), kHuge, WeightInit::he_normal),
                 std::length_error);
    GraphBuilder gru;
    EXPECT_THROW(gru.gru("gru", gru.input("x", {1, 1, 1}), INT64_MAX / 2), std::length_error);
}

}  // namespace
}  // namespace halfscope
