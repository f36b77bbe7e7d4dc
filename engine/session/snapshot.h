// The latest state of an experiment, published by the trainer thread after each step (latest wins) and read
// by the window. A plain value without pointers into training. History is in Timeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/matrix_work.h"
#include "session/alert_rules.h"
#include "session/checkpoint.h"
#include "session/energy_window.h"
#include "session/graph_outline.h"
#include "session/rate_window.h"
#include "train/ablation.h"
#include "train/dot_capture.h"
#include "train/lane.h"
#include "train/overflow_report.h"
#include "train/precision_search.h"
#include "train/retained_values.h"
#include "train/scale_sweep.h"
#include "train/scenario.h"
#include "train/techniques.h"
#include "train/update_peek.h"

namespace halfscope {

enum class RunState : std::uint8_t { loading, running, paused, failed };

/// What is measured while training waits: a sweep over loss scales, a search for layers to keep in FP32.
enum class Measured : std::uint8_t { nothing, scales, layers };

/// A list of probes shared by many snapshots: reads like a const std::vector<Probe>, copies like a pointer
/// (one probe holds kilobytes of histogram, and snapshots are published up to 60 times a second).
class ProbeList {
  public:
    ProbeList() = default;
    ProbeList(std::vector<Probe> probes)
        : probes_(std::make_shared<const std::vector<Probe>>(std::move(probes))) {}
    const std::vector<Probe>& list() const {
        static const std::vector<Probe> none;
        return probes_ ? *probes_ : none;
    }
    operator const std::vector<Probe>&() const { return list(); }
    auto begin() const { return list().begin(); }
    auto end() const { return list().end(); }
    std::size_t size() const { return list().size(); }
    bool empty() const { return list().empty(); }
    const Probe& operator[](std::size_t index) const { return list()[index]; }
    const Probe& front() const { return list().front(); }
    const Probe& back() const { return list().back(); }

  private:
    std::shared_ptr<const std::vector<Probe>> probes_;
};

struct LaneSnapshot {
    int id = 0;  ///< stable while the lane lives; decides colour, letter and line style (0..3)
    std::string name;
    Techniques techniques;
    std::int64_t techniques_step = 0;  ///< first step that ran (or will run) under these techniques
    StepRecord last;                   ///< of the last step done
    double loss_scale = 1;             ///< S of the next step: also before the first, and where S was changed
    double best_loss = 0;              ///< lowest finite loss so far; NaN: none yet
    Metric validation;                 ///< latest
    std::int64_t validation_step = -1;  ///< -1: none yet
    std::int64_t skipped = 0;
    std::int32_t steps_until_growth = -1;
    double steps_per_second = 0;  ///< of this lane alone: 1000 / mean step_ms over the last second
    double step_ms = 0;           ///< mean over the last second, of steps without probes where there were any
    /// Lanes run in turn: the device's power for as long as a step of this lane takes.
    std::optional<double> joules_per_step;
    MemoryUse memory;
    /// FLOP/s that a large product of this lane's operands reaches on the device, where it tells.
    std::optional<double> matrix_peak;
    /// Latest of every tensor, graph order. relative_error and cosine are those of shadow_step, also when
    /// probe_step is later.
    ProbeList probes;
    std::int64_t probe_step = -1;
    std::int64_t shadow_step = -1;
    /// The latest sweep over loss scales, as far as it has come; null: none yet.
    std::shared_ptr<const ScaleSweep> sweep;
    /// The latest search for layers to keep in FP32, as far as it has come; null: none yet, or under other
    /// techniques than keep_fp32.
    std::shared_ptr<const PrecisionSearch> search;
    /// The latest look at an update that was not made; null: none yet, or of other formats.
    std::shared_ptr<const UpdatePeek> peek;
    /// The latest sum taken from a layer; null: none yet, or of other formats.
    std::shared_ptr<const DotCapture> dot;
    /// The gradients kept last; null: none yet, or of other formats.
    std::shared_ptr<const RetainedGradients> retained;
    /// The latest examination of a step that was not finite; null: none yet.
    std::shared_ptr<const OverflowReport> overflow;
    std::shared_ptr<const ModelView> view;  ///< latest picture, map or text; null: none yet
    std::int64_t view_step = -1;            ///< steps done when it was taken
    std::string signature;  ///< of all weights (Lane::signature) while paused; empty while running
};

struct Message {
    enum class Kind : std::uint8_t { note, error };
    Kind kind = Kind::note;
    std::string text;         ///< one sentence
    std::int64_t number = 0;  ///< ascending, so that the window shows each once
};

struct Snapshot {
    std::int64_t generation = 0;  ///< ascending; changes whenever anything does
    std::int64_t run = 0;  ///< ascending; changes at restart, seed or scenario change (histories start anew)
    RunState state = RunState::loading;
    LoadingProgress loading;  ///< while state is loading; text empty: it will not take long
    std::string device;       ///< Backend::name()
    /// Where the device was lost: after how many steps the kept copy of the run was taken, which can go on on
    /// the processor (GoOnOnCpuCommand).
    std::optional<std::int64_t> rescued_steps;
    /// The steps that the run can go to: from the earliest one kept to the farthest one made.
    std::int64_t first_kept_step = 0, reached_step = 0;
    std::optional<std::int64_t> going_to;  ///< the step it is going to now
    std::size_t kept_states = 0;
    std::uint64_t kept_bytes = 0, most_kept_bytes = 0;
    int changes_ahead = 0;  ///< of techniques and lanes, which running on makes again
    bool can_undo = false, can_redo = false;
    int measured_lane = -1;  ///< id of the lane that is measured while training waits; -1: none
    Measured measured = Measured::nothing;
    ScenarioInfo scenario;
    ScenarioSettings settings;
    std::int64_t next_step = 0;  ///< steps done so far
    /// The products of a step, the same in all lanes; null before anything is open.
    std::shared_ptr<const MatrixWork> matrix_work;
    /// The network; null before anything is open.
    std::shared_ptr<const std::vector<OutlineNode>> outline;
    /// The sums that a step makes, which can be taken from a lane; null before anything is open.
    std::shared_ptr<const std::vector<DotSource>> dot_sources;
    std::vector<LaneSnapshot> lanes;
    /// Runs from files whose histories are laid over this one's, of the same scenario.
    std::vector<std::shared_ptr<const SavedRun>> overlays;
    std::shared_ptr<const ModelView> target;  ///< the reference beside the lanes; null or empty: none
    double steps_per_second = 0;              ///< of the whole experiment
    ObservationCost observation_percent;      ///< shares of wall time, last seconds
    EnergyUse energy;                         ///< of the device
    int probe_every = 10, shadow_every = 50;
    double step_delay_ms = 0;  ///< slow motion: the pause after each step
    /// The latest ablation, as far as it has come; null: none yet.
    std::shared_ptr<const AblationResults> ablation;
    /// Rules that fired in this run since it was opened, the last few, as steps were made; null: none yet.
    std::shared_ptr<const std::vector<Alert>> alerts;
    std::vector<Message> messages;  ///< the last few
};

}  // namespace halfscope
