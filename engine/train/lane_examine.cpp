// A step's passes once more, counted, to find where the first value that is not finite arose; and again under
// smaller loss scales, until there is none. Without an update.
#include <algorithm>
#include <cmath>

#include "train/lane_state.h"
#include "train/overflow_report.h"

namespace halfscope {
namespace {

std::vector<std::int64_t> first_nonfinite(const std::vector<float>& values) {
    std::vector<std::int64_t> found;
    for (std::size_t i = 0; i < values.size() && found.size() < OverflowReport::kElements; ++i)
        if (!std::isfinite(values[i])) found.push_back(static_cast<std::int64_t>(i));
    return found;
}

}  // namespace

/// Adds a tensor where some of it is not finite; true where it did.
bool Lane::State::note_overflow(OverflowReport& report, TensorId id, const std::string& layer, ProbeKind kind,
                                const TensorCounts& counts) const {
    if (counts.own.inf + counts.own.nan == 0) return false;
    const Graph& graph = training->graph();
    OverflownTensor tensor;
    tensor.tensor = graph.tensor(id).name;
    tensor.layer = layer;
    tensor.kind = kind;
    tensor.counts = counts.own;
    tensor.max_abs = counts.max_abs;
    if (kind == ProbeKind::activation || kind == ProbeKind::weight) {
        const TensorView value = training->value(id);
        tensor.elements = first_nonfinite(download_floats(backend, value.reshaped(1, value.elements())));
    } else if (kind == ProbeKind::weight_gradient) {
        const std::size_t parameter = graph.parameter_index(id).value();
        tensor.elements = first_nonfinite(download_floats(backend, training->flat_gradient(parameter)));
    }
    report.tensors.push_back(std::move(tensor));
    return true;
}

/// In the order of making: weights, activations with the nodes, gradients against them.
void Lane::State::find_origin(OverflowReport& report, const ProbeCounts& counts) const {
    const Graph& graph = training->graph();
    const auto origin = [&](const std::string& layer, const char* op, bool is_forward) {
        if (!report.origin_layer.empty()) return;
        report.origin_layer = layer;
        report.origin_op = op;
        report.is_forward = is_forward;
    };
    for (const Node& node : graph.nodes()) {
        for (TensorId id : node.inputs) {
            if (graph.tensor(id).role != TensorRole::parameter) continue;
            if (note_overflow(report, id, node.name, ProbeKind::weight, counts.value(id)))
                origin(node.name, "weight", true);
        }
        if (graph.tensor(node.output).role != TensorRole::activation) continue;
        if (note_overflow(report, node.output, node.name, ProbeKind::activation, counts.value(node.output)))
            origin(node.name, op_name(node.op), true);
    }
    if (report.tensors.empty() && !std::isfinite(report.loss)) {
        const Node& last = graph.nodes().back();
        origin(last.name, op_name(last.op), true);
    }
    for (std::size_t n = graph.nodes().size(); n-- > 0;) {
        const Node& node = graph.nodes()[n];
        for (TensorId id : node.inputs) {
            const TensorRole role = graph.tensor(id).role;
            if (role != TensorRole::parameter && role != TensorRole::activation) continue;
            const ProbeKind kind =
                role == TensorRole::parameter ? ProbeKind::weight_gradient : ProbeKind::activation_gradient;
            // Named after the layer whose output it is the gradient of, as a probe is.
            std::string layer = node.name;
            for (const Node& maker : graph.nodes())
                if (maker.output == id) layer = maker.name;
            if (note_overflow(report, id, layer, kind, counts.gradient(id)))
                origin(node.name, op_name(node.op), false);
        }
    }
}

OverflowReport Lane::examine_overflow(std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    OverflowReport report;
    report.step = step;
    report.loss_scale = static_cast<double>(state.scaler.scale);
    ProbeCounts& counts = state.cleared_counts();
    state.count_weights(counts);
    CheckedPasses passes = state.run_checked(step, batches, state.scaler.scale, &counts);
    report.loss = passes.loss;
    counts.fetch();
    state.find_origin(report, counts);
    if (report.is_forward) return report;  // the forward pass does not know S
    float scale = state.scaler.scale;
    for (int halvings = 0;; ++halvings) {
        double largest = 0.0;
        bool is_finite = true;
        for (const GradientCheck& check : passes.checks) {
            is_finite &= check.nonfinite == 0;
            largest = std::max(largest, static_cast<double>(check.max_abs) * static_cast<double>(scale));
        }
        if (is_finite) {
            report.halvings = halvings;
            report.largest_gradient = largest;
            break;
        }
        scale *= 0.5f;
        if (halvings == OverflowReport::kMostHalvings || scale == 0.0f) break;
        passes = state.run_checked(step, batches, scale, nullptr);
    }
    return report;
}

}  // namespace halfscope
