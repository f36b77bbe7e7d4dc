// The built-in scenarios at sizes that train in milliseconds, for tests of lanes.
#pragma once

#include <memory>
#include <string>

#include "train/scenario.h"

namespace halfscope {

inline std::shared_ptr<const Workload> small_scenario_workload(const std::string& scenario) {
    ScenarioSettings settings;
    if (scenario == "spiral-mlp") settings.parameters = {{"points", 300}, {"batch", 300}};
    if (scenario == "image-fit") settings.parameters = {{"size", 17}, {"width", 33}};
    if (scenario == "char-gru") settings.parameters = {{"batch", 5}, {"time", 11}, {"hidden", 21}};
    if (scenario == "digits-cnn")
        settings.parameters = {{"batch", 7}, {"size", 9}, {"channels", 5}, {"blocks", 1}};
    return find_scenario(scenario).create(settings);
}

}  // namespace halfscope
