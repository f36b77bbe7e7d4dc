// A checkpoint of a whole run: the experiment (train/experiment_record.h) with its history, what is shown of
// each lane, and cadences. Written and opened by Session for the window and by halfscope-cli. Resuming is bit
// for bit. Must not hold what is recomputed: probes, pictures, histograms over time.
//
// Groups beside the experiment's: "session" (probe_every, shadow_every, step_delay_ms) and "history N" (id,
// techniques_step, last step's record, best_loss, validation), "recipe" (text: the run's recipe up to here,
// as session/recipe.h has it; or why_none: why it has none); sections "timeline/LANE/NAME".
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "session/run_change.h"
#include "session/timeline.h"
#include "train/experiment.h"
#include "train/experiment_record.h"

namespace halfscope {

/// What a run remembers of a lane beside the lane itself.
struct LaneProgress {
    int id = 0;
    std::int64_t techniques_step = 0;
    StepRecord last;
    double best_loss = std::numeric_limits<double>::quiet_NaN();
    Metric validation;
    std::int64_t validation_step = -1;
};

struct RunProgress {
    std::vector<LaneProgress> lanes;  ///< as Experiment::lanes()
    int probe_every = 10, shadow_every = 50;
    double step_delay_ms = 0.0;
    RunOrigin origin;

    /// Lanes that have done nothing yet, with ids from 0.
    static RunProgress of(const Experiment& experiment);
    void note(std::size_t lane, const StepRecord& record);
};

/// Adds the session's groups to a file.
void store_progress(const RunProgress& progress, CheckpointFile& file);

/// The whole run: the experiment's, the session's and the history's groups and sections.
void store_run(const Experiment& experiment, const RunProgress& progress, const Timeline& timeline,
               CheckpointFile& file);
/// Replaces the file in one go. Both throw InputError with the path and the reason.
void write_checkpoint(const std::string& path, const CheckpointFile& file);
void write_checkpoint(const std::string& path, const Experiment& experiment, const RunProgress& progress,
                      const Timeline& timeline);
/// Whether that would work there. To be asked before an hour of training, not after.
void check_checkpoint_target(const std::string& path, const Experiment& experiment);

/// A run as it was when its checkpoint was written.
struct ResumedRun {
    std::shared_ptr<const Workload> workload;
    std::unique_ptr<Experiment> experiment;
    RunProgress progress;
};
/// Throws InputError, and leaves `timeline` as it is, where the file does not hold a whole run.
ResumedRun resume_run(Backend& backend, const CheckpointFile& file, Timeline& timeline);

/// The history of a run in a file, to be laid over another run's: no tensors, no data.
struct SavedRun {
    struct SavedLane {
        int id = 0;  ///< in `history`, and of the lane's look
        std::string name;
        Techniques techniques;
    };
    std::string path;
    std::string scenario;
    ScenarioSettings settings;
    std::int64_t next_step = 0;
    std::vector<SavedLane> lanes;
    std::shared_ptr<const Timeline> history;
};
/// Throws InputError where the file is no checkpoint of a whole run.
SavedRun read_saved_run(const std::string& path);

/// What can be said of a file without a device: everything but the tensors and the data. Throws InputError.
ExperimentRecord check_checkpoint(const CheckpointFile& file);

}  // namespace halfscope
