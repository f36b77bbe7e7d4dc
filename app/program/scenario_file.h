// Scenario files: an experiment prepared as a TOML text, for a lesson or a hunt, so that it opens with one
// option or one drop. Called by the programs. Must not train anything: it returns what OpenScenarioCommand
// and Experiment take.
//
//     scenario = "spiral-mlp"                  # a built-in scenario
//     title = "Where gradients go quiet"       # optional
//     description = "What to look at."         # optional
//     seed = 0                                 # optional
//     text = "poems.txt"                       # optional; so are images and labels; beside this file
//
//     [settings]                               # optional: what differs from the scenario's defaults
//     points = 2048
//
//     [[lane]]                                 # up to four; none: the scenario's own
//     name = "S = 8"
//     preset = "mixed"
//     loss_scaling = "static"                  # any key of the techniques
//     loss_scale = 8
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "train/experiment.h"

namespace halfscope {

inline constexpr std::uintmax_t kMaximumScenarioFileBytes = 1 << 20;

struct ScenarioFile {
    std::string title, description;  ///< empty where not given
    std::string scenario;
    ScenarioSettings settings;
    std::vector<LaneSpec> lanes;  ///< empty: the scenario's own
};

/// Title and description in one line; empty where there is neither.
std::string greeting(const ScenarioFile& file);

/// Whether the name is that of a scenario file: it ends with ".toml".
bool is_scenario_file(const std::string& path);

/// Throws InputError, one sentence that names the file and, where it can be told, the line: for a file that
/// cannot be read, for what is no TOML, an unknown or missing key, a value that its key refuses, lanes that
/// cannot be.
ScenarioFile read_scenario_file(const std::string& path);
/// The same of a text that stands in the file `path`. Reads no file; those it names are not looked at.
ScenarioFile parse_scenario_file(std::string_view text, const std::string& path);

}  // namespace halfscope
