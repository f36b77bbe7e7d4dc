// What a user (or a replay) can ask of a running experiment. Panels and the command line send Commands; the
// trainer thread drains them between two steps, stamps them with the step and applies them. Plain data, so
// that every run is replayable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "session/alert_rules.h"
#include "train/ablation.h"
#include "train/dot_capture.h"
#include "train/experiment.h"

namespace halfscope {

struct RunCommand {};
struct PauseCommand {};
struct StepCommand {
    int count = 1;
};                         ///< runs that many steps, then pauses
struct RestartCommand {};  ///< from step 0, same seed, same lanes and techniques
struct SeedCommand {
    std::uint64_t seed = 0;
};                        ///< restart with another seed
struct CancelCommand {};  ///< ends the opening that is going on; what was open before goes on, or else the
                          ///< default scenario. Ends a measurement too
struct OpenScenarioCommand {  ///< another scenario or other settings; lanes as given or defaults
    std::string scenario;
    ScenarioSettings settings;
    std::vector<LaneSpec> lanes;  ///< empty: the scenario's own
};
struct SetTechniqueCommand {
    std::string lane, key, value;
};
struct SetPresetCommand {
    std::string lane, preset;
};
struct AddLaneCommand {
    LaneSpec lane;
    std::string branch_from;  ///< empty: starts from the initial weights
    /// Where given: from what `branch_from` was before that step, and from there made up to the present one.
    std::optional<std::int64_t> at_step = std::nullopt;
};
struct RemoveLaneCommand {
    std::string lane;
};
struct RenameLaneCommand {
    std::string from, to;
};
struct MultiplyLossScaleCommand {
    std::string lane;
    double factor = 2;
};
struct SetCadenceCommand {
    int probe_every = 10;
    int shadow_every = 50;
};  ///< 0: never
struct SetStepDelayCommand {
    double milliseconds = 0;
};  ///< slow motion: a pause after each step

struct SaveCheckpointCommand {
    std::string path;
};
struct OpenCheckpointCommand {  ///< the run as it was when the checkpoint was written
    std::string path;
};
struct SaveRecipeCommand {  ///< scenario, first lanes and all changes, those ahead too (session/recipe.h)
    std::string path;
};
struct OpenRecipeCommand {  ///< from step 0, with the recipe's changes ahead
    std::string path;
};
struct OverlayRunCommand {  ///< the history in a checkpoint is shown beside the present one's
    std::string path;
};
struct RemoveOverlaysCommand {};
struct LoadWeightsCommand {  ///< from step 0, every lane of the present scenario with these weights
    std::string path;        ///< safetensors
};
struct GoToStepCommand {  ///< the run as it was before that step, or on to it; pauses there
    std::int64_t step = 0;
};
struct UndoCommand {};  ///< the last change of techniques, at the present step
struct RedoCommand {};
struct SetHistoryCommand {
    std::uint64_t bytes = 0;
};  ///< at most so much for states to go back to

/// Measures every loss scale at the selected lane's present weights (train/scale_sweep.h); training waits.
/// Ended by CancelCommand.
struct SweepScalesCommand {
    std::string lane;
};
/// Searches for layers to keep in FP32 so that no weight gradient's relative error is above `threshold`
/// (train/precision_search.h); training waits. Ended by CancelCommand.
struct SearchPrecisionCommand {
    std::string lane;
    double threshold = 0.01;
};
/// Looks at the update that the next step would make of a parameter (train/update_peek.h).
struct PeekUpdateCommand {
    std::string lane, tensor;
};
/// Goes back to a step of a lane, beside the run, and finds where its first NaN or infinity arose
/// (train/overflow_report.h).
struct ExamineOverflowCommand {
    std::string lane;
    std::int64_t step = 0;
};
/// Takes one sum from a lane's next step (train/dot_capture.h).
struct CaptureDotCommand {
    std::string lane;
    DotSource source;
    std::int64_t row = 0, column = 0;
};
/// Keeps the gradients that a lane's next step would make of these tensors, together
/// (train/retained_values.h).
struct RetainGradientsCommand {
    std::string lane;
    ProbeKind kind = ProbeKind::weight_gradient;
    std::vector<std::string> tensors;
};
enum class AblationFrom : std::uint8_t { scratch, present_state };
/// Trains all combinations of these values beside the run, in the background (train/ablation.h): other keys
/// are the lane's. From its present state only under the run's own seed.
struct StartAblationCommand {
    std::string lane;
    std::vector<AblationFactor> factors;
    std::vector<std::uint64_t> seeds;
    std::int64_t steps = 0;
    AblationFrom from = AblationFrom::scratch;
};
struct CancelAblationCommand {};  ///< what is done of it stays
/// What is watched from the next step on (session/alert_rules.h); throws nothing of the past away.
struct SetAlertRulesCommand {
    std::vector<AlertRule> rules;
};
/// After the device was lost: from the kept copy of the run, on the processor.
struct GoOnOnCpuCommand {};

using Command =
    std::variant<RunCommand, PauseCommand, StepCommand, RestartCommand, SeedCommand, CancelCommand,
                 OpenScenarioCommand, SetTechniqueCommand, SetPresetCommand, AddLaneCommand,
                 RemoveLaneCommand, RenameLaneCommand, MultiplyLossScaleCommand, SetCadenceCommand,
                 SetStepDelayCommand, SaveCheckpointCommand, OpenCheckpointCommand, OverlayRunCommand,
                 RemoveOverlaysCommand, LoadWeightsCommand, GoToStepCommand, UndoCommand, RedoCommand,
                 SetHistoryCommand, SweepScalesCommand, SearchPrecisionCommand, PeekUpdateCommand,
                 ExamineOverflowCommand, CaptureDotCommand, RetainGradientsCommand, StartAblationCommand,
                 CancelAblationCommand, SetAlertRulesCommand, GoOnOnCpuCommand, SaveRecipeCommand,
                 OpenRecipeCommand>;

/// Whether it changes the course of the run from the present step on, so that making the run again needs it.
bool changes_run(const Command& command);

/// Where panels put commands. Never blocks, never throws; bad commands come back as a message in the
/// Snapshot.
class CommandSink {
  public:
    virtual ~CommandSink() = default;
    virtual void send(Command command) = 0;
};

}  // namespace halfscope
