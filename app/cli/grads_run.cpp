#include "cli/grads_run.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "program/exit_codes.h"
#include "session/session.h"
#include "train/input_error.h"
#include "train/lane.h"
#include "train/tensor_files.h"

namespace halfscope {
namespace {

bool has_parameter(const ScenarioInfo& info, const std::string& name) {
    return std::any_of(info.parameters.begin(), info.parameters.end(),
                       [&](const ScenarioParameter& parameter) { return parameter.name == name; });
}

/// The settings as given, with the batch size of the file where the scenario has one.
ScenarioSettings settings_for(const Scenario& scenario, ScenarioSettings settings, const BatchFile& file) {
    const ScenarioInfo& info = scenario.info();
    if (!has_parameter(info, "batch")) return resolve_settings(info, settings);
    // Any batch size will do to learn what the inputs are called.
    const auto any = scenario.outline(resolve_settings(info, settings));
    const auto rows = static_cast<double>(batch_size_of(file, any->training_graph()));
    const auto given = settings.parameters.find("batch");
    if (given != settings.parameters.end() && given->second != rows) {
        throw InputError("--set batch contradicts batch file '" + file.path + "', which has a batch of " +
                         std::to_string(static_cast<std::int64_t>(rows)) + "; leave it out");
    }
    settings.parameters["batch"] = rows;
    try {
        return resolve_settings(info, settings);
    } catch (const InputError& error) {
        throw InputError("batch file '" + file.path + "': " + error.what());
    }
}

}  // namespace

int run_gradients(const GradsOptions& options) {
    const ExperimentOptions& experiment = options.experiment;
    const Scenario& scenario = find_scenario(experiment.scenario);
    const LaneSpec spec =
        experiment.lanes.empty() ? default_lanes(scenario.info()).front() : experiment.lanes.front();
    const std::unique_ptr<Backend> backend = open_device(experiment);
    const std::vector<NamedValues> weights = read_named_values(options.weights_path);
    const BatchFile file = read_batch_file(options.batch_path);
    const auto workload = scenario.outline(settings_for(scenario, experiment.settings, file));
    const Batch batch = batch_of(file, workload->training_graph());
    check_named_values_target(options.out_path, {});

    Lane lane(*backend, workload, spec.name, spec.techniques);
    try {
        lane.load_parameters(weights);
    } catch (const InputError& error) {
        throw InputError("--weights '" + options.weights_path + "': " + error.what());
    }
    LossAndGradients result = lane.gradients(batch);
    const std::size_t count = result.gradients.size();
    result.gradients.push_back({"loss", {1}, {result.loss}});
    write_named_values(options.out_path, std::move(result.gradients));
    std::printf("%s, lane %s: loss %.9g, %zu gradients in %s\n", scenario.info().name.c_str(),
                spec.name.c_str(), static_cast<double>(result.loss), count, options.out_path.c_str());
    return kExitDone;
}

}  // namespace halfscope
