// Passes over the same batch at the same weights under many loss scales, without an update.
#include <algorithm>
#include <cmath>

#include "train/lane_state.h"
#include "train/loss_scaler.h"
#include "train/scale_sweep.h"

namespace halfscope {
namespace {

/// Which gradients a sweep looks at, in graph order, as assemble_probes lists them.
std::vector<SweptTensor> swept_tensors(const LaneBuffers& training) {
    const Graph& graph = training.graph();
    std::vector<SweptTensor> tensors;
    const auto add = [&](TensorId id, const Node& node, ProbeKind kind, Format format) {
        const auto is_same = [&](const SweptTensor& other) { return other.tensor == graph.tensor(id).name; };
        if (std::any_of(tensors.begin(), tensors.end(), is_same)) return;  // several nodes may read a weight
        SweptTensor tensor;
        tensor.tensor = graph.tensor(id).name;
        tensor.layer = node.name;
        tensor.kind = kind;
        tensor.format = format;
        tensors.push_back(std::move(tensor));
    };
    for (const Node& node : graph.nodes()) {
        for (TensorId id : node.inputs) {
            if (graph.tensor(id).role == TensorRole::parameter)
                add(id, node, ProbeKind::weight_gradient, training.rounded_gradient_format(id));
        }
        if (graph.tensor(node.output).role != TensorRole::activation) continue;
        if (training.plan().gradient(node.output).bytes != 0)
            add(node.output, node, ProbeKind::activation_gradient,
                training.rounded_gradient_format(node.output));
    }
    return tensors;
}

}  // namespace

ScaleSweep Lane::begin_sweep(std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    const Graph& graph = state.training->graph();
    ScaleSweep sweep;
    sweep.step = step;
    sweep.tensors = swept_tensors(*state.training);
    ProbeCounts& counts = state.cleared_counts();
    state.run_shadow(step, batches, &counts);
    counts.fetch();
    for (SweptTensor& tensor : sweep.tensors) {
        const TensorCounts& truth = counts.gradient(graph.find(tensor.tensor));
        tensor.true_classes = truth.own;
        tensor.true_exponents = truth.histogram;
        tensor.points.reserve(kSweptScales);
    }
    return sweep;
}

void Lane::sweep_next(ScaleSweep& sweep, std::span<const Batch> batches) {
    State& state = *state_;
    const Graph& graph = state.training->graph();
    const float scale = std::ldexp(1.0f, kLowestSweptScale + sweep.done);
    ProbeCounts& counts = state.cleared_counts();
    {
        const KeptStatistics kept(state.backend, *state.training);
        state.run_batches(*state.training, state.slots.accumulated, sweep.step, batches, scale, &counts,
                          nullptr);
    }
    const std::vector<ShadowFinding> findings =
        state.compare_with_shadow(batches.size() > 1, inverse_of_scale(scale));
    counts.fetch();
    for (SweptTensor& tensor : sweep.tensors) {
        const TensorId id = graph.find(tensor.tensor);
        SweptGradient& point = tensor.points.emplace_back();
        point.counts = counts.gradient(id).own;
        if (tensor.kind != ProbeKind::weight_gradient) continue;
        const ShadowFinding& finding = findings[graph.parameter_index(id).value()];
        point.relative_error = finding.relative_error;
        point.cosine = finding.cosine;
    }
    ++sweep.done;
}

}  // namespace halfscope
