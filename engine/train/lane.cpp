#include "train/lane.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "train/input_error.h"
#include "train/lane_state.h"
#include "train/loss_scaler.h"
#include "train/signature.h"

namespace halfscope {
namespace {

/// The initial values of a parameter, a pure function of (seed, name): lanes share them bit for bit.
std::vector<float> initial_values(const TensorInfo& info, std::uint64_t seed) {
    std::vector<float> values(static_cast<std::size_t>(info.shape.elements()));
    const RandomKey key = random_key(seed, "initial", info.name, 0);
    const float amount = info.initializer.amount;
    for (std::size_t i = 0; i < values.size(); ++i) {
        switch (info.initializer.kind) {
            case Initializer::Kind::constant:
                values[i] = amount;
                break;
            case Initializer::Kind::uniform:
                values[i] = uniform(key, i, -amount, amount);
                break;
            case Initializer::Kind::normal:
                values[i] = amount * normal(key, i);
                break;
        }
    }
    return values;
}

/// What a parameter starts from: what the workload brings for it, or else its initial values.
std::vector<float> starting_values(const Workload& workload, const TensorInfo& info) {
    if (const std::vector<NamedValues>* given = workload.starting_weights()) {
        for (const NamedValues& one : *given) {
            if (one.name != info.name) continue;
            if (one.values.size() != static_cast<std::size_t>(info.shape.elements())) {
                throw std::logic_error("the starting weights of '" + info.name + "' have another shape");
            }
            return one.values;
        }
    }
    return initial_values(info, workload.settings().seed);
}

void require_sense(const Techniques& techniques) {
    const std::string sentence = refusal(techniques);
    if (!sentence.empty()) throw InputError(sentence);
}

std::string changed_keys(const Techniques& before, const Techniques& after) {
    std::string text;
    for (const TechniqueKey& key : technique_keys()) {
        const std::string from = technique_value(before, key.name), to = technique_value(after, key.name);
        if (from == to) continue;
        if (!text.empty()) text += ", ";
        text.append(key.name).append(": ").append(from).append(" -> ").append(to);
    }
    return text;
}

/// What happened to the weights when what is kept of them in FP32 came or went; empty where nothing did.
std::string master_story(const Techniques& before, const Techniques& after) {
    const std::string from = format_info(before.storage).name, to = format_info(after.storage).name;
    if (!before.keeps_fp32_weights() && after.keeps_fp32_weights()) {
        const std::string kept = after.has_master() ? "the FP32 master copy starts" : "FP32 weights start";
        return kept + " from the current weights as rounded to " + from;
    }
    if (before.keeps_fp32_weights() && !after.keeps_fp32_weights()) {
        return (before.has_master() ? "the master copy is gone: weights were rounded once to "
                                    : "weights were rounded once to ") +
               to;
    }
    if (!after.keeps_fp32_weights() && before.storage != after.storage)
        return "weights were rounded once to " + to;
    if (!after.keeps_fp32_weights() && before.keep_fp32 != after.keep_fp32) {
        return "weights of nodes newly kept in FP32 start as rounded to " + to +
               ", those no longer kept were rounded once";
    }
    return {};
}

/// Whether a step calls the same operations with the same arguments under both, its UpdateValues and
/// PassValues apart: techniques that only decide, or only set a value, do not count.
bool does_the_same(const Techniques& before, const Techniques& after) {
    Techniques decided = after;
    decided.scaler = before.scaler;
    decided.on_nonfinite = before.on_nonfinite;
    decided.clip_norm = before.clip_norm;
    decided.clip_order = before.clip_order;
    decided.schedule_on_skip = before.schedule_on_skip;
    return decided == before;
}

}  // namespace

const char* probe_kind_name(ProbeKind kind) {
    switch (kind) {
        case ProbeKind::weight:
            return "weight";
        case ProbeKind::activation:
            return "activation";
        case ProbeKind::activation_gradient:
            return "activation_gradient";
        case ProbeKind::weight_gradient:
            return "weight_gradient";
        case ProbeKind::update:
            return "update";
    }
    return "unknown";
}

const char* event_kind_name(EventKind kind) {
    switch (kind) {
        case EventKind::toggle:
            return "toggle";
        case EventKind::growth:
            return "growth";
        case EventKind::backoff:
            return "backoff";
        case EventKind::skip:
            return "skip";
        case EventKind::nan:
            return "nan";
        case EventKind::lane:
            return "lane";
        case EventKind::message:
            return "message";
        case EventKind::alert:
            return "alert";
    }
    return "unknown";
}

Lane::State::State(Backend& backend_in, std::shared_ptr<const Workload> workload_in, std::string name_in,
                   const Techniques& techniques_in, std::span<const Lane> others)
    : backend(backend_in),
      workload(std::move(workload_in)),
      name(std::move(name_in)),
      techniques(techniques_in) {
    require_sense(techniques);
    LanePlans plans = fitting_plans(techniques, others);
    const Graph& graph = workload->training_graph();
    for (std::size_t n = graph.nodes().size(); n-- > 0;) {
        for (TensorId id : graph.nodes()[n].inputs) {
            if (const auto parameter = graph.parameter_index(id))
                backward_parameters.push_back({*parameter, n});
        }
    }
    slots = std::move(plans.slots);
    training = std::make_unique<LaneBuffers>(backend, graph, std::move(plans.training));
    update_memory = DeviceMemory(backend, sizeof(UpdateValues));
    scaler = initial_scaler_state(techniques.scaler);
    initialize_weights();
}

LanePlans Lane::State::fitting_plans(const Techniques& wanted, std::span<const Lane> lanes) const {
    LanePlans plans = plan_lane(*workload, wanted);
    std::vector<RunningLane> others;
    for (const Lane& lane : lanes)
        if (lane.state_.get() != this) others.push_back(lane.running());
    require_memory(backend, *workload, "lane '" + name + "'", {&plans, 1}, others);
    return plans;
}

TensorView Lane::State::weight_of_record(std::size_t parameter) const {
    const TensorView master = training->state_or_none(parameter, slots.master);
    return master ? master : training->flat_value(parameter);
}

void Lane::State::initialize_weights() {
    const Graph& graph = training->graph();
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
        store_parameter(p, starting_values(*workload, graph.tensor(graph.parameters()[p])));
    }
    for (std::size_t b = 0; b < graph.buffers().size(); ++b) {
        const std::vector<float> values = initial_values(graph.tensor(graph.buffers()[b]), seed());
        backend.upload(training->flat_buffer(b).data, values.data(), values.size() * sizeof(float));
    }
}

