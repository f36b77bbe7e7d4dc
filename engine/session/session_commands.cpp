#include <algorithm>
#include <exception>
#include <new>
#include <utility>
#include <variant>

#include "backend/device_error.h"
#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {

/// Runs a change; what it throws becomes a message. False where it threw.
bool Session::attempt(const std::function<void()>& change) {
    try {
        change();
        return true;
    } catch (const std::bad_alloc&) {
        say(Message::Kind::error,
            "there is not enough memory for that; choose a smaller batch or width, or remove a lane first");
    } catch (const CancelledError& cancelled) {
        given_up_ = cancelled.what();
    } catch (const DeviceError& error) {
        lose_device(error.what());
    } catch (const std::exception& error) {
        say(Message::Kind::error, error.what());
    }
    return false;
}

void Session::begin(const OpenScenarioCommand& command, RunState state_then) {
    if (!attempt([&] { open(command, state_then); })) state_ = RunState::failed;
}

void Session::apply(const Command& command) {
    if (!std::holds_alternative<CancelCommand>(command)) given_up_.clear();
    attempt([&] {
        refuse_where_lost(command);
        std::visit([this](const auto& kind) { apply_command(kind); }, command);
        if (changes_run(command)) note_change(command);
    });
    end_outdated_measurement();
}

Experiment& Session::experiment() {
    if (!experiment_) throw InputError("no scenario is open; open one first");
    return *experiment_;
}

std::size_t Session::lane_index(const std::string& name) {
    const Lane& lane = experiment().lane(name);
    return static_cast<std::size_t>(&lane - experiment_->lanes().data());
}

int Session::free_lane_id() const {
    int id = 0;
    while (std::any_of(lanes_.begin(), lanes_.end(), [&](const LaneState& lane) { return lane.id == id; }))
        ++id;
    return id;
}

std::vector<LaneSpec> Session::current_lanes() const {
    std::vector<LaneSpec> specs;
    for (const Lane& lane : experiment_->lanes()) specs.push_back({lane.name(), lane.techniques()});
    return specs;
}

/// Files a command as an Event with the step it takes effect at.
void Session::stamp(int lane_id, EventKind kind, const std::string& lane, const std::string& detail) {
    timeline_.record_event(lane_id, {experiment_->next_step(), lane, kind, detail});
}

void Session::change_run_state(RunState state) {
    experiment();
    if (state_ == RunState::failed)
        throw InputError("the run has failed; restart it or open another scenario");
    if (state == RunState::paused) {
        if (state_ != RunState::paused) pause();
    } else {
        state_ = state;
    }
}

void Session::apply_command(const RunCommand&) {
    change_run_state(RunState::running);
    steps_to_pause_.reset();
}

void Session::apply_command(const PauseCommand&) { change_run_state(RunState::paused); }

void Session::apply_command(const StepCommand& command) {
    if (command.count < 1) {
        throw InputError("cannot run " + std::to_string(command.count) + " steps; give 1 or more");
    }
    change_run_state(RunState::running);
    steps_to_pause_ = command.count;
}

/// From step 0 on another or the same workload, with the lanes as they are.
void Session::restart(const std::shared_ptr<const Workload>& workload) {
    const RunState then = state_ == RunState::running ? RunState::running : RunState::paused;
    const std::vector<LaneSpec> specs = current_lanes();
    std::vector<int> ids;
    for (const LaneState& lane : lanes_) ids.push_back(lane.id);
    try {
        start_experiment(workload, specs, ids);
    } catch (const std::exception&) {
        // There may be no room for both: what the old one frees is what the new one needs.
        experiment_.reset();
        lanes_.clear();
        state_ = RunState::failed;
        start_experiment(workload, specs, ids);
    }
    state_ = then;
    if (state_ == RunState::paused) pause();
}

void Session::apply_command(const RestartCommand&) {
    experiment();
    restart(workload_);
}

void Session::apply_command(const SeedCommand& command) {
    experiment();
    ScenarioSettings settings = workload_->settings();
    settings.seed = command.seed;
    restart(prepare(find_scenario(workload_->info().name), settings));
}

/// It comes after the preparation that it ended; where nothing was going on, there is nothing to say.
void Session::apply_command(const CancelCommand&) {
    measurement_.reset();
    if (given_up_.empty()) return;
    const std::string what = std::exchange(given_up_, {});
    if (experiment_) {
        say(Message::Kind::note, what + "; what was open before goes on");
    } else {
        // A session always has something to look at and to go on from.
        open({}, RunState::running);
        say(Message::Kind::note, what + "; opened " + workload_->info().name + " instead");
    }
}

