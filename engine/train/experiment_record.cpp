#include "train/experiment_record.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "data/data_error.h"
#include "data/printable_text.h"
#include "train/input_error.h"
#include "train/lane_plan.h"
#include "train/signature.h"

namespace halfscope {
namespace {

constexpr const char* kExperiment = "experiment";

[[noreturn]] void refuse(const CheckpointFile& file, const std::string& reason) {
    refuse_record(file, reason);
}

std::string lane_group(std::size_t lane) { return "lane " + std::to_string(lane); }
std::string technique_group(std::size_t lane) { return "techniques " + std::to_string(lane); }

/// A lane's numbers: each with its key, the whole ones within what is kept of them.
template <class Record, class Whole, class Real, class Flag>
void each_fact(Record& record, Whole whole, Real real, Flag flag) {
    whole("updates", record.updates);
    whole("skipped", record.skipped);
    whole("schedule_position", record.schedule_position);
    real("scale", record.scaler.scale);
    whole("growth_tracker", record.scaler.growth_tracker);
    whole("hysteresis_left", record.scaler.hysteresis_left);
    whole("iteration", record.scaler.iteration);
    whole("last_overflow", record.scaler.last_overflow);
    real("log_mean", record.scaler.log_mean);
    real("log_slow_mean", record.scaler.log_slow_mean);
    real("log_square", record.scaler.log_square);
    real("log_mean_weight", record.scaler.log_mean_weight);
    real("log_square_weight", record.scaler.log_square_weight);
    flag("said_nan_loss", record.said_nan_loss);
    flag("said_poisoned", record.said_poisoned);
    flag("said_unseen", record.said_unseen);
    flag("said_floor", record.said_floor);
}

void store_lane(const Lane& lane, std::size_t index, CheckpointFile& file) {
    LaneRecord record = lane.record();
    CheckpointGroup& facts = file.groups[lane_group(index)];
    facts["name"] = lane.name();
    each_fact(
        record, [&](const char* key, auto value) { facts[key] = std::to_string(value); },
        [&](const char* key, auto value) { facts[key] = exact_text(static_cast<double>(value)); },
        [&](const char* key, bool value) { facts[key] = value ? "1" : "0"; });
    CheckpointGroup& techniques = file.groups[technique_group(index)];
    for (const TechniqueKey& key : technique_keys())
        techniques[key.name] = technique_value(lane.techniques(), key.name);
    for (auto& [name, bytes] : record.buffers)
        file.sections[lane_group(index) + "/" + name] = std::move(bytes);
}

LaneRecord lane_record(const CheckpointFile& file, std::size_t index) {
    const std::string group = lane_group(index);
    LaneRecord record;
    each_fact(
        record,
        [&]<class Number>(const char* key, Number& value) {
            constexpr auto kMost = static_cast<std::int64_t>(std::numeric_limits<Number>::max());
            value = static_cast<Number>(whole_entry(file, group, key, -1, std::min(kMost, kMaximumStep)));
        },
        [&]<class Number>(const char* key, Number& value) {
            value = static_cast<Number>(number_entry(file, group, key));
        },
        [&](const char* key, bool& value) { value = whole_entry(file, group, key, 0, 1) == 1; });
    const std::string prefix = group + "/";
    for (auto place = file.sections.lower_bound(prefix);
         place != file.sections.end() && place->first.starts_with(prefix); ++place) {
        record.buffers[place->first.substr(prefix.size())] = place->second;
    }
    return record;
}

/// Keys are set in their own order, because one of them sets others too; all must be there.
Techniques read_techniques(const CheckpointFile& file, std::size_t index) {
    const std::string group = technique_group(index);
    const CheckpointGroup& values = group_of(file, group);
    Techniques techniques;
    for (const TechniqueKey& key : technique_keys()) {
        const std::string sentence = set_technique(techniques, key.name, text_entry(file, group, key.name));
        if (!sentence.empty()) refuse(file, "has a lane that is refused: " + sentence);
    }
    for (const TechniqueKey& key : technique_keys()) {
        const std::string& value = values.at(key.name);
        if (technique_value(techniques, key.name) != value)
            refuse(file,
                   "has the technique " + key.name + "='" + value + "', which this version does not keep");
    }
    if (values.size() != technique_keys().size())
        refuse(file, "has unknown techniques in '" + group + "'; it is of another version");
    const std::string sentence = refusal(techniques);
    if (!sentence.empty()) refuse(file, "has a lane that is refused: " + sentence);
    return techniques;
}

std::vector<LaneSpec> read_lanes(const CheckpointFile& file) {
    const std::int64_t count = whole_entry(file, kExperiment, "lanes", 1, kMaximumLanes);
    std::vector<LaneSpec> lanes;
    for (std::size_t index = 0; index < static_cast<std::size_t>(count); ++index)
        lanes.push_back({text_entry(file, lane_group(index), "name"), read_techniques(file, index)});
    return lanes;
}

ScenarioSettings read_settings(const CheckpointFile& file, const ScenarioInfo& info) {
    ScenarioSettings settings;
    const std::string& seed = text_entry(file, kExperiment, "seed");
    const char* end = seed.data() + seed.size();
    const auto [stopped, error] = std::from_chars(seed.data(), end, settings.seed);
    if (error != std::errc() || stopped != end || seed.empty()) refuse(file, "has no valid seed");
    settings.text_path = text_entry(file, kExperiment, "text_path");
    settings.images_path = text_entry(file, kExperiment, "images_path");
    settings.labels_path = text_entry(file, kExperiment, "labels_path");
    for (const auto& [key, value] : group_of(file, "settings"))
        settings.parameters[key] = number_entry(file, "settings", key);
    for (const ScenarioParameter& parameter : info.parameters) {
        if (!settings.parameters.contains(parameter.name))
            refuse(file, "lacks the setting '" + parameter.name + "'; it is of another version");
    }
    try {
        return resolve_settings(info, settings);
    } catch (const InputError& problem) {
        refuse(file, std::string("does not fit this version: ") + problem.what());
    }
}

/// One buffer of one tensor against the bytes that the lane's plan gives it.
void check_section(const CheckpointFile& file, std::size_t lane, const std::string& tensor,
                   const std::string& buffer, const PlannedBuffer& plan) {
    const auto found = file.sections.find(lane_group(lane) + "/" + tensor + "/" + buffer);
    if (found != file.sections.end() && found->second.size() == plan.bytes) return;
    refuse(file, "does not hold '" + tensor + "' (" + buffer + ") of " + lane_group(lane) +
                     " as its settings ask for");
}

/// The sizes of all tensors against what the techniques ask for, before any lane is made.
void check_sections(const CheckpointFile& file, const ExperimentRecord& record, const Workload& workload) {
    const Graph& graph = workload.training_graph();
    for (std::size_t index = 0; index < record.lanes.size(); ++index) {
        const LanePlans plans = plan_lane(workload, record.lanes[index].techniques);
        for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
            const TensorId id = graph.parameters()[p];
            const std::string& name = graph.tensor(id).name;
            check_section(file, index, name, "value", plans.training.value(id));
            for (std::size_t slot = 0; slot < plans.slots.buffers.size(); ++slot)
                check_section(file, index, name, plans.slots.buffers[slot].name,
                              plans.training.state(p, slot));
        }
        for (const TensorId id : graph.buffers())
            check_section(file, index, graph.tensor(id).name, "value", plans.training.value(id));
    }
}

}  // namespace

