// Going back through a run, and on again: whole states kept on the way, the changes made to the run in a
// journal, and steps made again in between. A step made again gives the same bits, so nothing is lost by
// going back: what was changed later is changed again at its step when the run goes on, until something else
// is changed.
#include <algorithm>
#include <new>
#include <utility>
#include <variant>

#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr double kKeepingShare = 100.0;  // keeping states takes at most about a hundredth of the time

}  // namespace

std::vector<RunChange> Session::changes() const {
    return {journal_.begin(), journal_.begin() + static_cast<std::ptrdiff_t>(changes_made_)};
}

void Session::forget_history() {
    ring_.clear();
    journal_.clear();
    changes_made_ = 0;
    branch_points_ = {};
    undo_.clear();
    redo_.clear();
    reached_ = experiment_ ? experiment_->next_step() : 0;
    keep_every_ = 1;
}

/// Files a change of the run: what was to come after another one does not come any more.
void Session::note_change(const Command& command) {
    journal_.resize(changes_made_);
    branch_points_.forget_from(experiment_->next_step());
    journal_.push_back({experiment_->next_step(), command});
    changes_made_ = journal_.size();
    reached_ = experiment_->next_step();
}

/// Before a step: changes that were made at it before the run went back, or that a recipe has.
void Session::make_changes_again() {
    while (changes_made_ < journal_.size() && journal_[changes_made_].step <= experiment_->next_step()) {
        const Command command = journal_[changes_made_++].command;
        std::visit([this](const auto& kind) { apply_command(kind); }, command);
    }
    branch_points_.keep(journal_, changes_made_, *experiment_);
}

/// What outlives a step of all lanes, before it is copied.
std::uint64_t Session::lasting_bytes() const {
    std::uint64_t bytes = 0;
    for (const Lane& lane : experiment_->lanes()) {
        const MemoryUse& use = lane.memory();
        bytes += use[MemoryCategory::weights] + use[MemoryCategory::master_weights] +
                 use[MemoryCategory::optimizer_state];
    }
    return bytes;
}

/// A state from which the newest lane's past can be made again is always worth keeping.
bool Session::has_new_lane(const KeptState& newest) const {
    return std::any_of(
        journal_.begin() + static_cast<std::ptrdiff_t>(std::min(newest.changes, changes_made_)),
        journal_.begin() + static_cast<std::ptrdiff_t>(changes_made_),
        [](const RunChange& change) { return std::holds_alternative<AddLaneCommand>(change.command); });
}

/// Where one is due and there is room for it.
void Session::keep_state() {
    const std::int64_t step = experiment_->next_step();
    if (step <= ring_.last_step()) return;
    if (!ring_.empty() && step % keep_every_ != 0 && !has_new_lane(*ring_.before(step))) return;
    if (lasting_bytes() > ring_.most_bytes()) return;
    const SteadyClock::time_point start = SteadyClock::now();
    try {
        ring_.add(present_state());
    } catch (const std::bad_alloc&) {
        return;  // a state that cannot be gone back to is no reason to end a run
    }
    // As often as the share of the time allows; powers of two, to which the timeline's merged buckets align.
    const double cost_ms = elapsed_ms(start, SteadyClock::now()), step_ms = steps_.mean_ms();
    while (step_ms > 0 && cost_ms * kKeepingShare > step_ms * static_cast<double>(keep_every_) &&
           keep_every_ < std::int64_t{1} << 20)
        keep_every_ *= 2;
}

KeptState Session::present_state() const {
    const std::int64_t step = experiment_->next_step();
    KeptState state;
    state.step = step;
    state.changes = changes_made_;
    state.mark = timeline_.mark(step);
    state.raised = raised_alerts_;
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        const Lane& lane = experiment_->lanes()[index];
        state.lanes.push_back({lanes_[index], {lane.name(), lane.techniques()}, lane.record()});
    }
    return state;
}

/// The experiment becomes what it was; lanes that are still there keep their memory.
void Session::return_to(const KeptState& state) {
    const auto is_same_lane = [&](std::size_t index) {
        return lanes_[index].id == state.lanes[index].progress.id;
    };
    bool are_same = lanes_.size() == state.lanes.size();
    for (std::size_t index = 0; are_same && index < lanes_.size(); ++index) are_same = is_same_lane(index);
    if (are_same) {
        for (std::size_t index = 0; index < lanes_.size(); ++index) {
            Lane& lane = experiment_->lanes()[index];
            lane.rename(state.lanes[index].spec.name);
            lane.set_techniques(state.lanes[index].spec.techniques, state.step);
        }
    } else {
        std::vector<LaneSpec> specs;
        for (const KeptLane& lane : state.lanes) specs.push_back(lane.spec);
        experiment_ = std::make_unique<Experiment>(*backend_, workload_, specs);
        lanes_.clear();
        lanes_.resize(specs.size());
    }
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        experiment_->lanes()[index].restore(state.lanes[index].record);
        LaneState fresh;
        static_cast<LaneProgress&>(fresh) = state.lanes[index].progress;
        lanes_[index] = std::move(fresh);
    }
    experiment_->go_on_from(state.step);
    changes_made_ = state.changes;
    timeline_.rewind(state.mark);
    return_alerts(state.raised, state.step);
}

