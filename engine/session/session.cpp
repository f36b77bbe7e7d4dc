#include "session/session.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <numeric>

#include "backend/device_error.h"
#include "session/background_ablation.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr std::chrono::milliseconds kProbeAtLeastEvery{
    250};  // techniques.md: 4 times a second while a window looks
// Beyond this share of the last seconds, probes come by their step alone and not by the clock besides.
constexpr double kProbeBudget_percent = 5.0;
constexpr double kViewInterval_ms = 500.0;
constexpr double kViewCostShare = 4.0;  // views take at most about a fifth of the time

/// Puts the shadow pass's findings of earlier probes beside newer counts, which come without them.
void keep_shadow_findings(std::vector<Probe>& newer, const ProbeList& earlier) {
    for (std::size_t index = 0; index < newer.size(); ++index) {
        Probe& probe = newer[index];
        if (probe.relative_error != -1 || probe.cosine != -2) continue;
        const auto same = [&](const Probe& other) {
            return other.kind == probe.kind && other.tensor == probe.tensor;
        };
        // Lists of the same graph are in the same order; only a changed set of techniques can shift them.
        const auto place = index < earlier.size() && same(earlier[index])
                               ? earlier.begin() + static_cast<std::ptrdiff_t>(index)
                               : std::find_if(earlier.begin(), earlier.end(), same);
        if (place == earlier.end()) continue;
        probe.relative_error = place->relative_error;
        probe.cosine = place->cosine;
    }
}

bool has_shadow_findings(const std::vector<Probe>& probes) {
    return std::any_of(probes.begin(), probes.end(),
                       [](const Probe& probe) { return probe.relative_error != -1; });
}

}  // namespace

std::int64_t validation_interval(std::int64_t schedule_steps) {
    return std::max<std::int64_t>(20, schedule_steps / 50);
}

std::vector<LaneSpec> default_lanes(const ScenarioInfo& info) {
    std::vector<LaneSpec> lanes;
    for (const LaneDefault& lane : info.lanes)
        lanes.push_back({lane.name, parse_techniques(lane.techniques)});
    return lanes;
}

Session::Session(Backend& backend, Timeline& timeline, RecordSink records, ProgressSink progress,
                 CancelCheck cancelled, BackgroundSink background)
    : backend_(&backend),
      timeline_(timeline),
      records_(std::move(records)),
      progress_(std::move(progress)),
      cancelled_(std::move(cancelled)),
      background_(std::move(background)) {}

Session::~Session() = default;

void Session::say(Message::Kind kind, std::string text) {
    constexpr std::size_t kKeptMessages = 16;
    messages_.push_back({kind, std::move(text), ++message_number_});
    if (messages_.size() > kKeptMessages) messages_.pop_front();
}

/// Builds first and replaces then, so that what cannot be built leaves the running experiment alone.
void Session::start_experiment(std::shared_ptr<const Workload> workload, const std::vector<LaneSpec>& lanes,
                               const std::vector<int>& ids) {
    auto experiment = std::make_unique<Experiment>(*backend_, workload, lanes);
    install(std::move(experiment), std::move(workload));
    for (std::size_t index = 0; index < ids.size(); ++index) lanes_[index].id = ids[index];
    timeline_.clear();
    view_lanes();
}

/// Another experiment takes the place of the present one; its history is the caller's business.
void Session::install(std::unique_ptr<Experiment> experiment, std::shared_ptr<const Workload> workload) {
    auto target = std::make_shared<const ModelView>(workload->target_view());
    MatrixWork work = matrix_work(workload->training_graph());
    work.flops *= static_cast<double>(workload->micro_batches());
    matrix_work_ = std::make_shared<const MatrixWork>(std::move(work));
    dot_sources_ = std::make_shared<const std::vector<DotSource>>(dot_sources(workload->training_graph()));
    outline_ = std::make_shared<const std::vector<OutlineNode>>(outline_of(workload->training_graph()));
    // Losses of another scenario are no scale for this one's.
    if (workload_ && workload_->info().name != workload->info().name) overlays_.clear();
    experiment_ = std::move(experiment);
    workload_ = std::move(workload);
    target_ = std::move(target);
    is_lost_ = false;
    lanes_.clear();
    lanes_.resize(experiment_->lanes().size());
    ++run_;
    steps_to_pause_.reset();
    raised_alerts_.clear();
    alerts_.reset();
    steps_.clear();
    forget_history();
    note_origin();
    last_probe_ = last_view_ = last_step_end_ = {};
}