void Lane::State::rebuild(const Techniques& next, const State& from, std::span<const Lane> others) {
    LanePlans plans = fitting_plans(next, others);
    auto fresh =
        std::make_unique<LaneBuffers>(backend, workload->training_graph(), std::move(plans.training));
    transfer_state(backend, *from.training, from.slots, *fresh, plans.slots);
    recordings = {};
    training = std::move(fresh);
    slots = std::move(plans.slots);
    // Their formats follow the techniques, and the evaluation graph points into the old weights.
    evaluation.reset();
    shadow.reset();
}

std::vector<float> Lane::State::predict(const Batch& batch) {
    const Graph& graph = workload->evaluation_graph();
    if (!evaluation) {
        Plan plan(graph, techniques.policy(), PlanPasses::forward_only, {});
        auto made = std::make_unique<LaneBuffers>(backend, graph, std::move(plan));
        std::vector<TensorId> shared = graph.parameters();
        shared.insert(shared.end(), graph.buffers().begin(), graph.buffers().end());
        for (TensorId id : shared) {
            const std::string& wanted = graph.tensor(id).name;
            const TensorId trained = training->graph().find(wanted);
            if (trained == kNoTensor) {
                throw std::logic_error("the evaluation graph reads '" + wanted + "', which is not trained");
            }
            made->alias(id, training->value(trained));
        }
        evaluation = std::move(made);
    }
    evaluation->feed(batch);
    PassSettings settings;
    settings.mode = RunMode::evaluation;
    settings.seed = seed();
    evaluation->forward(settings, graph.prediction());
    return download_floats(backend, evaluation->value(graph.prediction()));
}

Lane::Lane(Backend& backend, std::shared_ptr<const Workload> workload, std::string name,
           const Techniques& techniques, std::span<const Lane> others)
    : state_(std::make_unique<State>(backend, std::move(workload), std::move(name), techniques, others)) {}
