// What the trainer thread does, without the thread: owns the experiment, applies Commands, makes steps,
// decides what is measured when, fills the Timeline and assembles Snapshots. Called by Trainer (and by tests)
// from one thread. It must not wait, sleep or lock, and measuring must not change training.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "data/checkpoint_file.h"
#include "session/alert_rules.h"
#include "session/checkpoint.h"
#include "session/command.h"
#include "session/energy_window.h"
#include "session/rate_window.h"
#include "session/recipe.h"
#include "session/snapshot.h"
#include "session/state_ring.h"
#include "session/timeline.h"
#include "train/experiment.h"

namespace halfscope {

class BackgroundAblation;

/// Steps between two validations: chosen by step, so that the same run gives the same history.
std::int64_t validation_interval(std::int64_t schedule_steps);

/// What states to go back to may take, where nobody chose otherwise.
inline constexpr std::uint64_t kHistoryBytes = std::uint64_t{256} << 20;

/// How many saved runs can be laid over one.
inline constexpr std::size_t kMostOverlays = 4;

/// The lanes a scenario starts with. Throws InputError where one of them is refused.
std::vector<LaneSpec> default_lanes(const ScenarioInfo& info);

class Session {
  public:
    using RecordSink = std::function<void(int lane_id, const StepRecord& record)>;
    using ProgressSink = std::function<void()>;
    using CancelCheck = std::function<bool()>;
    using BackgroundSink = std::function<void()>;

    /// `records` takes every step record. `progress` is called when something long begins and while it goes
    /// on (state loading; make_snapshot() says how far it is). `cancelled` is asked meanwhile whether to give
    /// it up; empty: never. `background` is called, from another thread, when what goes on beside the run has
    /// come further and make_snapshot() has more to say.
    Session(Backend& backend, Timeline& timeline, RecordSink records, ProgressSink progress,
            CancelCheck cancelled = {}, BackgroundSink background = {});
    ~Session();

    /// Opens the first scenario. Never throws: what fails becomes a message and state failed.
    void begin(const OpenScenarioCommand& command, RunState state_then);
    /// The same with a checkpoint.
    void begin(const OpenCheckpointCommand& command, RunState state_then);
    /// Applies one command between two steps. Never throws: what fails becomes a message and changes nothing.
    void apply(const Command& command);
    /// Whether step() is to be called.
    bool running() const { return state_ == RunState::running; }
    RunState state() const { return state_; }
    /// Whether work() is to be called.
    bool has_work() const { return running() || is_measuring(); }
    /// The next step, or the next piece of a measurement, during which training waits. Never throws.
    void work();
    bool is_measuring() const { return measurement_.has_value(); }
    /// One step of all lanes with what is due at it. Never throws: a failure becomes a message and state
    /// failed or paused.
    void step();
    /// Slow motion: what to wait after each step.
    double step_delay_ms() const { return step_delay_ms_; }

    Snapshot make_snapshot();
    /// What was changed in this run, each with the step before which it was made: applied to the same
    /// scenario at those steps, it makes the same run, on the CPU bit for bit.
    std::vector<RunChange> changes() const;

    /// Adds a message as the window shows it.
    void say(Message::Kind kind, std::string text);

  private:
    struct LaneState : LaneProgress {
        ProbeList probes;
        std::int64_t probe_step = -1;
        std::int64_t shadow_step = -1;
        std::shared_ptr<const ScaleSweep> sweep;
        std::shared_ptr<const PrecisionSearch> search;
        std::shared_ptr<const UpdatePeek> peek;
        std::shared_ptr<const OverflowReport> overflow;
        std::shared_ptr<const DotCapture> dot;
        std::shared_ptr<const RetainedGradients> retained;
        std::shared_ptr<const ModelView> view;
        std::int64_t view_step = -1;
        std::string signature;
        RateWindow plain_steps{std::chrono::seconds(1)};   // without probes
        RateWindow probed_steps{std::chrono::seconds(1)};  // with probes
    };

    /// The run is loading while it lives, and in state `then` afterwards.
    class Loading {
      public:
        Loading(Session& session, RunState then);
        ~Loading();
        Loading(const Loading&) = delete;
        Loading& operator=(const Loading&) = delete;
        void then(RunState state) { then_ = state; }

      private:
        Session& session_;
        RunState then_;
    };

