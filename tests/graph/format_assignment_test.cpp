// The format of every node under every policy, against the frameworks' lists written out by hand.
#include "graph/format_assignment.h"

#include <gtest/gtest.h>

#include <map>

#include "graph/graph_builder.h"

namespace halfscope {
namespace {

/// Every operation once, on data of both kinds: x is pictures, tokens feed a recurrent network.
Graph every_operation() {
    GraphBuilder b;
    const TensorId x = b.input("x", {2, 6, 6, 3});
    TensorId y = b.conv2d("conv", x, {4, 3, 1, 1});
    y = b.relu("relu", b.batch_norm("bn", y, 1e-5f, 0.1f));
    const TensorId other = b.conv2d("beside", y, {4, 3, 1, 1});
    y = b.add("add", y, other);
    y = b.average_pool("average", b.max_pool("max", y, 2, 2, 0), 2, 1);
    y = b.global_average_pool("global", y);
    y = b.layer_norm("ln", y, 1e-5f);
    y = b.gelu("gelu", y);
    y = b.linear("fc", y, 4, WeightInit::he_normal);
    y = b.dropout("drop", b.tanh("tanh", b.sigmoid("sigmoid", y)), 0.1f);
    const TensorId tokens = b.tokens("t", {2, 1});
    const TensorId embedded = b.embedding("embedding", tokens, 7, 5, 0.1f);
    const TensorId hidden = b.gru("gru", embedded, 4);
    b.linear("head", hidden, 4, WeightInit::he_normal);
    y = b.bias_add("bias", y, Initializer::constant(0.0f));
    y = b.concat("concat", y,
                 b.linear("wide", b.relu("relu2", b.input("z", {2, 3})), 2, WeightInit::he_normal));
    b.softmax_cross_entropy("loss", y, b.tokens("labels", {2}));
    return b.finish();
}

struct Expected {
    Format uniform, autocast, norm_fp32;
};
constexpr Format kLow = Format::fp16, kHigh = Format::fp32;

// Outputs of nodes and parameters by name. Apex O1 is the same as autocast.
const std::map<std::string, Expected> kExpected{
    {"x", {kLow, kHigh, kLow}},
    {"conv", {kLow, kLow, kLow}},
    {"conv.weight", {kLow, kHigh, kLow}},
    {"bn", {kLow, kLow, kLow}},
    {"bn.weight", {kLow, kHigh, kHigh}},
    {"bn.bias", {kLow, kHigh, kHigh}},
    {"bn.running_mean", {kHigh, kHigh, kHigh}},
    {"relu", {kLow, kLow, kLow}},
    {"add", {kLow, kLow, kLow}},
    {"max", {kLow, kLow, kLow}},
    {"average", {kLow, kLow, kLow}},
    {"global", {kLow, kLow, kLow}},
    {"ln", {kLow, kHigh, kLow}},
    {"ln.weight", {kLow, kHigh, kHigh}},
    {"ln.mean", {kHigh, kHigh, kHigh}},
    {"gelu", {kLow, kHigh, kLow}},
    {"fc", {kLow, kLow, kLow}},
    {"sigmoid", {kLow, kLow, kLow}},
    {"tanh", {kLow, kLow, kLow}},
    {"drop", {kLow, kLow, kLow}},
    {"embedding", {kLow, kHigh, kLow}},
    {"embedding.weight", {kLow, kHigh, kLow}},
    {"gru", {kLow, kLow, kLow}},
    {"gru.weight_hh_l0", {kLow, kHigh, kLow}},
    {"gru.gates", {kLow, kLow, kLow}},
    {"gru.gates_gradient", {kLow, kLow, kLow}},
    {"head", {kLow, kLow, kLow}},
    {"bias", {kLow, kHigh, kLow}},
    {"relu2", {kLow, kHigh, kLow}},
    {"wide", {kLow, kLow, kLow}},
    {"concat", {kLow, kHigh, kLow}},
    {"loss", {kHigh, kHigh, kHigh}},
};

PrecisionPolicy policy_of(OpPolicy op_policy, Format storage = Format::fp16) {
    PrecisionPolicy policy;
    policy.storage = storage;
    policy.op_policy = op_policy;
    return policy;
}

TEST(FormatAssignment, OfEveryNodeIsThatOfTheLists) {
    const Graph graph = every_operation();
    for (const auto& [policy, column] : {std::pair{OpPolicy::uniform, &Expected::uniform},
                                         {OpPolicy::autocast, &Expected::autocast},
                                         {OpPolicy::apex_o1, &Expected::autocast},
                                         {OpPolicy::norm_fp32, &Expected::norm_fp32}}) {
        const FormatAssignment formats(graph, policy_of(policy));
        for (const auto& [name, expected] : kExpected) {
            const TensorId id = graph.find(name);
            ASSERT_NE(id, kNoTensor) << name;
            EXPECT_EQ(formats.values[static_cast<std::size_t>(id)], expected.*column)
                << name << " under policy " << static_cast<int>(policy);
        }
        for (const Node& node : graph.nodes())
            EXPECT_TRUE(kExpected.contains(node.name) || node.name == "beside") << node.name;
    }
}

TEST(FormatAssignment, CastsWhatProductsReadInFp32AndNothingElse) {
    const Graph graph = every_operation();
    const FormatAssignment formats(graph, policy_of(OpPolicy::autocast));
    const auto is_cast = [&](const char* name) {
        return static_cast<bool>(formats.has_cast[static_cast<std::size_t>(graph.find(name))]);
    };
    for (const char* name : {"x", "conv.weight", "beside.weight", "gelu", "fc.weight", "fc.bias", "embedding",
                             "gru.weight_ih_l0", "gru.bias_hh_l0", "head.weight", "relu2"}) {
        EXPECT_TRUE(is_cast(name)) << name;
    }
    for (const char* name : {"conv", "bn.weight", "bn.running_var", "ln.weight", "embedding.weight", "gru",
                             "relu", "bias.bias", "t", "labels", "concat"}) {
        EXPECT_FALSE(is_cast(name)) << name;
    }
    for (const OpPolicy none : {OpPolicy::uniform, OpPolicy::norm_fp32}) {
        const FormatAssignment other(graph, policy_of(none));
        for (std::size_t id = 0; id < graph.tensors().size(); ++id)
            EXPECT_FALSE(other.has_cast[id]) << graph.tensors()[id].name;
    }
}

TEST(FormatAssignment, IsFp32ThroughoutWhereStorageIs) {
    const Graph graph = every_operation();
    for (const OpPolicy policy : {OpPolicy::uniform, OpPolicy::autocast, OpPolicy::norm_fp32}) {
        const FormatAssignment formats(graph, policy_of(policy, Format::fp32));
        for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
            EXPECT_EQ(formats.values[id], Format::fp32);
            EXPECT_FALSE(formats.has_cast[id]);
        }
    }
}

}  // namespace
}  // namespace halfscope
