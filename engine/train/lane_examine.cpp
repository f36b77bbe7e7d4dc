// A step's passes once more, counted, to find where the first value that is not finite arose; and again under
// smaller loss scales, until there is none. Without an update.
#include <algorithm>
#include <cmath>

#include "train/lane_state.h"
#include "train/overflow_report.h"

namespace halfscope {
namespace {

void take_first_nonfinite(OverflownTensor& tensor, const std::vector<float>& values) {
    for (std::size_t i = 0; i < values.size() && tensor.elements.size() < OverflowReport::kElements; ++i) {
        if (std::isfinite(values[i])) continue;
        tensor.elements.push_back(static_cast<std::int64_t>(i));
        tensor.stored.push_back(values[i]);
    }
}

/// The output of the one node that makes a tensor's gradient; kNoTensor where several add to it.
TensorId only_reader(const Graph& graph, TensorId id) {
    if (graph.readers(id) != 1) return kNoTensor;
    for (const Node& node : graph.nodes())
        if (std::find(node.inputs.begin(), node.inputs.end(), id) != node.inputs.end()) return node.output;
    return kNoTensor;
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
    tensor.shape = graph.tensor(id).shape;
    if (kind == ProbeKind::activation || kind == ProbeKind::weight) {
        const TensorView value = training->value(id);
        take_first_nonfinite(tensor, download_floats(backend, value.reshaped(1, value.elements())));
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

/// Of gradients, from passes once more: those of activations are there for a while only. Some tensors at a
/// time, so that not all of them are brought home at once.
void Lane::State::find_elements(OverflowReport& report, std::int64_t step, std::span<const Batch> batches) {
    const Graph& graph = training->graph();
    const KeptStatistics kept(backend, *training);
    struct Place {
        OverflownTensor* tensor;
        std::size_t stored, computed;  ///< watches
    };
    for (std::size_t next = 0; next < report.tensors.size();) {
        std::vector<GradientWatch> watches;
        std::vector<Place> places;
        std::int64_t room = OverflowReport::kMostExamined;
        for (; next < report.tensors.size(); ++next) {
            OverflownTensor& tensor = report.tensors[next];
            const bool is_gradient =
                tensor.kind == ProbeKind::activation_gradient || tensor.kind == ProbeKind::weight_gradient;
            const std::int64_t needed = 2 * tensor.shape.elements();
            if (!is_gradient || needed > OverflowReport::kMostExamined) continue;
            if (needed > room) break;
            room -= needed;
            const TensorId id = graph.find(tensor.tensor);
            // A parameter's stays where it is; that of an activation is whole when its maker takes it.
            const TensorId reader = only_reader(graph, id);
            places.push_back({&tensor, watches.size(), watches.size() + 1});
            watches.push_back({id, {}, kNoTensor, WatchedForm::stored});
            watches.push_back({reader == kNoTensor ? kNoTensor : id, {}, reader, WatchedForm::computed});
        }
        if (places.empty()) return;
        run_watched(*training, step, batches, scaler.scale, watches);
        for (const Place& place : places) {
            OverflownTensor& tensor = *place.tensor;
            const bool is_weight = tensor.kind == ProbeKind::weight_gradient;
            const TensorId id = watches[place.stored].id;
            take_first_nonfinite(
                tensor, is_weight ? download_floats(
                                        backend, training->flat_gradient(graph.parameter_index(id).value()))
                                  : watches[place.stored].values);
            const std::vector<float>& computed = watches[place.computed].values;
            if (computed.empty()) continue;
            for (const std::int64_t element : tensor.elements)
                tensor.computed.push_back(computed[static_cast<std::size_t>(element)]);
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
    state.find_elements(report, step, batches);
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
