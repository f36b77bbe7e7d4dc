// Nodes kept in FP32 (technique keep_fp32): each computes with the bits of the FP32 operation on the values
// it is given, whatever the lane stores around it; all of them together are the FP32 lane.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <span>

#include "backend/cpu_backend.h"
#include "graph/graph_builder.h"
#include "numerics/random.h"
#include "numerics/rounding.h"
#include "small_scenarios.h"
#include "train/experiment.h"
#include "train/input_error.h"
#include "train/lane_buffers.h"

namespace halfscope {
namespace {

/// A graph and what it reads.
struct Fed {
    Graph graph;
    Batch batch;
};

/// Every operation on pictures and rows, and tensors that two nodes read.
Fed of_pictures() {
    GraphBuilder b;
    TensorId y = b.conv2d("conv", b.input("x", {4, 6, 6, 3}), {4, 3, 1, 1});
    y = b.relu("relu", b.batch_norm("bn", y, 1e-5f, 0.1f));
    const TensorId other = b.conv2d("beside", y, {4, 3, 1, 1});
    y = b.add("add", y, other);
    y = b.average_pool("average", b.max_pool("max", y, 2, 2, 0), 2, 1);
    y = b.global_average_pool("global", y);
    const TensorId branch = y = b.gelu("gelu", b.layer_norm("ln", y, 1e-5f));
    y = b.linear("fc", y, 5, WeightInit::he_normal);
    y = b.dropout("drop", b.tanh("tanh", b.sigmoid("sigmoid", y)), 0.2f);
    y = b.bias_add("bias", y, Initializer::constant(0.25f));
    y = b.concat("concat", y, b.linear("wide", branch, 3, WeightInit::he_normal));
    b.softmax_cross_entropy("loss", y, b.tokens("labels", {4}));
    Fed fed{b.finish(), {}};
    fed.batch.tensors.resize(2);
    for (std::uint64_t i = 0; i < 4 * 6 * 6 * 3; ++i)
        fed.batch.tensors[0].values.push_back(normal(RandomKey{3, 1, 0}, i));
    fed.batch.tensors[1].tokens = {1, 0, 4, 7};
    return fed;
}

Fed of_text() {
    GraphBuilder b;
    const TensorId words = b.embedding("embedding", b.tokens("words", {4, 3}), 7, 5, 1.0f);
    const TensorId y = b.linear("head", b.gru("gru", words, 4), 7, WeightInit::he_normal);
    b.softmax_cross_entropy("loss", y, b.tokens("labels", {4, 3}));
    Fed fed{b.finish(), {}};
    fed.batch.tensors.resize(2);
    fed.batch.tensors[0].tokens = {6, 0, 3, 3, 1, 2, 5, 5, 0, 1, 4, 2};
    fed.batch.tensors[1].tokens = {1, 0, 4, 6, 2, 3, 3, 5, 0, 1, 2, 6};
    return fed;
}

Fed of_numbers() {
    GraphBuilder b;
    const TensorId x = b.input("x", {5, 3}), y = b.target("y", {5, 2});
    b.mean_squared_error("loss", b.linear("fc", x, 2, WeightInit::he_normal), y);
    Fed fed{b.finish(), {}};
    fed.batch.tensors.resize(2);
    for (std::uint64_t i = 0; i < 15; ++i)
        fed.batch.tensors[0].values.push_back(normal(RandomKey{3, 2, 0}, i));
    for (std::uint64_t i = 0; i < 10; ++i)
        fed.batch.tensors[1].values.push_back(normal(RandomKey{3, 3, 0}, i));
    return fed;
}

PrecisionPolicy keeping(std::vector<std::string> nodes, Format storage = Format::fp16) {
    PrecisionPolicy policy;
    policy.storage = storage;
    policy.kept_fp32 = std::move(nodes);
    return policy;
}

/// A pass of the graph under a policy, from weights that are the same in all of them.
struct Pass {
    Pass(Backend& backend_in, const Fed& fed, const PrecisionPolicy& policy)
        : backend(backend_in),
          buffers(backend, fed.graph, Plan(fed.graph, policy, PlanPasses::forward_and_backward, {})) {
        const Graph& graph = fed.graph;
        const auto write = [&](const TensorView& view, std::uint32_t stream) {
            std::vector<float> weights(static_cast<std::size_t>(view.elements()));
            for (std::size_t i = 0; i < weights.size(); ++i)
                weights[i] = 0.4f * normal(RandomKey{5, stream, 0}, i) + 0.1f;
            store(view, weights);
        };
        for (std::size_t p = 0; p < graph.parameters().size(); ++p)
            write(buffers.flat_value(p), static_cast<std::uint32_t>(p));
        for (std::size_t b = 0; b < graph.buffers().size(); ++b)
            store(buffers.flat_buffer(b),
                  std::vector<float>(static_cast<std::size_t>(buffers.flat_buffer(b).elements()), 1.0f));
        buffers.feed(fed.batch, values);
    }