    // session.cpp
    std::shared_ptr<const Workload> prepare(const Scenario& scenario, const ScenarioSettings& settings);
    void open(const OpenScenarioCommand& command, RunState state_then);
    void start_experiment(std::shared_ptr<const Workload> workload, const std::vector<LaneSpec>& lanes,
                          const std::vector<int>& ids);
    void install(std::unique_ptr<Experiment> experiment, std::shared_ptr<const Workload> workload);
    StepRequest request_at(std::int64_t step, SteadyClock::time_point now) const;
    double record_result(std::size_t lane_index, const StepRequest& request, StepResult result);
    void measure_models(std::int64_t done_step, bool pausing, ObservationCost& cost_ms);
    void validate_lanes(std::int64_t done_step);
    void view_lanes();
    void pause();
    void fail(const std::string& sentence);

    void attempt_step(const char* what, const std::function<void()>& work);

    // session_time.cpp
    struct TechniqueChange {
        std::string lane;
        Techniques before, after;
    };
    void forget_history();
    void note_change(const Command& command);
    void note_undo(const std::string& lane, const Techniques& before, const Techniques& after);
    void change_back(const std::string& lane, const Techniques& techniques);
    void make_changes_again();
    std::uint64_t lasting_bytes() const;
    KeptState present_state() const;
    bool has_new_lane(const KeptState& newest) const;
    void keep_state();
    void return_to(const KeptState& state);
    void go_back_before(std::int64_t step);
    void make_steps_again(std::int64_t next_step);
    void report_way(std::int64_t first, std::int64_t step, std::int64_t end, const std::string& what);
    void follow_changes(Lane& branch, std::string& name, std::size_t& change, std::int64_t step);
    Lane remade_past_lane(int lane_id, const std::string& name, const LaneThen& then, std::int64_t step,
                          std::int64_t end);
    Lane past_lane(int lane_id, const std::string& name, std::int64_t step, std::int64_t end);
    void branch_from_past(const AddLaneCommand& command, std::int64_t at);
    void apply_command(const GoToStepCommand& command);
    void apply_command(const UndoCommand& command);
    void apply_command(const RedoCommand& command);
    void apply_command(const SetHistoryCommand& command);

    // session_measure.cpp
    /// What is measured pass by pass: on the next step's batches, at one lane's present weights.
    struct Measurement {
        int lane_id = 0;
        std::int64_t run = 0;
        Techniques techniques;
        std::vector<Batch> batches;
        std::unique_ptr<PrecisionSearcher> search;  ///< null: a sweep
        std::optional<ScaleSweep> sweep;            ///< of which nothing is measured yet where it is empty
    };
    Measurement begin_measurement(const std::string& lane);
    void apply_command(const SweepScalesCommand& command);
    void apply_command(const SearchPrecisionCommand& command);
    std::size_t measured_lane() const;
    void measure_on();
    void end_outdated_measurement();

    // session_peek.cpp
    void apply_command(const PeekUpdateCommand& command);
    void apply_command(const ExamineOverflowCommand& command);
    void apply_command(const CaptureDotCommand& command);
    void apply_command(const RetainGradientsCommand& command);

    // session_ablation.cpp
    void apply_command(const StartAblationCommand& command);
    void apply_command(const CancelAblationCommand& command);
    std::shared_ptr<const AblationResults> ablation_results() const;

    // session_alerts.cpp
    enum class Watching : std::uint8_t { anew, again };  ///< steps that are made for the first time, or not
    bool watch_lanes(Watching watching, std::optional<std::size_t> lane_index = std::nullopt);
    void return_alerts(const std::vector<RaisedAlert>& raised, std::int64_t step);
    void forget_alerts_of(int lane_id);
    void apply_command(const SetAlertRulesCommand& command);

    // session_commands.cpp
    bool attempt(const std::function<void()>& change);
    void change_run_state(RunState state);
    void apply_command(const RunCommand& command);
    void apply_command(const PauseCommand& command);
    void apply_command(const StepCommand& command);
    void apply_command(const RestartCommand& command);
    void apply_command(const SeedCommand& command);
    void apply_command(const CancelCommand& command);
    void apply_command(const OpenScenarioCommand& command);
    void apply_command(const SetTechniqueCommand& command);
    void apply_command(const SetPresetCommand& command);
    void apply_command(const AddLaneCommand& command);
    void apply_command(const RemoveLaneCommand& command);
    void apply_command(const RenameLaneCommand& command);
    void apply_command(const MultiplyLossScaleCommand& command);
    void apply_command(const SetCadenceCommand& command);
    void apply_command(const SetStepDelayCommand& command);
    void apply_command(const SaveCheckpointCommand& command);
    void apply_command(const OpenCheckpointCommand& command);
    void apply_command(const LoadWeightsCommand& command);
    void restart(const std::shared_ptr<const Workload>& workload);
    void set_lane_techniques(Lane& lane, const Techniques& techniques);
    Experiment& experiment();
    std::size_t lane_index(const std::string& name);
    int free_lane_id() const;
    std::vector<LaneSpec> current_lanes() const;
    void stamp(int lane_id, EventKind kind, const std::string& lane, const std::string& detail);

