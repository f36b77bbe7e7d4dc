// One run of `halfscope-cli grads`: weights and a batch from files, loss and gradients into another. Made by
// grads_command.cpp from parsed options. It knows no command-line syntax.
#pragma once

#include <string>

#include "program/experiment_options.h"

namespace halfscope {

struct GradsOptions {
    ExperimentOptions experiment;  ///< at most one lane; none: the scenario's first
    std::string weights_path, batch_path, out_path;
};

/// Returns the exit code. Throws InputError, NoDeviceError.
int run_gradients(const GradsOptions& options);

}  // namespace halfscope
