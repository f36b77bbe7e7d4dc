// One run of `halfscope-cli train`: an Experiment from its first step to its last, with JSON lines and a
// table at the end. Made by train_command.cpp from parsed options. It knows no command-line syntax.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/checkpoint_file.h"
#include "program/experiment_options.h"
#include "session/recipe.h"

namespace halfscope {

struct TrainOptions {
    ExperimentOptions experiment;
    std::optional<std::int64_t> steps;     ///< none: the recipe's, else the scenario's
    std::optional<int> probe_every;        ///< 0: never; none: 10 with JSON, else never
    std::optional<int> shadow_every;       ///< 0: never; none: 50 with JSON, else never
    std::string json_path;                 ///< "-": stdout; empty: none
    std::string weights_path;              ///< what all lanes start from; empty: initial weights
    std::string save_path;                 ///< weights at the end; empty: none
    std::string checkpoint_path;           ///< of the whole run, at the end; empty: none
    std::int64_t checkpoint_every = 0;     ///< and each so many steps; 0: at the end alone
    std::optional<CheckpointFile> resume;  ///< goes on from there instead of step 0
    std::optional<Recipe> recipe;          ///< whose changes are made again; `experiment` is its own
    std::string recipe_path;               ///< of `recipe`, for refusals
    std::string save_recipe_path;          ///< the run's recipe at the end; empty: none
};

/// Runs to the end or to an interrupt. Returns the exit code. Throws InputError, NoDeviceError.
int run_training(const TrainOptions& options);

}  // namespace halfscope
