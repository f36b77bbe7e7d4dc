// Recipes as commands: saved and opened between two steps, by the thread that trains. What a recipe has is
// ahead of the run that it opens, as what was changed later is ahead of a run that went back.
#include <algorithm>
#include <numeric>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {

/// Of a run that starts from its workload alone.
void Session::note_origin() {
    first_lanes_ = current_lanes();
    why_no_recipe_.clear();
}

void Session::apply_command(const SaveRecipeCommand& command) {
    const std::int64_t steps = std::max(reached_, experiment().next_step());
    const Recipe recipe = recipe_of(*workload_, {first_lanes_, journal_, why_no_recipe_}, steps);
    write_recipe(command.path, recipe);
    const std::size_t count = journal_.size();
    say(Message::Kind::note, "saved " + command.path + ": " + std::to_string(steps) + " steps with " +
                                 std::to_string(count) + (count == 1 ? " change" : " changes"));
}

/// Throws what reading and building throws; an experiment that was open stays as it was then.
void Session::open_recipe(const std::string& path, RunState state_then) {
    Recipe recipe = read_recipe(path);
    std::shared_ptr<const Workload> workload = prepare(find_scenario(recipe.scenario), recipe.settings);
    check_data(recipe, *workload, path);
    std::vector<int> ids(recipe.lanes.size());
    std::iota(ids.begin(), ids.end(), 0);
    start_experiment(std::move(workload), recipe.lanes, ids);
    journal_ = std::move(recipe.changes);
    reached_ = recipe.steps;
    state_ = state_then;
    if (state_ == RunState::paused) pause();
    const std::size_t count = journal_.size();
    say(Message::Kind::note, "opened " + path + ": " + std::to_string(recipe.steps) + " steps, with " +
                                 std::to_string(count) + (count == 1 ? " change" : " changes") +
                                 " to be made again at " + (count == 1 ? "its step" : "their steps"));
}

void Session::apply_command(const OpenRecipeCommand& command) {
    open_recipe(command.path, state_ == RunState::paused ? RunState::paused : RunState::running);
}

}  // namespace halfscope
