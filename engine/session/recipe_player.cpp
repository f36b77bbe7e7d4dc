#include "session/recipe_player.h"

#include <utility>
#include <variant>

#include "train/input_error.h"

namespace halfscope {

RecipePlayer::RecipePlayer(std::vector<RunChange> changes, Backend& backend,
                           std::shared_ptr<const Workload> workload, Experiment& experiment, Sinks sinks)
    : changes_(std::move(changes)),
      backend_(backend),
      workload_(std::move(workload)),
      experiment_(experiment),
      sinks_(std::move(sinks)) {}

void RecipePlayer::make_changes() {
    for (; made_ < changes_.size() && changes_[made_].step <= experiment_.next_step(); ++made_) {
        try {
            std::visit([this](const auto& command) { make(command); }, changes_[made_].command);
        } catch (const InputError& error) {
            throw InputError("change " + std::to_string(made_ + 1) + " of the recipe, at step " +
                             std::to_string(changes_[made_].step) + ": " + error.what());
        }
    }
    points_.keep(changes_, made_, experiment_);
}

std::size_t RecipePlayer::index_of(const std::string& lane) {
    return static_cast<std::size_t>(&experiment_.lane(lane) - experiment_.lanes().data());
}

Event RecipePlayer::event(EventKind kind, const std::string& lane, const std::string& words) const {
    return {experiment_.next_step(), lane, kind, words};
}

void RecipePlayer::set(const std::string& lane, const Techniques& techniques) {
    Lane& changing = experiment_.lane(lane);
    if (techniques == changing.techniques()) return;
    std::vector<Event> events = experiment_.set_techniques(changing, techniques);
    sinks_.made({ChangeMade::Kind::techniques, index_of(lane), std::move(events)});
}

void RecipePlayer::make(const SetTechniqueCommand& command) {
    set(command.lane, changed(experiment_.lane(command.lane).techniques(), command));
}

void RecipePlayer::make(const SetPresetCommand& command) {
    set(command.lane, changed(experiment_.lane(command.lane).techniques(), command));
}

void RecipePlayer::make(const MultiplyLossScaleCommand& command) {
    const std::string words = multiply_loss_scale(experiment_.lane(command.lane), command);
    sinks_.made({ChangeMade::Kind::techniques,
                 index_of(command.lane),
                 {event(EventKind::toggle, command.lane, words)}});
}

void RecipePlayer::make(const AddLaneCommand& command) {
    if (const auto at = past_step_of(changes_[made_])) {
        branch_from_past(command, *at);
        return;
    }
    const Lane* from = command.branch_from.empty() ? nullptr : &experiment_.lane(command.branch_from);
    experiment_.add_lane(command.lane, from);
    sinks_.made({ChangeMade::Kind::lane_added,
                 experiment_.lanes().size() - 1,
                 {event(EventKind::lane, command.lane.name, words_of(command))}});
}

/// The lane as it was there, then its own way to the present step.
void RecipePlayer::branch_from_past(const AddLaneCommand& command, std::int64_t at) {
    const LaneThen then = lane_then(changes_, made_, command.branch_from, at);
    const BranchPoints::Point* point = points_.find(at, then.name);
    if (!point) throw InputError("'" + command.branch_from + "' was not there at step " + std::to_string(at));
    {
        Lane past(backend_, workload_, point->lane.name, point->lane.techniques);
        past.restore(point->record);
        experiment_.add_lane(command.lane, &past);
    }
    const std::size_t index = experiment_.lanes().size() - 1;
    sinks_.made(
        {ChangeMade::Kind::lane_added, index, {{at, command.lane.name, EventKind::lane, words_of(command)}}});
    for (std::int64_t step = at; step < experiment_.next_step(); ++step) {
        sinks_.made_up(
            index, experiment_.lanes()[index].step(step, experiment_.batches_of(step), sinks_.request(step)));
    }
}

void RecipePlayer::make(const RemoveLaneCommand& command) {
    const std::size_t index = index_of(command.lane);
    experiment_.remove_lane(command.lane);
    sinks_.made({ChangeMade::Kind::lane_removed, index, {event(EventKind::lane, command.lane, "removed")}});
}

void RecipePlayer::make(const RenameLaneCommand& command) {
    const std::size_t index = index_of(command.from);
    if (command.from == command.to) return;
    experiment_.rename_lane(command.from, command.to);
    sinks_.made(
        {ChangeMade::Kind::lane_renamed, index, {event(EventKind::lane, command.to, words_of(command))}});
}

}  // namespace halfscope