std::string absolute_path(const std::string& path) {
    if (path.empty()) return path;
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    return error ? path : absolute.string();
}

std::string data_signature(const Workload& workload, std::int64_t next_step) {
    Signature signature;
    for (const std::int64_t number : {std::int64_t{0}, next_step * workload.micro_batches()}) {
        for (const HostTensor& tensor : workload.training_batch(number).tensors) {
            signature.add(tensor.values);
            const std::vector<float> tokens(tensor.tokens.begin(), tensor.tokens.end());
            signature.add(tokens);
        }
    }
    return signature.text();
}

void refuse_record(const CheckpointFile& file, const std::string& reason) {
    constexpr std::size_t kShown = 400;
    throw InputError("checkpoint '" + file.name + "' " + short_line(reason, kShown));
}

std::string exact_text(double value) {
    if (std::isnan(value)) return "nan";
    char text[40];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

const CheckpointGroup& group_of(const CheckpointFile& file, const std::string& name) {
    const auto found = file.groups.find(name);
    if (found == file.groups.end()) refuse(file, "lacks the group '" + name + "'");
    return found->second;
}

const std::string& text_entry(const CheckpointFile& file, const std::string& group, const std::string& key) {
    const CheckpointGroup& entries = group_of(file, group);
    const auto found = entries.find(key);
    if (found == entries.end())
        refuse(file, "lacks '" + key + "' in '" + group + "'; it is damaged or of another version");
    return found->second;
}

double number_entry(const CheckpointFile& file, const std::string& group, const std::string& key) {
    const std::string& text = text_entry(file, group, key);
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end || text.empty())
        refuse(file, "has no number for '" + key + "' in '" + group + "'");
    return value;
}

