// What shares memory in a backward pass: placement against brute force, and whole plans by playing the pass
// through byte by byte, with every byte knowing who wrote it last.
#include "graph/lifetimes.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <stdexcept>

#include "graph/graph_builder.h"
#include "graph/plan.h"

namespace halfscope {
namespace {

TEST(PlaceByLifetime, NeverLetsTwoMeetAtOneTime) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<TimedBytes> buffers(1 + random() % 24);
        std::uint64_t sum = 0;
        for (TimedBytes& buffer : buffers) {
            buffer.bytes = random() % 500;
            const std::size_t first = random() % 12;
            buffer.lifetime = {first, first + random() % 5};
            sum += (buffer.bytes + 63) / 64 * 64;
        }
        const SharedPlacement placement = place_by_lifetime(buffers, 64);
        std::uint64_t end = 0;
        for (std::size_t i = 0; i < buffers.size(); ++i) {
            EXPECT_EQ(placement.offsets[i] % 64, 0u);
            end = std::max(end, placement.offsets[i] + buffers[i].bytes);
        }
        EXPECT_EQ(placement.bytes, end);
        EXPECT_LE(placement.bytes, sum);
        // At each position, no byte belongs to two of those alive.
        for (std::size_t position = 0; position < 17; ++position) {
            std::vector<int> owners(placement.bytes, 0);
            for (std::size_t i = 0; i < buffers.size(); ++i) {
                if (position < buffers[i].lifetime.first || position > buffers[i].lifetime.last) continue;
                for (std::uint64_t byte = 0; byte < buffers[i].bytes; ++byte)
                    ASSERT_EQ(owners[placement.offsets[i] + byte]++, 0);
            }
        }
    }
}

TEST(PlaceByLifetime, UsesWhatOthersHaveLeft) {
    const auto bytes = [](std::vector<TimedBytes> buffers) { return place_by_lifetime(buffers, 64).bytes; };
    EXPECT_EQ(bytes({}), 0u);
    EXPECT_EQ(bytes({{100, {0, 0}}, {100, {1, 1}}, {100, {2, 2}}}), 100u);
    // Inclusive: what is read at a position and what is written there are both needed.
    EXPECT_EQ(bytes({{100, {0, 1}}, {100, {1, 2}}, {100, {2, 3}}}), 228u);
    // A small one goes into the gap below a large one that meets another.
    EXPECT_EQ(bytes({{256, {0, 0}}, {192, {0, 2}}, {100, {2, 2}}}), 448u);
}

TEST(PlaceByLifetime, RefusesWhatNoAddressReaches) {
    constexpr std::uint64_t kHalf = std::numeric_limits<std::uint64_t>::max() / 2 + 1;
    const std::vector<TimedBytes> apart{{kHalf, {0, 0}}, {kHalf, {1, 1}}},
        together{{kHalf, {0, 1}}, {kHalf, {1, 1}}};
    EXPECT_EQ(place_by_lifetime(apart, 64).bytes, kHalf);
    EXPECT_THROW(place_by_lifetime(together, 64), std::length_error);
}

/// Two readers, strides, norms, pools, element-wise chains, a cell with workspace.
Graph branching_network() {
    GraphBuilder b;
    const TensorId x = b.input("x", {2, 6, 6, 3});
    TensorId y = b.relu("relu0", b.batch_norm("bn0", b.conv2d("conv0", x, {4, 3, 1, 1}), 1e-5f, 0.1f));
    const TensorId beside = b.conv2d("beside", y, {5, 1, 2, 0});
    y = b.gelu("gelu", b.conv2d("conv1", y, {5, 3, 2, 1}));
    y = b.relu("relu1", b.add("add", y, beside));
    y = b.concat("concat", b.tanh("tanh", y), b.sigmoid("sigmoid", y));
    y = b.layer_norm("norm", b.global_average_pool("pool", y), 1e-5f);
    y = b.dropout("drop", b.linear("fc", y, 5, WeightInit::he_normal), 0.1f);
    b.softmax_cross_entropy("loss", y, b.tokens("labels", {2}));
    return b.finish();
}

Graph recurrent_network() {
    GraphBuilder b;
    const TensorId embedded = b.embedding("embedding", b.tokens("t", {2, 3}), 7, 5, 0.1f);
    const TensorId first = b.gru("first", embedded, 4);
    const TensorId head = b.linear("head", b.gru("second", first, 4), 7, WeightInit::he_normal);
    b.softmax_cross_entropy("loss", head, b.tokens("next", {2, 3}));
    return b.finish();
}

/// The memory of a backward pass: each byte knows the last that was written there.
class OwnedBytes {
  public:
    explicit OwnedBytes(std::uint64_t bytes) : owners_(bytes, "nothing") {}
    void write(const PlannedBuffer& buffer, const std::string& what) {
        std::fill_n(owners_.begin() + static_cast<std::ptrdiff_t>(buffer.offset), buffer.bytes, what);
    }
    void expect(const PlannedBuffer& buffer, const std::string& what) const {
        for (std::uint64_t byte = 0; byte < buffer.bytes; ++byte)
            ASSERT_EQ(owners_[buffer.offset + byte], what);
    }

