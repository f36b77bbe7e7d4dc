#include <algorithm>
#include <cmath>

#include "train/lane_state.h"

namespace halfscope {
namespace {

ShadowFinding finding_of(const GradientComparison& comparison) {
    constexpr double kSmallestNorm = 1e-12;  // techniques.md: ||g - s|| / max(||s||, 1e-12)
    ShadowFinding finding;
    const double own = std::sqrt(comparison.gradient_square), other = std::sqrt(comparison.shadow_square);
    finding.relative_error = std::sqrt(comparison.difference_square) / std::max(other, kSmallestNorm);
    if (own == 0.0 || other == 0.0) {
        // The angle to a zero vector does not exist; equal is equal, and a vanished gradient points nowhere.
        finding.cosine = own == other ? 1.0 : 0.0;
    } else {
        const double cosine = comparison.product / (own * other);
        finding.cosine = std::isnan(cosine) ? cosine : std::clamp(cosine, -1.0, 1.0);
    }
    return finding;
}

}  // namespace

ProbeCounts& Lane::State::own_counts() {
    if (!probe_counts) probe_counts = std::make_unique<ProbeCounts>(backend, training->graph());
    return *probe_counts;
}

ProbeCounts& Lane::State::cleared_counts() {
    own_counts().clear();
    return *probe_counts;
}

void Lane::State::count_weights(ProbeCounts& counts) const {
    const Graph& graph = training->graph();
    std::vector<Conversion> conversions;
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
        if (training->plan().cast(graph.parameters()[p]).bytes != 0) continue;  // counted where it is cast
        TensorView weight = training->flat_value(p);
        weight.counts = counts.place_of_value(graph.parameters()[p]);
        // Rounds again what the update stored: the same bits, now counted.
        conversions.push_back({weight, weight_of_record(p)});
    }
    backend.convert_each(conversions);
}

LaneBuffers& Lane::State::loaded_shadow() {
    const Graph& graph = training->graph();
    if (!shadow) {
        shadow =
            std::make_unique<LaneBuffers>(backend, graph,
                                          Plan(graph, shadow_policy(techniques),
                                               PlanPasses::forward_and_backward, shadow_slots(*workload)));
    }
    std::vector<Conversion> conversions;
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
        const TensorId id = graph.parameters()[p];
        const TensorView compute = training->compute_value(id);
        // The copy that the step is going to read, where it reads one, is not made yet.
        if (training->plan().cast(id).bytes != 0) backend.convert(compute, training->value(id));
        conversions.push_back({shadow->flat_value(p), compute.reshaped(1, compute.elements())});
    }
    backend.convert_each(conversions);
    return *shadow;
}

void Lane::State::run_shadow(std::int64_t step, std::span<const Batch> batches, ProbeCounts* counts) {
    run_batches(loaded_shadow(), batches.size() > 1 ? 0 : -1, step, batches, 1.0f, counts, nullptr);
}

std::vector<ShadowFinding> Lane::State::compare_with_shadow(bool is_accumulated, float inverse_scale) {
    const Graph& graph = training->graph();
    std::vector<TensorView> gradients, true_gradients;
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
        gradients.push_back(gradient_of(p));
        true_gradients.push_back(is_accumulated ? shadow->state(p, 0) : shadow->flat_gradient(p));
    }
    std::vector<ShadowFinding> findings;
    for (const GradientComparison& comparison : backend.compare(gradients, inverse_scale, true_gradients))
        findings.push_back(finding_of(comparison));
    return findings;
}

std::vector<Probe> Lane::State::assemble_probes(const ProbeCounts& counts, double scale, bool updated,
                                                const std::vector<ShadowFinding>& shadow_findings) const {
    const Graph& graph = training->graph();
    std::vector<Probe> probes;
    // At most three of a parameter and two of a node: they are too large to be moved about.
    probes.reserve(3 * graph.parameters().size() + 2 * graph.nodes().size());
    const auto add = [&](TensorId id, const std::string& layer, ProbeKind kind, const TensorCounts& counted,
                         Format format, double contained_scale) -> Probe& {
        return probes.emplace_back(
            Probe{graph.tensor(id).name, layer, kind, counted, format, contained_scale});
    };
    for (const Node& node : graph.nodes()) {
        for (TensorId id : node.inputs) {
            const auto p = graph.parameter_index(id);
            if (!p) continue;
            const Format format = training->plan().value(id).format;
            add(id, node.name, ProbeKind::weight, counts.value(id), training->compute_value(id).format, 1.0);
            Probe& gradient = add(id, node.name, ProbeKind::weight_gradient, counts.gradient(id),
                                  training->rounded_gradient_format(id), scale);
            if (!shadow_findings.empty()) {
                gradient.relative_error = shadow_findings[*p].relative_error;
                gradient.cosine = shadow_findings[*p].cosine;
            }
            if (!updated) continue;
            Probe& update = add(id, node.name, ProbeKind::update, counts.update(*p).values, format, 1.0);
            update.updates = counts.update(*p).updates;
            update.swallowed = counts.update(*p).swallowed;
        }
        if (graph.tensor(node.output).role != TensorRole::activation) continue;
        add(node.output, node.name, ProbeKind::activation, counts.value(node.output),
            training->plan().value(node.output).format, 1.0);
        if (training->plan().gradient(node.output).bytes == 0) continue;
        add(node.output, node.name, ProbeKind::activation_gradient, counts.gradient(node.output),
            training->rounded_gradient_format(node.output), scale);
    }
    return probes;
}

}  // namespace halfscope