    void store(const TensorView& view, const std::vector<float>& numbers) const {
        const DeviceMemory memory(backend, numbers.size() * sizeof(float));
        backend.upload(memory.data(), numbers.data(), memory.bytes());
        TensorView source = view;
        source.data = memory.data();
        source.format = Format::fp32;
        backend.convert(view, source);
    }
    void run(GradientWatch* watch = nullptr) {
        PassSettings settings;
        if (watch) settings.watches = std::span(watch, 1);
        buffers.forward(settings);
        buffers.backward(settings);
    }
    std::vector<float> read(const TensorView& view) const {
        return download_floats(backend, view.reshaped(1, view.elements()));
    }
    std::vector<float> value(TensorId id) const { return read(buffers.value(id)); }

    Backend& backend;
    LaneBuffers buffers;
    PassValues values{256.0f, 0};
};

bool has_gradient(const LaneBuffers& buffers, TensorId id) { return static_cast<bool>(buffers.gradient(id)); }

/// One node alone in FP32 on what `mixed` gave it: views into `alone`, whose plan is FP32.
struct NodeAlone {
    NodeAlone(Pass& alone_in, const Pass& mixed, const Node& node_in) : alone(alone_in), node(node_in) {
        for (TensorId id : node.inputs) {
            const bool holds_tokens = graph().tensor(id).role == TensorRole::tokens;
            inputs.push_back(holds_tokens ? TensorView{} : alone.buffers.value(id));
            tokens.push_back(holds_tokens ? static_cast<const std::int32_t*>(alone.buffers.value(id).data)
                                          : nullptr);
            if (!holds_tokens) alone.store(alone.buffers.value(id), mixed.value(id));
        }
        for (TensorId id : node.saved) saved.push_back(alone.buffers.value(id));
        alone.backend.upload(values.data(), &mixed.values, sizeof mixed.values);
        call.node = &node;
        call.random = random_key(0, "mask", node.name, 0);
        call.values = static_cast<const PassValues*>(static_cast<const void*>(values.data()));
        call.inputs = inputs;
        call.tokens = tokens;
        call.saved = saved;
        call.output = alone.buffers.value(node.output);
    }
    const Graph& graph() const { return alone.buffers.graph(); }

