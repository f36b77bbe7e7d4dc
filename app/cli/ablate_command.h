// `halfscope-cli ablate`: declares its options and turns their text into AblateOptions. Called by main.cpp.
#pragma once

#include <string>
#include <vector>

#include "cli/ablate_run.h"
#include "program/experiment_options.h"

namespace CLI {
class App;
}

namespace halfscope {

/// The options as typed; empty where not given.
struct AblateText {
    ExperimentText experiment;
    std::vector<std::string> varied;
    std::string seeds, steps, csv, runs, markdown;
};

/// Declares the options on the subcommand; `text` must outlive it.
void declare_ablate_options(CLI::App& command, AblateText& text);
/// Throws InputError with one sentence that names the option, the key or the file.
AblateOptions parse_ablate_options(const AblateText& text);

}  // namespace halfscope