    // session_rescue.cpp
    struct KeptCopy {
        CheckpointFile file;
        std::int64_t run = 0, steps = 0;
        SteadyClock::time_point when;
        double cost_ms = 0.0;
    };
    bool is_copy_due(SteadyClock::time_point now) const;
    void keep_copy();
    const KeptCopy* rescue() const;
    void lose_device(const std::string& what);
    void refuse_where_lost(const Command& command) const;
    bool save_rescued(const std::string& path);
    void apply_command(const GoOnOnCpuCommand& command);

    // session_checkpoint.cpp
    RunProgress progress() const;
    void adopt(ResumedRun run, Timeline& history, RunState state_then);
    void open_checkpoint(const std::string& path, RunState state_then);
    void apply_command(const OverlayRunCommand& command);
    void apply_command(const RemoveOverlaysCommand& command);

    // session_recipe.cpp
    void note_origin();
    void open_recipe(const std::string& path, RunState state_then);
    void apply_command(const SaveRecipeCommand& command);
    void apply_command(const OpenRecipeCommand& command);

    // session_snapshot.cpp
    LaneSnapshot lane_snapshot(std::size_t index) const;

    Backend* backend_;
    std::unique_ptr<Backend> replacement_;  // for the one that was lost
    Timeline& timeline_;
    RecordSink records_;
    ProgressSink progress_;
    CancelCheck cancelled_;
    BackgroundSink background_;

    // Where the run can go back to, and what was changed on the way: entries from changes_made_ on are of
    // steps that are made again.
    StateRing ring_{kHistoryBytes};
    std::vector<RunChange> journal_;
    std::size_t changes_made_ = 0;
    BranchPoints branch_points_;
    std::vector<LaneSpec> first_lanes_;  // with which the run started, where it has a recipe
    std::string why_no_recipe_;          // empty: it has one
    std::vector<TechniqueChange> undo_, redo_;
    std::int64_t reached_ = 0;     // the farthest step of this run before it went back
    std::int64_t keep_every_ = 1;  // steps
    std::optional<std::int64_t> going_to_;

    std::vector<AlertRule> alert_rules_;      // kept from run to run
    std::vector<RaisedAlert> raised_alerts_;  // that hold now
    std::shared_ptr<const std::vector<Alert>> alerts_;

    std::optional<Measurement> measurement_;
    std::optional<KeptCopy> kept_;
    bool is_lost_ = false;

    std::shared_ptr<const Workload> workload_;
    std::unique_ptr<Experiment> experiment_;
    std::vector<LaneState> lanes_;                           // as experiment_->lanes()
    std::vector<std::shared_ptr<const SavedRun>> overlays_;  // of the workload's scenario
    std::shared_ptr<const ModelView> target_;
    std::shared_ptr<const MatrixWork> matrix_work_;
    std::shared_ptr<const std::vector<DotSource>> dot_sources_;
    std::shared_ptr<const std::vector<OutlineNode>> outline_;

    RunState state_ = RunState::loading;
    LoadingProgress loading_;
    std::string given_up_;  // what the last preparation that was cancelled was doing
    std::int64_t run_ = 0;
    std::int64_t generation_ = 0;
    std::optional<std::int64_t> steps_to_pause_;
    int probe_every_ = 10, shadow_every_ = 50;
    double step_delay_ms_ = 0.0;
    std::deque<Message> messages_;
    std::int64_t message_number_ = 0;

    SteadyClock::time_point last_probe_{}, last_view_{}, last_step_end_{};
    double view_cost_ms_ = 0.0;                  // of the last views of all lanes
    RateWindow steps_{std::chrono::seconds(2)};  // wall time of whole steps, and what looking took of it
    EnergyWindow energy_;

    std::unique_ptr<BackgroundAblation> ablation_;  // the latest; last, so that it ends first
};

}  // namespace halfscope
