// Passes of a lane without an update: loss and gradients as a step would see them, and how wrong they are.
#include <exception>

#include "train/lane_state.h"
#include "train/loss_scaler.h"

namespace halfscope {

KeptStatistics::KeptStatistics(Backend& backend, const LaneBuffers& buffers)
    : backend_(backend), buffers_(buffers) {
    for (std::size_t b = 0; b < buffers.graph().buffers().size(); ++b)
        values_.push_back(download_floats(backend, buffers.flat_buffer(b)));
}

KeptStatistics::~KeptStatistics() {
    try {
        for (std::size_t b = 0; b < values_.size(); ++b)
            backend_.upload(buffers_.flat_buffer(b).data, values_[b].data(),
                            values_[b].size() * sizeof(float));
    } catch (const std::exception&) {
        // The device is lost with all its memory, which its next call says: a destructor cannot.
    }
}

CheckedPasses Lane::State::run_checked(std::int64_t step, std::span<const Batch> batches, float scale,
                                       ProbeCounts* counts) {
    const KeptStatistics kept(backend, *training);
    CheckedPasses passes;
    passes.loss = run_batches(*training, slots.accumulated, step, batches, scale, counts, nullptr);
    passes.optimizer = scheduled();
    passes.values = upload_values(passes.optimizer, scale, step);
    const std::vector<TensorView> gradients = checked_gradients();
    backend.begin_check(gradients, update_values());
    passes.checks = backend.finish_check(gradients.size());
    return passes;
}

std::vector<GradientError> Lane::gradient_errors(std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    const float scale = state.scaler.scale;
    state.run_shadow(step, batches);
    {
        const KeptStatistics kept(state.backend, *state.training);
        state.run_batches(*state.training, state.slots.accumulated, step, batches, scale, nullptr, nullptr);
    }
    const std::vector<ShadowFinding> findings =
        state.compare_with_shadow(batches.size() > 1, inverse_of_scale(scale));
    const Graph& graph = state.training->graph();
    std::vector<GradientError> errors;
    for (std::size_t p = 0; p < findings.size(); ++p) {
        errors.push_back(
            {graph.tensor(graph.parameters()[p]).name, findings[p].relative_error, findings[p].cosine});
    }
    return errors;
}

LossAndGradients Lane::gradients(const Batch& batch, std::int64_t step) {
    State& state = *state_;
    LaneBuffers& training = *state.training;
    const float scale = state.scaler.scale;
    const float inverse_scale = inverse_of_scale(scale);
    const PassSettings settings{RunMode::training, state.seed(), nullptr};
    const KeptStatistics kept(state.backend, training);
    training.feed(batch, {scale, static_cast<std::uint32_t>(step)});
    training.forward(settings);
    training.backward(settings);
    LossAndGradients result;
    result.loss = training.loss();
    for (std::size_t p = 0; p < training.graph().parameters().size(); ++p) {
        NamedValues gradient = state.described(training.graph().parameters()[p]);
        gradient.values = download_floats(state.backend, training.flat_gradient(p));
        for (float& value : gradient.values) value *= inverse_scale;
        result.gradients.push_back(std::move(gradient));
    }
    return result;
}

}  // namespace halfscope
