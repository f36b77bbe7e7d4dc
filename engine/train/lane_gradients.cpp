// One pass of a lane without an update: loss and gradients as a step would see them.
#include "train/lane_state.h"

namespace halfscope {

KeptStatistics::KeptStatistics(Backend& backend, const LaneBuffers& buffers)
    : backend_(backend), buffers_(buffers) {
    for (std::size_t b = 0; b < buffers.graph().buffers().size(); ++b)
        values_.push_back(download_floats(backend, buffers.flat_buffer(b)));
}

KeptStatistics::~KeptStatistics() {
    for (std::size_t b = 0; b < values_.size(); ++b)
        backend_.upload(buffers_.flat_buffer(b).data, values_[b].data(), values_[b].size() * sizeof(float));
}

LossAndGradients Lane::gradients(const Batch& batch, std::int64_t step) {
    State& state = *state_;
    LaneBuffers& training = *state.training;
    const float scale = state.scaler.scale;
    // As the update unscales: one product in FP32.
    const auto inverse_scale = static_cast<float>(1.0 / static_cast<double>(scale));
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
