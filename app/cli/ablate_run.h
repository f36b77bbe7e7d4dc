// One run of `halfscope-cli ablate`: trains every combination under every seed (train/ablation.h) and writes
// the table. Made by ablate_command.cpp from parsed options; it knows no command-line syntax.
#pragma once

#include <string>

#include "program/experiment_options.h"
#include "train/ablation.h"

namespace halfscope {

struct AblateOptions {
    ExperimentOptions experiment;
    AblationPlan plan;  ///< checked
    std::string base;   ///< the lane's techniques as they were given
    /// Files to write, "-" for stdout; empty: not. Where none is stdout, the Markdown table goes there.
    std::string csv_path, runs_path, markdown_path;
};

/// Returns the exit code; throws InputError, NoDeviceError.
int run_ablate(const AblateOptions& options);

}  // namespace halfscope
