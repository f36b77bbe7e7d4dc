// The part of a checkpoint that is the experiment: scenario, settings, lanes with all techniques, and every
// lane's record. Written and read by session/checkpoint.h, which adds the history. Restoring is bit for bit:
// the steps that follow are those that would have followed. Must not guess: what is missing or unknown is
// refused.
//
// Groups of the file: "experiment" (scenario, seed, next_step, lanes, text_path, images_path, labels_path,
// data), "settings" (each parameter), "lane N" (name, counters, scaler state) and "techniques N" (each key);
// sections: "lane N/TENSOR/BUFFER" with the names of LaneRecord.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/checkpoint_file.h"
#include "train/experiment.h"

namespace halfscope {

/// What a checkpoint says of its experiment, as options of a command line would.
struct ExperimentRecord {
    std::string scenario;
    ScenarioSettings settings;  ///< every parameter present
    std::vector<LaneSpec> lanes;
    std::int64_t next_step = 0;
    std::string data;  ///< signature of the first and the next batch
};

/// Reads a file and refuses what is no checkpoint. Throws InputError, as everything below does: one sentence
/// that names the file.
CheckpointFile read_checkpoint(const std::string& path);

/// Adds the experiment's groups and sections.
void store_experiment(const Experiment& experiment, CheckpointFile& file);
/// Names of scenario, parameters and techniques, and their values, are checked; tensors are not looked at.
ExperimentRecord read_experiment_record(const CheckpointFile& file);
/// The workload of the record; refuses where its data are no longer those that the checkpoint was made with.
std::shared_ptr<const Workload> restored_workload(const CheckpointFile& file, const ExperimentRecord& record);
/// The experiment as it was. Nothing is allocated for lanes before their tensors' sizes are found right.
std::unique_ptr<Experiment> restored_experiment(Backend& backend, const CheckpointFile& file,
                                                const ExperimentRecord& record,
                                                std::shared_ptr<const Workload> workload);

/// Throws InputError: "checkpoint 'x' ...". What the reason quotes of the file may be long or have line
/// breaks: it becomes one line of at most some 400 letters.
[[noreturn]] void refuse_record(const CheckpointFile& file, const std::string& reason);

/// Relative paths would mean another file from another folder; empty stays empty.
std::string absolute_path(const std::string& path);
/// What tells that files have changed: the numbers of the first batch and of the next one.
std::string data_signature(const Workload& workload, std::int64_t next_step);
/// A number as text that reads back the same; "nan", "inf" and "-inf" too.
std::string exact_text(double value);
/// Readers of a group's entries. Throw InputError, naming file and key, for what is missing or not of the
/// kind.
const CheckpointGroup& group_of(const CheckpointFile& file, const std::string& name);
const std::string& text_entry(const CheckpointFile& file, const std::string& group, const std::string& key);
double number_entry(const CheckpointFile& file, const std::string& group, const std::string& key);
std::int64_t whole_entry(const CheckpointFile& file, const std::string& group, const std::string& key,
                         std::int64_t minimum, std::int64_t maximum);

}  // namespace halfscope
