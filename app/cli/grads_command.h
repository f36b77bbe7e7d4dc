// `halfscope-cli grads`: declares its options and turns their text into GradsOptions. Called by main.cpp.
#pragma once

#include <string>

#include "cli/grads_run.h"
#include "program/experiment_options.h"

namespace CLI {
class App;
}

namespace halfscope {

/// The options as typed; empty where not given.
struct GradsText {
    ExperimentText experiment;
    std::string weights, batch, out;
};

/// Declares the options on the subcommand; `text` must outlive it.
void declare_grads_options(CLI::App& command, GradsText& text);
/// Throws InputError with one sentence that names the option, the key or the file.
GradsOptions parse_grads_options(const GradsText& text);

}  // namespace halfscope
