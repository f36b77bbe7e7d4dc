// The next update of one parameter, worked out on the host by the formulas that devices run, and not made.
#include <cmath>
#include <map>

#include "ops/optimizer_update.h"
#include "ops/update_decision.h"
#include "train/lane_state.h"
#include "train/update_peek.h"

namespace halfscope {
namespace {

/// Runs the update's formulas (ops/executor.h: map, count_updates) on copies, and keeps what they would
/// store.
class PeekExecutor {
  public:
    explicit PeekExecutor(Backend& backend) : backend_(backend) {}

    template <int N, class F, class... Views>
    void map(const Outputs<N>& outputs, const F& formula, const Views&... inputs) {
        if (idle(formula)) return;
        const auto f = bound(formula);
        const std::vector<float>* const in[] = {&values(inputs)...};
        std::vector<float> stored[N];
        const auto count = static_cast<std::size_t>(outputs.view[0].elements());
        for (auto& one : stored) one.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            const Values<N> result = call(f, i, in, std::index_sequence_for<Views...>{});
            for (int n = 0; n < N; ++n)
                stored[n][i] = round_to(outputs.view[n].format, result.v[n], outputs.view[n].subnormals);
        }
        for (int n = 0; n < N; ++n) results_[outputs.view[n].data] = std::move(stored[n]);
    }

    template <class F, class... Views>
    void count_updates(UpdateCounts&, Format, const F& formula, const Views&... inputs) {
        const auto f = bound(formula);
        const std::vector<float>* const in[] = {&values(inputs)...};
        updates.resize(in[0]->size());
        for (std::size_t i = 0; i < updates.size(); ++i)
            updates[i] = call(f, i, in, std::index_sequence_for<Views...>{}).v[0];
    }

    /// Of a view, as it is.
    const std::vector<float>& values(const TensorView& view) {
        auto [place, is_new] = values_.try_emplace(view.data);
        if (is_new) place->second = download_floats(backend_, view);
        return place->second;
    }
    /// Of a view, as the formulas would leave it.
    const std::vector<float>& result(const TensorView& view) {
        const auto found = results_.find(view.data);
        return found == results_.end() ? values(view) : found->second;
    }

    std::vector<float> updates;

  private:
    template <class F, std::size_t N, std::size_t... I>
    static auto call(const F& f, std::size_t i, const std::vector<float>* const (&in)[N],
                     std::index_sequence<I...>) {
        return f(static_cast<std::int64_t>(i), (*in[I])[i]...);
    }

    Backend& backend_;
    std::map<const void*, std::vector<float>> values_, results_;
};

}  // namespace

UpdatePeek Lane::peek_update(std::string_view tensor, std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    LaneBuffers& training = *state.training;
    const Graph& graph = training.graph();
    const std::size_t p = state.parameter_named(tensor);
    const TensorId id = graph.parameters()[p];
    const float scale = state.scaler.scale;
    std::vector<float> true_gradient;
    if (shadow_is_meaningful(state.techniques)) {
        state.run_shadow(step, batches);
        true_gradient = download_floats(
            state.backend, batches.size() > 1 ? state.shadow->state(p, 0) : state.shadow->flat_gradient(p));
    }
    // As a step does, with the check's decision brought home.
    CheckedPasses passes = state.run_checked(step, batches, scale, nullptr);
    UpdateValues& values = passes.values;
    values.decision = decide_update(passes.checks.data(), passes.checks.size(), values);

    UpdateCounts unused;
    UpdateCall call = state.update_call(p, passes.optimizer);
    call.values = &values;
    call.counts = &unused;
    PeekExecutor executor(state.backend);
    update_parameter(executor, call);

    UpdatePeek peek;
    peek.tensor = tensor;
    peek.step = step;
    const Shape& shape = graph.tensor(id).shape;
    peek.rows = shape.rows();
    peek.cols = shape.columns();
    peek.format = call.weight.format;
    peek.gradient_format = training.rounded_gradient_format(id);
    peek.subnormals = call.subnormals;
    peek.has_master = static_cast<bool>(call.master);
    peek.rounding = call.rounding;
    peek.loss_scale = static_cast<double>(scale);
    peek.is_skipped = values.decision.is_skipped;
    peek.optimizer = call.optimizer;
    peek.decay_order = call.decay_order;
    if (std::isfinite(values.decision.clip_factor)) peek.clip_factor = values.decision.clip_factor;
    const TensorView record = state.weight_of_record(p);
    peek.weight = executor.values(record);
    peek.stored = executor.values(call.weight);
    peek.gradient = executor.values(call.gradient);
    // Where nothing is rounded or scaled, the lane's own is the true one.
    peek.true_gradient = true_gradient.empty() ? peek.gradient : std::move(true_gradient);
    if (call.moment1) peek.moment1 = executor.values(call.moment1);
    if (call.moment2) peek.moment2 = executor.values(call.moment2);
    peek.update = std::move(executor.updates);
    peek.next = executor.result(record);
    peek.next_stored = executor.result(call.weight);
    peek.fates = count_fates(peek);
    peek.worth_a_look = element_worth_a_look(peek);
    return peek;
}

}  // namespace halfscope