Session::Loading::Loading(Session& session, RunState then) : session_(session), then_(then) {
    session_.state_ = RunState::loading;
}

Session::Loading::~Loading() {
    session_.state_ = then_;
    session_.loading_ = {};
    session_.going_to_.reset();
    session_.last_step_end_ = {};  // this was no step
}

/// Makes a workload, which may take long, with progress shown. Throws what making it throws; an experiment
/// that was open stays as it was then.
std::shared_ptr<const Workload> Session::prepare(const Scenario& scenario, const ScenarioSettings& settings) {
    const Loading loading(*this, experiment_ ? state_ : RunState::failed);
    progress_();
    Preparation preparation;
    preparation.threads = backend_->host_threads();
    preparation.report = [this](const LoadingProgress& reached) {
        loading_ = reached;
        progress_();
        return !(cancelled_ && cancelled_());
    };
    return scenario.prepare(resolve_settings(scenario.info(), settings), preparation);
}

/// Throws what building it throws; an experiment that was open stays as it was then.
void Session::open(const OpenScenarioCommand& command, RunState state_then) {
    const Scenario& scenario =
        command.scenario.empty() ? *scenarios().front() : find_scenario(command.scenario);
    std::shared_ptr<const Workload> workload = prepare(scenario, command.settings);
    const std::vector<LaneSpec> lanes =
        command.lanes.empty() ? default_lanes(scenario.info()) : command.lanes;
    std::vector<int> ids(lanes.size());
    std::iota(ids.begin(), ids.end(), 0);
    start_experiment(std::move(workload), lanes, ids);
    if (!workload_->note().empty()) say(Message::Kind::note, workload_->note());
    state_ = state_then;
    if (state_ == RunState::paused) pause();
}

StepRequest Session::request_at(std::int64_t step, SteadyClock::time_point now) const {
    const bool last_before_pause = steps_to_pause_ && *steps_to_pause_ <= 1;
    StepRequest request;
    request.shadow = shadow_every_ > 0 && step % shadow_every_ == 0;
    const bool clock_is_due =
        now - last_probe_ >= kProbeAtLeastEvery && steps_.percent().probes < kProbeBudget_percent;
    request.probe = request.shadow ||
                    (probe_every_ > 0 && (step % probe_every_ == 0 || last_before_pause || clock_is_due));
    return request;
}

/// Files one lane's result. Returns what probing took of the step, in ms.
double Session::record_result(std::size_t index, const StepRequest& request, StepResult result) {
    LaneState& lane = lanes_[index];
    const StepRecord& record = result.record;
    lane.last = record;
    if (std::isfinite(record.loss) && !(record.loss >= lane.best_loss)) lane.best_loss = record.loss;
    timeline_.record(lane.id, record);
    // Lanes come in order: the first one's record is of this step.
    if (index > 0) timeline_.record_difference(lane.id, record.step, record.loss - lanes_.front().last.loss);
    records_(lane.id, record);
    for (const Event& event : result.events) timeline_.record_event(lane.id, event);

    const SteadyClock::time_point now = SteadyClock::now();
    double telemetry_ms = record.telemetry_ms;
    if (request.probe) {
        // Values are counted where they are stored, inside the step: what that cost shows against steps
        // without it, on average: a single difference may be negative.
        if (lane.plain_steps.size() > 0) telemetry_ms += record.step_ms - lane.plain_steps.mean_ms();
        lane.probed_steps.add(now, record.step_ms);
    } else {
        lane.plain_steps.add(now, record.step_ms);
    }
    if (!result.probes.empty()) {
        if (has_shadow_findings(result.probes)) {
            lane.shadow_step = record.step;
        } else {
            keep_shadow_findings(result.probes, lane.probes);
        }
        timeline_.record_probes(lane.id, record.step, result.probes);
        lane.probes = ProbeList(std::move(result.probes));
        lane.probe_step = record.step;
    }
    return telemetry_ms;
}