/// Says how far the making of steps [first, end) is. Throws CancelledError where it is to stop.
void Session::report_way(std::int64_t first, std::int64_t step, std::int64_t end, const std::string& what) {
    const auto done = static_cast<double>(step - first), all = static_cast<double>(end - first);
    loading_ = {done / all, what + ": step " + std::to_string(step) + " of " + std::to_string(end)};
    progress_();
    if (cancelled_ && cancelled_())
        throw CancelledError(what + " was stopped at step " + std::to_string(step));
}

/// Makes steps again up to one, the last of them with everything measured. Throws CancelledError where it is
/// to stop; the run stands where it came to then.
void Session::make_steps_again(std::int64_t next_step) {
    const std::int64_t first = experiment_->next_step();
    if (ring_.empty()) keep_state();  // a recipe's first state
    while (experiment_->next_step() < next_step) {
        const std::int64_t step = experiment_->next_step();
        report_way(first, step, next_step, "going to step " + std::to_string(next_step));
        make_changes_again();
        StepRequest request = request_at(step, SteadyClock::now());
        if (step + 1 == next_step) request = {true, true};
        std::vector<StepResult> results = experiment_->step(request);
        ObservationCost cost_ms;
        for (std::size_t index = 0; index < results.size(); ++index)
            record_result(index, request, std::move(results[index]));
        watch_lanes(Watching::again);
        measure_models(step, false, cost_ms);
        keep_state();
    }
}

/// Back to what was kept before a step: so that its last step is made again and measured. The first state
/// stands for itself.
void Session::go_back_before(std::int64_t step) {
    if (ring_.empty())
        throw InputError("nothing is kept to go back to; choose some memory for it, from the next step on");
    const KeptState* state = ring_.before(std::max(ring_.first_step(), step - 1));
    if (!state || state->step > step) {
        throw InputError("step " + std::to_string(step) + " is not kept any more; the earliest one is " +
                         std::to_string(ring_.first_step()));
    }
    ++run_;  // what was drawn of later steps is of no use
    undo_.clear();
    redo_.clear();
    return_to(*state);
    ring_.forget_after(state->step);
}

void Session::apply_command(const GoToStepCommand& command) {
    const std::int64_t now = experiment().next_step();
    if (state_ == RunState::failed && is_lost_)
        throw InputError("the device has failed; go on on the CPU first");
    if (command.step < 0) throw InputError("there is no step before the first one");
    reached_ = std::max(reached_, now);
    if (command.step > reached_) {
        apply_command(StepCommand{static_cast<int>(std::min<std::int64_t>(command.step - now, 1 << 30))});
        return;
    }
    if (command.step == now) return;
    {
        const RunState before = state_;
        Loading loading(*this, RunState::failed);
        steps_to_pause_.reset();
        going_to_ = command.step;
        try {
            if (command.step < now) go_back_before(command.step);
            make_steps_again(command.step);
        } catch (const CancelledError&) {
            // It stands where it came to: by the user's wish, or on the way elsewhere.
        } catch (const InputError&) {
            loading.then(before);
            throw;
        }
        loading.then(RunState::paused);
    }
    pause();
}

void Session::apply_command(const SetHistoryCommand& command) { ring_.set_most_bytes(command.bytes); }

/// What a change of techniques did, for undo.
void Session::note_undo(const std::string& lane, const Techniques& before, const Techniques& after) {
    if (before == after) return;
    undo_.push_back({lane, before, after});
    redo_.clear();
}

void Session::change_back(const std::string& lane, const Techniques& techniques) {
    set_lane_techniques(experiment().lane(lane), techniques);
    note_change(SetPresetCommand{lane, techniques_text(techniques)});
}

void Session::apply_command(const UndoCommand&) {
    if (undo_.empty()) throw InputError("there is no change of techniques to undo");
    const TechniqueChange change = undo_.back();
    change_back(change.lane, change.before);
    undo_.pop_back();
    redo_.push_back(change);
}

