// The options that describe an experiment, the same for halfscope and `halfscope-cli train`: scenario, lanes,
// settings, seed, text, device, threads. Declared on a CLI11 application, then parsed and checked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "train/experiment.h"
#include "train/scenario.h"

namespace CLI {
class App;
}

namespace halfscope {

/// The options as typed; empty where not given.
struct ExperimentText {
    std::string scenario, device = "auto", seed, text, images, labels, threads;
    std::vector<std::string> lanes, settings;
    bool exact = false;
};

struct ExperimentOptions {
    std::string scenario;
    std::string greeting;  ///< title and description of a scenario file; empty: none
    ScenarioSettings settings;
    std::vector<LaneSpec> lanes;  ///< empty: the scenario's own
    std::string device = "auto";  ///< auto, cpu or cuda
    int threads = 0;              ///< 0: all cores
    bool exact = false;           ///< on a GPU: products in the CPU's order of summation
};

/// Declares the options; `text` must outlive the application.
void declare_experiment_options(CLI::App& command, ExperimentText& text);
/// `--scenario` may name a scenario file: the other options then change or replace what stands in it. Throws
/// InputError with one sentence that names the option, the key or the file.
ExperimentOptions parse_experiment_options(const ExperimentText& text);
/// What opening the experiment would refuse, before a window opens or anything is written: a device that is
/// not there, a file that cannot be used. Throws NoDeviceError, InputError.
void check_experiment(const ExperimentOptions& options);
/// The device asked for; `auto` is a GPU where there is one, else the processor, whose name then says why.
/// Throws NoDeviceError.
std::unique_ptr<Backend> open_device(const ExperimentOptions& options);

}  // namespace halfscope
