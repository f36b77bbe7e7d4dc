// A recipe: what a run was made of - scenario, settings, seed, lanes - and every change that was made to it,
// from which the run is made again, on the CPU bit for bit. Saved and opened by Session for the window and by
// halfscope-cli; a run's checkpoint holds its recipe too. Must not hold tensors: what started from other
// weights than the scenario's has no recipe.
//
// Fields of the file (data/recipe_file.h): "scenario", "seed", "steps", "data" (a signature of the first
// batch), "text", "images", "labels"; each parameter in "settings"; a lane's "name" and "techniques" (as
// --lane has them); and of a change its "step" and "change":
//   "technique" lane, key, value      "preset" lane, preset       "loss_scale" lane, times
//   "rename"    lane, to              "remove" lane
//   "add"       lane, techniques, and for a branch from, and for one of the past at_step
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/recipe_file.h"
#include "session/run_change.h"
#include "train/experiment.h"

namespace halfscope {

struct Recipe {
    std::string scenario;
    ScenarioSettings settings;
    std::vector<LaneSpec> lanes;  ///< that it starts with
    std::vector<RunChange> changes;
    std::int64_t steps = 0;  ///< how far the run had come when it was saved
    std::string data;        ///< signature of its first batch; empty: any data will do
};

/// The recipe of a run. Throws InputError where it has none, with the reason.
Recipe recipe_of(const Workload& workload, const RunOrigin& origin, std::int64_t steps);

/// `path` stands for it in refusals.
RecipeFile recipe_file(const Recipe& recipe, const std::string& path);
/// Everything that can be said without making the run is checked: names, values, which lanes there are when.
/// Throws InputError, one sentence that names the file and the change.
Recipe recipe_from(const RecipeFile& file);

/// All three throw InputError with the path and the reason. Whether writing would work, to be asked before an
/// hour of training:
void check_recipe_target(const std::string& path, const Recipe& recipe);
void write_recipe(const std::string& path, const Recipe& recipe);
Recipe read_recipe(const std::string& path);

/// Throws InputError where the run's data are not those that the recipe was saved with.
void check_data(const Recipe& recipe, const Workload& workload, const std::string& path);

}  // namespace halfscope
