// Checkpoints and weights as commands: saved and opened between two steps, by the thread that trains.
#include <utility>

#include "session/session.h"
#include "train/input_error.h"
#include "train/tensor_files.h"

namespace halfscope {

RunProgress Session::progress() const {
    RunProgress progress;
    for (const LaneState& lane : lanes_) progress.lanes.push_back(lane);
    progress.probe_every = probe_every_;
    progress.shadow_every = shadow_every_;
    progress.step_delay_ms = step_delay_ms_;
    progress.origin = {first_lanes_, changes(), why_no_recipe_};
    return progress;
}

/// A resumed run takes the place of the present one.
void Session::adopt(ResumedRun run, Timeline& history, RunState state_then) {
    install(std::move(run.experiment), std::move(run.workload));
    timeline_.swap(history);
    for (std::size_t index = 0; index < lanes_.size(); ++index)
        static_cast<LaneProgress&>(lanes_[index]) = run.progress.lanes[index];
    probe_every_ = run.progress.probe_every;
    shadow_every_ = run.progress.shadow_every;
    step_delay_ms_ = run.progress.step_delay_ms;
    first_lanes_ = std::move(run.progress.origin.lanes);
    journal_ = std::move(run.progress.origin.changes);
    changes_made_ = journal_.size();
    why_no_recipe_ = std::move(run.progress.origin.why_none);
    view_lanes();
    state_ = state_then;
    if (state_ == RunState::paused) pause();
}

/// Throws what reading and building throws; an experiment that was open stays as it was then.
void Session::open_checkpoint(const std::string& path, RunState state_then) {
    const RunState before = experiment_ ? state_ : RunState::failed;
    state_ = RunState::loading;
    progress_();
    state_ = before;
    ResumedRun run;
    Timeline history;
    {
        const CheckpointFile file = read_checkpoint(path);
        run = resume_run(*backend_, file, history);
    }
    adopt(std::move(run), history, state_then);
    say(Message::Kind::note,
        "opened " + path + ": " + std::to_string(experiment_->next_step()) + " steps are done");
}

void Session::begin(const OpenCheckpointCommand& command, RunState state_then) {
    if (!attempt([&] { open_checkpoint(command.path, state_then); })) state_ = RunState::failed;
}

void Session::apply_command(const SaveCheckpointCommand& command) {
    if (save_rescued(command.path)) return;
    write_checkpoint(command.path, experiment(), progress(), timeline_);
    say(Message::Kind::note,
        "saved " + command.path + " after " + std::to_string(experiment_->next_step()) + " steps");
}

void Session::apply_command(const OpenCheckpointCommand& command) {
    open_checkpoint(command.path, state_ == RunState::paused ? RunState::paused : RunState::running);
}

void Session::apply_command(const OverlayRunCommand& command) {
    const std::string& scenario = experiment().workload().info().name;
    if (overlays_.size() == kMostOverlays)
        throw InputError("there are " + std::to_string(kMostOverlays) +
                         " runs laid over this one already; take them away first");
    SavedRun run = read_saved_run(command.path);
    if (run.scenario != scenario)
        throw InputError("the run in '" + command.path + "' is of scenario " + run.scenario + "; open " +
                         run.scenario + " first, and it can be laid over that");
    say(Message::Kind::note, "laid over: " + command.path + ", " + std::to_string(run.next_step) +
                                 " steps of " + std::to_string(run.lanes.size()) + " lanes");
    overlays_.push_back(std::make_shared<const SavedRun>(std::move(run)));
}

void Session::apply_command(const RemoveOverlaysCommand&) { overlays_.clear(); }

void Session::apply_command(const LoadWeightsCommand& command) {
    experiment();
    const std::vector<NamedValues> weights = read_named_values(command.path);
    auto loaded = std::make_unique<Experiment>(*backend_, workload_, current_lanes());
    try {
        for (Lane& lane : loaded->lanes()) lane.load_parameters(weights);
    } catch (const InputError& error) {
        throw InputError("'" + command.path + "' does not fit " + workload_->info().name + ": " +
                         error.what());
    }
    const RunState then = state_ == RunState::running ? RunState::running : RunState::paused;
    std::vector<int> ids;
    for (const LaneState& lane : lanes_) ids.push_back(lane.id);
    install(std::move(loaded), workload_);
    why_no_recipe_ = why_no_recipe(command.path);
    for (std::size_t index = 0; index < ids.size(); ++index) lanes_[index].id = ids[index];
    timeline_.clear();
    view_lanes();
    for (std::size_t index = 0; index < ids.size(); ++index)
        stamp(ids[index], EventKind::lane, experiment_->lanes()[index].name(), "weights of " + command.path);
    state_ = then;
    if (state_ == RunState::paused) pause();
    say(Message::Kind::note, "every lane starts from the weights in " + command.path);
}

}  // namespace halfscope