  private:
    std::vector<std::string> owners_;
};

/// Plays a backward pass in the order of LaneBuffers::backward. All that a node writes must survive until the
/// node is done, and its output's gradient until it has been read.
void play_backward(const Graph& graph, const Plan& plan) {
    OwnedBytes memory(plan.total_bytes());
    const auto name = [&](TensorId id) { return graph.tensor(id).name; };
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        if (graph.tensors()[id].role != TensorRole::workspace)
            memory.write(plan.value(static_cast<TensorId>(id)), graph.tensors()[id].name);
    }
    std::vector<int> received(graph.tensors().size(), 0);
    for (std::size_t index = graph.nodes().size(); index-- > 0;) {
        const Node& node = graph.nodes()[index];
        SCOPED_TRACE(node.name);
        if (node.output != graph.loss()) memory.expect(plan.gradient(node.output), "d" + name(node.output));
        std::vector<std::pair<PlannedBuffer, std::string>> written;
        for (TensorId id : node.workspace) written.emplace_back(plan.value(id), name(id));
        std::vector<std::pair<TensorId, std::string>> beside;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const TensorId id = node.inputs[i];
            if (plan.gradient(id).bytes == 0) continue;
            const bool is_first = received[static_cast<std::size_t>(id)]++ == 0;
            const std::string part = "part of d" + name(id) + " of " + node.name;
            if (plan.reads_cast(index, i)) {
                written.emplace_back(plan.cast_gradient(id), part);
            } else if (is_first) {
                written.emplace_back(plan.gradient(id), "d" + name(id));
            } else {
                written.emplace_back(plan.branch_gradient(id), part);
            }
            if (plan.reads_cast(index, i) || !is_first) beside.emplace_back(id, part);
            // The sum so far is still there.
            if (!is_first) memory.expect(plan.gradient(id), "d" + name(id));
        }
        for (const auto& [buffer, what] : written) memory.write(buffer, what);
        for (const auto& [buffer, what] : written) memory.expect(buffer, what);
        // Only an element-wise operation may write where it reads.
        if (!is_backward_elementwise(node.op) && node.output != graph.loss())
            memory.expect(plan.gradient(node.output), "d" + name(node.output));
        for (const auto& [id, part] : beside) memory.write(plan.gradient(id), "d" + name(id));
    }
    // Nothing touched what was made before the pass, and every parameter's gradient is left at its end.
    for (std::size_t id = 0; id < graph.tensors().size(); ++id) {
        const TensorInfo& info = graph.tensors()[id];
        const auto tensor = static_cast<TensorId>(id);
        if (info.role != TensorRole::workspace) memory.expect(plan.value(tensor), info.name);
        if (info.role == TensorRole::parameter) memory.expect(plan.gradient(tensor), "d" + info.name);
    }
}

TEST(GradientLifetimes, EveryGradientIsThereUntilItIsRead) {
    for (const OpPolicy op_policy :
         {OpPolicy::uniform, OpPolicy::autocast, OpPolicy::apex_o1, OpPolicy::norm_fp32}) {
        PrecisionPolicy policy;
        policy.storage = Format::fp16;
        policy.op_policy = op_policy;
        for (const Graph& graph : {branching_network(), recurrent_network()}) {
            SCOPED_TRACE(static_cast<int>(op_policy));
            play_backward(graph, Plan(graph, policy, PlanPasses::forward_and_backward, {}));
        }
    }
}

TEST(GradientLifetimes, ElementwiseGradientsAreMadeInPlaceWhereNobodyElseReads) {
    const Graph graph = branching_network();
    PrecisionPolicy policy;
    policy.storage = Format::fp16;
    const GradientLifetimes lifetimes(graph, FormatAssignment(graph, policy));
    const auto place = [&](const char* name) {
        return graph.tensor(lifetimes.places[static_cast<std::size_t>(graph.find(name))]).name;
    };
    EXPECT_EQ(place("fc"), "drop");
    EXPECT_EQ(place("conv1"), "relu1") << "by way of gelu and add";
    EXPECT_EQ(place("beside"), "beside") << "the other of an addition's two";
    EXPECT_EQ(place("relu1"), "relu1") << "two nodes read it";
    EXPECT_EQ(place("conv0"), "relu0") << "batch norm has its sums before it writes";
    EXPECT_EQ(place("pool"), "pool") << "layer norm reads a row again";
    EXPECT_TRUE(lifetimes.gradients[static_cast<std::size_t>(graph.find("fc.weight"))].is_none());
}

}  // namespace
}  // namespace halfscope