void Session::validate_lanes(std::int64_t done_step) {
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        if (lanes_[index].validation_step == done_step) continue;
        lanes_[index].validation = experiment_->lanes()[index].validate();
        lanes_[index].validation_step = done_step;
        timeline_.record_validation(lanes_[index].id, done_step, lanes_[index].validation);
    }
}

void Session::view_lanes() {
    const SteadyClock::time_point start = SteadyClock::now();
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        if (lanes_[index].view_step == experiment_->next_step()) continue;
        lanes_[index].view = std::make_shared<const ModelView>(experiment_->lanes()[index].view());
        lanes_[index].view_step = experiment_->next_step();
    }
    last_view_ = SteadyClock::now();
    view_cost_ms_ = elapsed_ms(start, last_view_);
}

/// Validation and views that are due after `done_step`.
void Session::measure_models(std::int64_t done_step, bool pausing, ObservationCost& cost_ms) {
    const SteadyClock::time_point start = SteadyClock::now();
    const std::int64_t length = schedule_steps(workload_->info(), workload_->settings());
    if (pausing || done_step % validation_interval(length) == 0 || done_step + 1 == length)
        validate_lanes(done_step);
    const SteadyClock::time_point validated = SteadyClock::now();
    const double view_interval_ms = std::max(kViewInterval_ms, kViewCostShare * view_cost_ms_);
    if (pausing || elapsed_ms(last_view_, start) >= view_interval_ms) view_lanes();
    cost_ms.validation = elapsed_ms(start, validated);
    cost_ms.views = elapsed_ms(validated, SteadyClock::now());
}

void Session::work() { is_measuring() ? measure_on() : step(); }

/// Runs a piece of work of the device; what it throws becomes a message and state failed or lost. `what`:
/// "step", "measuring at step".
void Session::attempt_step(const char* what, const std::function<void()>& work) {
    const std::string name = what + (" " + std::to_string(experiment_->next_step()));
    try {
        work();
    } catch (const std::bad_alloc&) {
        fail(name + " ran out of memory; choose a smaller batch or width or remove a lane, then restart");
    } catch (const InputError& error) {
        fail(std::string(error.what()));
    } catch (const DeviceError& error) {
        lose_device(name + " failed: " + error.what());
    } catch (const std::exception& error) {
        fail(name + " failed: " + error.what() + "; restart, or open another scenario");
    }
}

void Session::step() {
    const SteadyClock::time_point start = SteadyClock::now();
    const std::int64_t step = experiment_->next_step();
    attempt_step("step", [&] {
        if (backend_->can_be_lost() && is_copy_due(start)) keep_copy();
        make_changes_again();
        keep_state();
        const StepRequest request = request_at(step, start);
        for (LaneState& lane : lanes_) lane.signature.clear();
        std::vector<StepResult> results = experiment_->step(request);
        ObservationCost cost_ms;
        for (std::size_t index = 0; index < results.size(); ++index) {
            cost_ms.shadow += results[index].record.shadow_ms;
            cost_ms.probes += record_result(index, request, std::move(results[index]));
        }
        if (request.probe) last_probe_ = SteadyClock::now();
        const bool alarmed = watch_lanes(Watching::anew);
        const bool pausing = (steps_to_pause_ && --*steps_to_pause_ <= 0) || alarmed;
        measure_models(step, pausing, cost_ms);
        const SteadyClock::time_point end = SteadyClock::now();
        // Slow motion's waits belong to the rate, but not a pause of the user's.
        const bool went_on = last_step_end_ != SteadyClock::time_point{};
        steps_.add(end, elapsed_ms(went_on ? last_step_end_ : start, end), cost_ms);
        last_step_end_ = end;
        if (pausing) pause();
    });
}

/// Takes what is shown of a standing experiment: validation, views and signatures at its last step.
void Session::pause() {
    state_ = RunState::paused;
    steps_to_pause_.reset();
    last_step_end_ = {};
    const std::int64_t done_step = experiment_->next_step() - 1;
    if (done_step >= 0) validate_lanes(done_step);
    view_lanes();
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        lanes_[index].signature = experiment_->lanes()[index].signature();
    }
    if (backend_->can_be_lost()) keep_copy();
}

void Session::fail(const std::string& sentence) {
    state_ = RunState::failed;
    steps_to_pause_.reset();
    last_step_end_ = {};
    say(Message::Kind::error, sentence);
}

}  // namespace halfscope