void Session::apply_command(const OpenScenarioCommand& command) {
    open(command, state_ == RunState::paused ? RunState::paused : RunState::running);
}

void Session::set_lane_techniques(Lane& lane, const Techniques& techniques) {
    if (techniques == lane.techniques()) return;
    const std::string sentence = refusal(techniques);
    if (!sentence.empty()) throw InputError(sentence);
    LaneState& state = lanes_[lane_index(lane.name())];
    Techniques but_for_kept = techniques;
    but_for_kept.keep_fp32 = lane.techniques().keep_fp32;
    // A search is over what is kept, and outlives taking its result over.
    if (but_for_kept != lane.techniques()) state.search.reset();
    for (const Event& event : experiment_->set_techniques(lane, techniques)) {
        timeline_.record_event(state.id, event);
    }
    state.techniques_step = experiment_->next_step();
    state.plain_steps.clear();
    state.probed_steps.clear();
    state.sweep.reset();  // of other formats
    state.peek.reset();
    state.dot.reset();
    state.retained.reset();
    if (state_ == RunState::paused) state.signature = lane.signature();
}

void Session::apply_command(const SetTechniqueCommand& command) {
    Lane& lane = experiment().lane(command.lane);
    const Techniques before = lane.techniques();
    const Techniques techniques = changed(before, command);
    set_lane_techniques(lane, techniques);
    note_undo(command.lane, before, techniques);
}

void Session::apply_command(const SetPresetCommand& command) {
    Lane& lane = experiment().lane(command.lane);
    const Techniques before = lane.techniques();
    set_lane_techniques(lane, changed(before, command));
    note_undo(command.lane, before, lane.techniques());
}

void Session::apply_command(const AddLaneCommand& command) {
    const Lane* from = command.branch_from.empty() ? nullptr : &experiment().lane(command.branch_from);
    if (from && command.at_step && *command.at_step < experiment_->next_step()) {
        branch_from_past(command, std::max<std::int64_t>(0, *command.at_step));
        if (state_ == RunState::paused) pause();
        return;
    }
    const int id = free_lane_id();
    experiment().add_lane(command.lane, from);
    LaneState& state = lanes_.emplace_back();
    state.id = id;
    state.techniques_step = experiment_->next_step();
    stamp(id, EventKind::lane, command.lane.name, words_of(command));
    if (state_ == RunState::paused) pause();
}

void Session::apply_command(const RemoveLaneCommand& command) {
    const std::size_t index = lane_index(command.lane);
    const int id = lanes_[index].id;
    experiment().remove_lane(command.lane);
    lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(index));
    // Another lane may get its name.
    for (std::vector<TechniqueChange>* changes : {&undo_, &redo_})
        std::erase_if(*changes, [&](const TechniqueChange& change) { return change.lane == command.lane; });
    timeline_.remove_lane(id);
    forget_alerts_of(id);
    stamp(-1, EventKind::lane, command.lane, "removed");
}

void Session::apply_command(const RenameLaneCommand& command) {
    const std::size_t index = lane_index(command.from);
    if (command.from == command.to) return;
    experiment().rename_lane(command.from, command.to);
    for (std::vector<TechniqueChange>* changes : {&undo_, &redo_})
        for (TechniqueChange& change : *changes)
            if (change.lane == command.from) change.lane = command.to;
    stamp(lanes_[index].id, EventKind::lane, command.to, words_of(command));
}

void Session::apply_command(const MultiplyLossScaleCommand& command) {
    const std::size_t index = lane_index(command.lane);
    const std::string words = multiply_loss_scale(experiment_->lanes()[index], command);
    stamp(lanes_[index].id, EventKind::toggle, command.lane, words);
}

void Session::apply_command(const SetCadenceCommand& command) {
    if (command.probe_every < 0 || command.shadow_every < 0) {
        throw InputError("a cadence is a number of steps, 0 for never");
    }
    probe_every_ = command.probe_every;
    shadow_every_ = command.shadow_every;
    for (LaneState& lane : lanes_) lane.plain_steps.clear();
}

void Session::apply_command(const SetStepDelayCommand& command) {
    constexpr double kLongest_ms = 60000.0;
    if (!(command.milliseconds >= 0.0 && command.milliseconds <= kLongest_ms)) {
        throw InputError("the pause after a step must lie between 0 and 60000 ms");
    }
    step_delay_ms_ = command.milliseconds;
}

}  // namespace halfscope