    Pass& alone;
    const Node& node;
    DeviceMemory values{alone.backend, sizeof(PassValues)};
    std::vector<TensorView> inputs, saved;
    std::vector<const std::int32_t*> tokens;
    OpCall call;
};

// Forward: the same bits as the FP32 operation makes of what the neighbours left.
TEST(KeepFp32, ANodeAnswersWithTheBitsOfFp32) {
    const auto backend = make_cpu_backend(2);
    for (const Fed& fed : {of_pictures(), of_text(), of_numbers()})
        for (const Node& node : fed.graph.nodes()) {
            const Graph& graph = fed.graph;
            SCOPED_TRACE(node.name);
            Pass mixed(*backend, fed, keeping({node.name}));
            mixed.run();
            Pass alone(*backend, fed, keeping({}, Format::fp32));
            NodeAlone one(alone, mixed, node);
            // Running statistics have moved, but training reads the batch's alone.
            backend->forward(one.call);
            EXPECT_EQ(mixed.buffers.value(node.output).format, Format::fp32);
            EXPECT_EQ(alone.value(node.output), mixed.value(node.output));
            for (const Node& neighbour : graph.nodes()) {
                if (neighbour.name == node.name || neighbour.output == graph.loss()) continue;
                EXPECT_EQ(mixed.buffers.value(neighbour.output).format, Format::fp16) << neighbour.name;
            }
        }
}

// Backward: weight gradients to the bit, input gradients rounded once where they are stored in 16 bits.
TEST(KeepFp32, ANodesGradientsAreThoseOfFp32) {
    const auto backend = make_cpu_backend(2);
    for (const Fed& fed : {of_pictures(), of_text(), of_numbers()})
        for (const Node& node : fed.graph.nodes()) {
            const Graph& graph = fed.graph;
            if (node.output == graph.loss()) continue;
            SCOPED_TRACE(node.name);
            Pass mixed(*backend, fed, keeping({node.name}));
            GradientWatch incoming{node.output, {}};
            mixed.run(&incoming);
            ASSERT_FALSE(incoming.values.empty());
            Pass alone(*backend, fed, keeping({}, Format::fp32));
            NodeAlone one(alone, mixed, node);
            backend->forward(one.call);
            // The passing gradients of a plan share memory: this node's have memory of their own here.
            std::vector<std::vector<float>> made;
            std::vector<TensorView> targets, workspace;
            std::vector<DeviceMemory> memories;
            const auto fresh = [&](const TensorView& like) {
                TensorView view = like;
                memories.emplace_back(*backend, static_cast<std::uint64_t>(like.elements()) * sizeof(float));
                view.data = memories.back().data();
                return view;
            };
            for (TensorId id : node.inputs)
                targets.push_back(has_gradient(alone.buffers, id) ? fresh(alone.buffers.value(id))
                                                                  : TensorView{});
            for (TensorId id : node.workspace) workspace.push_back(fresh(alone.buffers.value(id)));
            one.call.output_gradient = fresh(alone.buffers.value(node.output));
            alone.store(one.call.output_gradient, incoming.values);
            one.call.input_gradients = targets;
            one.call.workspace = workspace;
            backend->backward(one.call);
            for (std::size_t i = 0; i < node.inputs.size(); ++i) {
                if (!targets[i]) continue;
                const TensorInfo& info = graph.tensor(node.inputs[i]);
                SCOPED_TRACE(info.name);
                const std::vector<float> expected = alone.read(targets[i]);
                if (info.role == TensorRole::parameter) {
                    EXPECT_EQ(mixed.buffers.gradient(node.inputs[i]).format, Format::fp32);
                    EXPECT_EQ(mixed.read(mixed.buffers.gradient(node.inputs[i])), expected);
                } else if (graph.readers(node.inputs[i]) == 1) {
                    Pass again(*backend, fed, keeping({node.name}));
                    GradientWatch outgoing{node.inputs[i], {}};
                    again.run(&outgoing);
                    ASSERT_EQ(outgoing.values.size(), expected.size());
                    for (std::size_t k = 0; k < expected.size(); ++k)
                        ASSERT_EQ(outgoing.values[k], round_to(Format::fp16, expected[k])) << k;
                }
            }
        }
}

// A product of 16 bits reads what a kept node made through a copy of 16 bits.
TEST(KeepFp32, ProductsBehindAKeptNodeReadSixteenBits) {
    const auto backend = make_cpu_backend(2);
    struct Case {
        Fed fed;
        const char *kept, *product;
    };
    const Case cases[] = {{of_pictures(), "relu", "beside"},
                          {of_pictures(), "gelu", "fc"},
                          {of_text(), "embedding", "gru"},
                          {of_text(), "gru", "head"}};
    for (const auto& [fed, kept, product] : cases) {
        const Graph& graph = fed.graph;
        SCOPED_TRACE(product);
        Pass mixed(*backend, fed, keeping({kept}));
        mixed.run();
        Pass rounded(*backend, fed, keeping({}));  // stores its input in 16 bits
        const auto node = std::find_if(graph.nodes().begin(), graph.nodes().end(),
                                       [&, name = product](const Node& one) { return one.name == name; });
        NodeAlone one(rounded, mixed, *node);
        backend->forward(one.call);
        EXPECT_EQ(rounded.value(node->output), mixed.value(node->output));
    }
}

std::string all_nodes(const Graph& graph) {
    std::string text;
    for (const Node& node : graph.nodes()) text += (text.empty() ? "" : "+") + node.name;
    return text;
}

std::string all_ops(const Graph& graph) {
    std::set<std::string> ops;
    for (const Node& node : graph.nodes()) ops.insert(op_name(node.op));
    std::string text;
    for (const std::string& op : ops) text += (text.empty() ? "op:" : "+op:") + op;
    return text;
}

// Everything kept is the FP32 lane, whatever the techniques ask of 16 bits.
TEST(KeepFp32, AllNodesTogetherAreTheFp32Lane) {
    const auto backend = make_cpu_backend(2);
    for (const char* scenario : {"spiral-mlp", "image-fit", "char-gru", "digits-cnn"}) {
        const auto workload = small_scenario_workload(scenario);
        const std::string nodes = all_nodes(workload->training_graph()),
                          ops = all_ops(workload->training_graph());
        Experiment experiment(
            *backend, workload,
            {{"fp32", parse_techniques("fp32")},
             {"nodes", parse_techniques(
                           "fp16,accumulate=fp16,reductions=storage,eps_format=storage,keep_fp32=" + nodes)},
             {"ops", parse_techniques("bf16,keep_fp32=" + ops)},
             {"none", parse_techniques("fp16")}});
        for (int step = 0; step < 12; ++step) experiment.step({step % 5 == 0, step % 10 == 0});
        const auto& lanes = experiment.lanes();
        EXPECT_EQ(lanes[1].signature(), lanes[0].signature()) << scenario;
        EXPECT_EQ(lanes[2].signature(), lanes[0].signature()) << scenario;
        EXPECT_NE(lanes[3].signature(), lanes[0].signature()) << scenario;
        EXPECT_EQ(lanes[1].memory().total(), lanes[0].memory().total()) << scenario;
    }
}

const Probe& probe_of(const StepResult& result, const std::string& tensor, ProbeKind kind) {
    for (const Probe& probe : result.probes)
        if (probe.tensor == tensor && probe.kind == kind) return probe;
    throw std::out_of_range(tensor);
}

// What is counted against what: the kept layer in FP32, its neighbours, and the copy that is read, in FP16.
TEST(KeepFp32, ProbesSayInWhichFormatATensorIs) {
    const auto backend = make_cpu_backend(2);
    Experiment experiment(*backend, small_scenario_workload("spiral-mlp"),
                          {{"a", parse_techniques("mixed,keep_fp32=fc3+sigmoid2")}});
    const StepResult result = experiment.step({true, true})[0];
    for (const char* kept : {"fc3.weight", "fc3.bias"}) {
        EXPECT_EQ(probe_of(result, kept, ProbeKind::weight).own_format, Format::fp32) << kept;
        EXPECT_EQ(probe_of(result, kept, ProbeKind::weight_gradient).own_format, Format::fp32) << kept;
        EXPECT_EQ(probe_of(result, kept, ProbeKind::update).own_format, Format::fp32) << kept;
        EXPECT_EQ(probe_of(result, kept, ProbeKind::update).swallowed, 0u) << kept;
    }
    EXPECT_EQ(probe_of(result, "fc3", ProbeKind::activation).own_format, Format::fp32);
    EXPECT_EQ(probe_of(result, "fc3", ProbeKind::activation_gradient).own_format, Format::fp32);
    EXPECT_EQ(probe_of(result, "sigmoid2", ProbeKind::activation_gradient).own_format, Format::fp32);
    EXPECT_EQ(probe_of(result, "fc4.weight", ProbeKind::weight_gradient).own_format, Format::fp16);
    EXPECT_EQ(probe_of(result, "sigmoid3", ProbeKind::activation_gradient).own_format, Format::fp16);
    Experiment behind(*backend, small_scenario_workload("spiral-mlp"),
                      {{"a", parse_techniques("mixed,keep_fp32=sigmoid2")}});
    const StepResult copied = behind.step({true, true})[0];
    // fc3 reads a copy of 16 bits, and in that its gradient is rounded.
    EXPECT_EQ(probe_of(copied, "sigmoid2", ProbeKind::activation_gradient).own_format, Format::fp16);
    for (const StepResult* each : {&result, &copied}) {
        for (const Probe& probe : each->probes) {
            if (probe.kind == ProbeKind::weight_gradient) {
                EXPECT_LT(probe.relative_error, 0.02) << probe.tensor;
            }
            if (probe.own_format == Format::fp16) {
                EXPECT_EQ(probe.counts.own, probe.counts.fp16) << probe.tensor;
            }
        }
    }
}

TEST(KeepFp32, SwitchedDuringTheRunKeepsMasterWeights) {
    const auto backend = make_cpu_backend(2);
    Experiment experiment(
        *backend, small_scenario_workload("digits-cnn"),
        {{"a", parse_techniques("mixed")}, {"b", parse_techniques("mixed,growth_interval=101")}});
    for (int step = 0; step < 5; ++step) experiment.step({});
    Lane& lane = experiment.lanes()[1];
    const std::string before = lane.signature();
    for (const char* nodes : {"op:batch_norm", "conv1+fc", "fc+op:conv2d", "none"}) {
        Techniques techniques = lane.techniques();
        ASSERT_EQ(set_technique(techniques, "keep_fp32", nodes), "");
        const std::vector<Event> events = lane.set_techniques(techniques, 5);
        ASSERT_EQ(events.size(), 1u) << nodes << ": nothing was rounded";
        EXPECT_NE(events[0].detail.find(nodes), std::string::npos) << events[0].detail;
        EXPECT_EQ(lane.signature(), before) << nodes;
    }
    for (int step = 0; step < 5; ++step) experiment.step({});
    EXPECT_EQ(lane.signature(), experiment.lanes()[0].signature()) << "back as if nothing had been";
}

TEST(KeepFp32, WithoutAMasterCopyWeightsAreRoundedOnceAndThatIsSaid) {
    const auto backend = make_cpu_backend(2);
    Lane lane(*backend, small_scenario_workload("spiral-mlp"), "a",
              parse_techniques("fp16-scaled,keep_fp32=fc1"));
    const std::vector<float> wide = lane.parameter("fc1.weight");
    EXPECT_TRUE(std::any_of(wide.begin(), wide.end(),
                            [](float value) { return round_to(Format::fp16, value) != value; }));
    const std::vector<Event> events = lane.set_techniques(parse_techniques("fp16-scaled"), 0);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_NE(events[1].detail.find("rounded once"), std::string::npos) << events[1].detail;
    const std::vector<float> narrow = lane.parameter("fc1.weight");
    for (std::size_t i = 0; i < wide.size(); ++i) EXPECT_EQ(narrow[i], round_to(Format::fp16, wide[i])) << i;
}

TEST(KeepFp32, ANodeThatIsNotThereIsRefusedInOneSentence) {
    const auto backend = make_cpu_backend(2);
    Lane lane(*backend, small_scenario_workload("spiral-mlp"), "a", parse_techniques("mixed"));
    for (const auto& [value, part] : {std::pair{"fc9", "did you mean 'fc1'"},
                                      {"sigmod2", "did you mean 'sigmoid2'"},
                                      {"op:batch_norm", "has no node 'op:batch_norm'"}}) {
        Techniques techniques = lane.techniques();
        ASSERT_EQ(set_technique(techniques, "keep_fp32", value), "");
        try {
            lane.set_techniques(techniques, 0);
            ADD_FAILURE() << value;
        } catch (const InputError& error) {
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
        EXPECT_EQ(lane.techniques(), parse_techniques("mixed")) << value;
    }
}

}  // namespace
}  // namespace halfscope
