// Gradients of the shadow pass, brought home whole.
#include <algorithm>

#include "train/input_error.h"
#include "train/lane_state.h"
#include "train/retained_values.h"

namespace halfscope {
namespace {

/// Throws InputError where one has no gradient of that kind, or where they are too many.
std::vector<TensorId> checked_tensors(const Lane& lane, const LaneBuffers& training, ProbeKind kind,
                                      std::span<const std::string> names) {
    const Graph& graph = training.graph();
    std::vector<TensorId> found;
    std::uint64_t count = 0;
    for (const std::string& name : names) {
        const TensorId id = graph.find(name);
        const bool is_there = id != kNoTensor && (kind == ProbeKind::weight_gradient
                                                      ? graph.parameter_index(id).has_value()
                                                      : kind == ProbeKind::activation_gradient &&
                                                            training.plan().gradient(id).bytes != 0 &&
                                                            !graph.parameter_index(id));
        if (!is_there)
            throw InputError("lane '" + lane.name() + "' makes no " + probe_kind_name(kind) + " '" + name +
                             "'");
        found.push_back(id);
        count += static_cast<std::uint64_t>(graph.tensor(id).shape.elements());
    }
    if (count > kMostRetained) {
        throw InputError("these are " + std::to_string(count) + " gradients; at most " +
                         std::to_string(kMostRetained) +
                         " can be kept to be looked at in other formats: choose fewer tensors");
    }
    return found;
}

}  // namespace

RetainedGradients Lane::retain_gradients(ProbeKind kind, std::span<const std::string> tensors,
                                         std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    const Graph& graph = state.training->graph();
    const std::vector<TensorId> ids = checked_tensors(*this, *state.training, kind, tensors);
    std::vector<float> all;
    const auto take = [&all](const std::vector<float>& values) {
        all.insert(all.end(), values.begin(), values.end());
    };
    if (kind == ProbeKind::weight_gradient) {
        state.run_shadow(step, batches);
        for (const TensorId id : ids) {
            const std::size_t parameter = graph.parameter_index(id).value();
            take(download_floats(state.backend, batches.size() > 1 ? state.shadow->state(parameter, 0)
                                                                   : state.shadow->flat_gradient(parameter)));
        }
    } else {
        std::vector<GradientWatch> watches;
        watches.reserve(ids.size());
        for (const TensorId id : ids) watches.push_back({id, {}});
        state.run_watched(state.loaded_shadow(), step, batches, 1.0f, watches);
        for (const GradientWatch& watch : watches) take(watch.values);
    }
    RetainedGradients retained;
    retained.kind = kind;
    retained.tensors.assign(tensors.begin(), tensors.end());
    retained.step = step;
    retained.loss_scale = static_cast<double>(state.scaler.scale);
    retained.values = retain_values(all);
    retained.counts = counts_of(retained.values);
    return retained;
}

}  // namespace halfscope
