// `halfscope-cli train`: declares its options and turns their text into TrainOptions. Called by main.cpp.
#pragma once

#include <string>

#include "cli/train_run.h"
#include "program/experiment_options.h"

namespace CLI {
class App;
}

namespace halfscope {

/// The options as typed; empty where not given.
struct TrainText {
    ExperimentText experiment;
    std::string steps, probe_every, shadow_every, json, save, weights, checkpoint, checkpoint_every, resume,
        recipe, save_recipe;
};

/// Declares the options on the subcommand; `text` must outlive it.
void declare_train_options(CLI::App& command, TrainText& text);
/// Throws InputError with one sentence that names the option, the key or the file.
TrainOptions parse_train_options(const TrainText& text);

}  // namespace halfscope