std::int64_t whole_entry(const CheckpointFile& file, const std::string& group, const std::string& key,
                         std::int64_t minimum, std::int64_t maximum) {
    const std::string& text = text_entry(file, group, key);
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end || text.empty() || value < minimum || value > maximum) {
        refuse(file, "has no whole number from " + std::to_string(minimum) + " to " +
                         std::to_string(maximum) + " for '" + key + "' in '" + group + "'");
    }
    return value;
}

CheckpointFile read_checkpoint(const std::string& path) {
    try {
        return read_checkpoint_file(path);
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
}

void store_experiment(const Experiment& experiment, CheckpointFile& file) {
    const Workload& workload = experiment.workload();
    const ScenarioSettings& settings = workload.settings();
    CheckpointGroup& facts = file.groups[kExperiment];
    facts["scenario"] = workload.info().name;
    facts["seed"] = std::to_string(settings.seed);
    facts["next_step"] = std::to_string(experiment.next_step());
    facts["lanes"] = std::to_string(experiment.lanes().size());
    facts["text_path"] = absolute_path(settings.text_path);
    facts["images_path"] = absolute_path(settings.images_path);
    facts["labels_path"] = absolute_path(settings.labels_path);
    facts["data"] = data_signature(workload, experiment.next_step());
    CheckpointGroup& parameters = file.groups["settings"];
    for (const auto& [name, value] : settings.parameters) parameters[name] = exact_text(value);
    for (std::size_t index = 0; index < experiment.lanes().size(); ++index)
        store_lane(experiment.lanes()[index], index, file);
}

ExperimentRecord read_experiment_record(const CheckpointFile& file) {
    ExperimentRecord record;
    record.scenario = text_entry(file, kExperiment, "scenario");
    record.next_step = whole_entry(file, kExperiment, "next_step", 0, kMaximumStep);
    record.data = text_entry(file, kExperiment, "data");
    try {
        record.settings = read_settings(file, find_scenario(record.scenario).info());
    } catch (const InputError& error) {
        const std::string sentence = error.what();
        if (sentence.starts_with("checkpoint ")) throw;
        refuse(file, "is of an unknown scenario: " + sentence);
    }
    record.lanes = read_lanes(file);
    return record;
}

std::shared_ptr<const Workload> restored_workload(const CheckpointFile& file,
                                                  const ExperimentRecord& record) {
    std::shared_ptr<const Workload> workload;
    try {
        workload = find_scenario(record.scenario).create(record.settings);
    } catch (const InputError& error) {
        refuse(file, std::string("needs data that cannot be used: ") + error.what());
    }
    if (data_signature(*workload, record.next_step) != record.data)
        refuse(file, "was made with other data than are there now; the files it trained on have changed");
    return workload;
}

std::unique_ptr<Experiment> restored_experiment(Backend& backend, const CheckpointFile& file,
                                                const ExperimentRecord& record,
                                                std::shared_ptr<const Workload> workload) {
    try {
        check_sections(file, record, *workload);
        auto experiment = std::make_unique<Experiment>(backend, std::move(workload), record.lanes);
        for (std::size_t index = 0; index < record.lanes.size(); ++index)
            experiment->lanes()[index].restore(lane_record(file, index));
        experiment->go_on_from(record.next_step);
        return experiment;
    } catch (const InputError& error) {
        const std::string sentence = error.what();
        if (sentence.starts_with("checkpoint ")) throw;
        refuse(file, "cannot be opened: " + sentence);
    }
}

}  // namespace halfscope