Lane::~Lane() = default;
Lane::Lane(Lane&&) noexcept = default;
Lane& Lane::operator=(Lane&&) noexcept = default;

RunningLane Lane::running() const {
    const State& state = *state_;
    RunningLane lane{plan_lane(*state.workload, state.techniques), 0};
    if (!state.evaluation) lane.bytes_to_come += lane.plans.evaluation_bytes();
    if (!state.shadow) lane.bytes_to_come += lane.plans.shadow_bytes();
    if (!state.probe_counts) lane.bytes_to_come += lane.plans.probe_bytes;
    return lane;
}

const std::string& Lane::name() const { return state_->name; }
void Lane::rename(std::string name) { state_->name = std::move(name); }
const Techniques& Lane::techniques() const { return state_->techniques; }

std::vector<Event> Lane::set_techniques(const Techniques& techniques, std::int64_t step,
                                        std::span<const Lane> others) {
    State& state = *state_;
    if (techniques == state.techniques) return {};
    require_sense(techniques);
    const Techniques before = state.techniques;
    const StateSlots wanted = state_slots(*state.workload, techniques);
    if (wanted.buffers != state.slots.buffers || techniques.policy() != before.policy())
        state.rebuild(techniques, state, others);
    if (!does_the_same(before, techniques)) state.recordings = {};
    state.techniques = techniques;
    if (techniques.scaler != before.scaler) {
        state.scaler = carry_scaler(before.scaler, state.scaler, techniques.scaler);
    }
    std::vector<Event> events{{step, state.name, EventKind::toggle, changed_keys(before, techniques)}};
    const std::string story = master_story(before, techniques);
    if (!story.empty()) events.push_back({step, state.name, EventKind::message, story});
    return events;
}

void Lane::multiply_loss_scale(double factor) {
    State& state = *state_;
    if (state.techniques.scaler.scaling == LossScaling::off) return;
    // Powers of two whose inverse is finite in FP32 too.
    const double smallest = std::ldexp(1.0, -126), largest = std::ldexp(1.0, 126);
    const double scale = std::clamp(static_cast<double>(state.scaler.scale) * factor, smallest, largest);
    state.scaler.scale = static_cast<float>(scale);
    if (state.techniques.scaler.scaling == LossScaling::fixed) {
        state.techniques.scaler.initial_scale = state.scaler.scale;
    } else {
        state.scaler = carry_scaler(state.techniques.scaler, state.scaler, state.techniques.scaler);
    }
}

StepResult Lane::step(std::int64_t step, std::span<const Batch> batches, const StepRequest& request) {
    return state_->step(step, batches, request);
}

Metric Lane::validate() {
    return state_->workload->validate([this](const Batch& batch) { return state_->predict(batch); });
}
ModelView Lane::view() {
    return state_->workload->view([this](const Batch& batch) { return state_->predict(batch); });
}

const MemoryUse& Lane::memory() const { return state_->training->plan().memory(); }
double Lane::loss_scale() const { return static_cast<double>(state_->scaler.scale); }
std::int32_t Lane::steps_until_growth() const {
    return halfscope::steps_until_growth(state_->techniques.scaler, state_->scaler);
}
std::int64_t Lane::skipped_steps() const { return state_->skipped; }
std::int64_t Lane::updates() const { return state_->updates; }

std::string Lane::signature() const {
    Signature signature;
    for (std::size_t p = 0; p < state_->training->graph().parameters().size(); ++p) {
        signature.add(download_floats(state_->backend, state_->weight_of_record(p)));
    }
    return signature.text();
}

std::vector<float> Lane::parameter(std::string_view name) const {
    return download_floats(state_->backend, state_->weight_of_record(state_->parameter_named(name)));
}

void Lane::copy_state_from(const Lane& other) {
    State& state = *state_;
    const State& from = *other.state_;
    if (state.workload != from.workload)
        throw std::logic_error("lanes of different workloads cannot share state");
    state.rebuild(state.techniques, from);
    const bool same_rules = state.techniques.scaler == from.techniques.scaler;
    state.scaler =
        same_rules ? from.scaler : carry_scaler(from.techniques.scaler, from.scaler, state.techniques.scaler);
    state.updates = from.updates;
    state.skipped = from.skipped;
    state.position = from.position;
    state.reported = from.reported;
}

}  // namespace halfscope
