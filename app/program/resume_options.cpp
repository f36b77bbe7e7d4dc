#include "program/resume_options.h"

#include <algorithm>

#include "train/input_error.h"

namespace halfscope {
namespace {

[[noreturn]] void contradict(const std::string& path, const std::string& option, const std::string& kept) {
    throw InputError(option + " contradicts --resume '" + path + "', which has " + kept + "; leave it out");
}

void check_path(const std::string& path, const char* option, const std::string& given,
                const std::string& kept) {
    if (given.empty() || absolute_path(given) == kept) return;
    contradict(path, option + (" " + given), kept.empty() ? "none" : "'" + kept + "'");
}

/// Each lane given must be there, and all must be given.
void check_lanes(const std::string& path, const std::vector<LaneSpec>& given,
                 const std::vector<LaneSpec>& kept) {
    std::string names;
    for (const LaneSpec& lane : kept) names += (names.empty() ? "'" : ", '") + lane.name + "'";
    for (const LaneSpec& lane : given) {
        const auto same = [&](const LaneSpec& other) { return other.name == lane.name; };
        const auto found = std::find_if(kept.begin(), kept.end(), same);
        if (found == kept.end()) contradict(path, "--lane " + lane.name, "the lanes " + names);
        if (found->techniques != lane.techniques)
            contradict(path, "--lane " + lane.name, "other techniques for that lane");
    }
    if (!given.empty() && given.size() != kept.size()) contradict(path, "--lane", "the lanes " + names);
}

}  // namespace

ExperimentOptions parse_resumed_options(const ExperimentText& text, const ExperimentRecord& record,
                                        const std::string& path) {
    if (!text.scenario.empty() && text.scenario != record.scenario)
        contradict(path, "--scenario " + text.scenario, "'" + record.scenario + "'");
    ExperimentText named = text;
    named.scenario = record.scenario;
    ExperimentOptions options = parse_experiment_options(named);
    if (!text.seed.empty() && options.settings.seed != record.settings.seed)
        contradict(path, "--seed " + text.seed, "the seed " + std::to_string(record.settings.seed));
    for (const auto& [name, value] : options.settings.parameters) {
        const double kept = record.settings.parameters.at(name);
        if (value != kept) contradict(path, "--set " + name, name + "=" + exact_text(kept));
    }
    check_path(path, "--text", text.text, record.settings.text_path);
    check_path(path, "--images", text.images, record.settings.images_path);
    check_path(path, "--labels", text.labels, record.settings.labels_path);
    check_lanes(path, options.lanes, record.lanes);
    options.settings = record.settings;
    options.lanes = record.lanes;
    return options;
}

}  // namespace halfscope