void Session::apply_command(const RedoCommand&) {
    if (redo_.empty()) throw InputError("there is no change of techniques to make again");
    const TechniqueChange change = redo_.back();
    change_back(change.lane, change.after);
    redo_.pop_back();
    undo_.push_back(change);
}

/// Makes the changes of another lane's techniques to a branch of it that is being made up, in the step before
/// which they were made. `name`: the other lane's, then.
void Session::follow_changes(Lane& branch, std::string& name, std::size_t& change, std::int64_t step) {
    for (; change < changes_made_ && journal_[change].step <= step; ++change) {
        const Command& command = journal_[change].command;
        if (const auto* set = std::get_if<SetTechniqueCommand>(&command); set && set->lane == name) {
            branch.set_techniques(changed(branch.techniques(), *set), step);
        } else if (const auto* preset = std::get_if<SetPresetCommand>(&command);
                   preset && preset->lane == name) {
            branch.set_techniques(changed(branch.techniques(), *preset), step);
        } else if (const auto* scale = std::get_if<MultiplyLossScaleCommand>(&command);
                   scale && scale->lane == name) {
            branch.multiply_loss_scale(scale->factor);
        } else if (const auto* renamed = std::get_if<RenameLaneCommand>(&command);
                   renamed && renamed->from == name) {
            name = renamed->to;
        }
    }
}

/// A lane by itself, as one of the experiment's was before a step. `end`: the last step of the whole way, for
/// the progress. Throws InputError where that is not kept any more.
Lane Session::past_lane(int lane_id, const std::string& name, std::int64_t step, std::int64_t end) {
    const LaneThen then = lane_then(journal_, changes_made_, name, step);
    if (then.added_later) {
        throw InputError("'" + name + "' as it was at step " + std::to_string(step) +
                         " is not kept: it was added at step " + std::to_string(*then.added_later));
    }
    const BranchPoints::Point* point = branch_points_.find(step, then.name);
    if (!point) return remade_past_lane(lane_id, name, then, step, end);
    Lane lane(*backend_, workload_, name, point->lane.techniques);
    lane.restore(point->record);
    return lane;
}

/// The same by steps made again from a kept state.
Lane Session::remade_past_lane(int lane_id, const std::string& name, const LaneThen& then, std::int64_t step,
                               std::int64_t end) {
    const KeptState* state = ring_.before(step);
    const KeptLane* kept = nullptr;
    // Before it was added, its number was another lane's.
    if (state && then.added_by && state->changes <= *then.added_by) state = nullptr;
    for (std::size_t index = 0; state && index < state->lanes.size(); ++index)
        if (state->lanes[index].progress.id == lane_id) kept = &state->lanes[index];
    if (!kept)
        throw InputError("'" + name + "' as it was at step " + std::to_string(step) +
                         " is not kept any more");
    Lane lane(*backend_, workload_, name, kept->spec.techniques);
    lane.restore(kept->record);
    std::string then_named = kept->spec.name;
    std::size_t change = state->changes;
    for (std::int64_t made = state->step; made < step; ++made) {
        report_way(state->step, made, end, "going back in '" + name + "'");
        follow_changes(lane, then_named, change, made);
        lane.step(made, experiment_->batches_of(made), {});
    }
    follow_changes(lane, then_named, change, step);  // those that were made before it
    return lane;
}

/// A lane from what another one was, made up to the present step: the other lane's own way to `at`, then its
/// own.
void Session::branch_from_past(const AddLaneCommand& command, std::int64_t at) {
    const std::int64_t now = experiment_->next_step();
    const int from = lanes_[lane_index(command.branch_from)].id, id = free_lane_id();
    const Loading loading(*this, state_);
    bool is_added = false;
    try {
        Lane* branch = nullptr;
        {
            const Lane past = past_lane(from, command.branch_from, at, now);
            branch = &experiment_->add_lane(command.lane, &past);
        }
        is_added = true;
        LaneState& shown = lanes_.emplace_back();
        shown.id = id;
        shown.techniques_step = at;
        timeline_.record_event(id, {at, command.lane.name, EventKind::lane, words_of(command)});
        for (std::int64_t step = at; step < now; ++step) {
            report_way(at, step, now, "making up '" + command.lane.name + "'");
            const StepRequest request =
                step + 1 == now ? StepRequest{true, true} : request_at(step, SteadyClock::now());
            record_result(lanes_.size() - 1, request,
                          branch->step(step, experiment_->batches_of(step), request));
            watch_lanes(Watching::again, lanes_.size() - 1);
        }
    } catch (...) {
        if (is_added) {
            experiment_->remove_lane(command.lane.name);
            lanes_.pop_back();
            timeline_.remove_lane(id);
            forget_alerts_of(id);
        }
        throw;
    }
}

}  // namespace halfscope
