// A Lane is one copy of the model trained under one set of Techniques: plan, memory, optimizer state, loss
// scaler, counters. Owned by an Experiment, used from the trainer thread only. A change of Techniques between
// two steps makes another Plan and keeps weights, optimizer state and randomness.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "graph/plan.h"
#include "numerics/kept_counts.h"
#include "train/lane_plan.h"
#include "train/lane_record.h"
#include "train/named_values.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {

enum class ProbeKind : std::uint8_t { weight, activation, activation_gradient, weight_gradient, update };
const char* probe_kind_name(ProbeKind kind);

/// The measuring of one tensor at one step.
struct Probe {
    std::string tensor;  ///< name in the graph
    std::string layer;   ///< node that writes it: "fc1"
    ProbeKind kind = ProbeKind::weight;
    KeptCounts counts;  ///< own: against the lane's format; fp16: against FP16
    Format own_format = Format::fp32;
    double scale = 1.0;  ///< the loss scale contained in the values; 1 for weights, activations, updates
    std::uint64_t updates = 0, swallowed = 0;  ///< kind update
    double relative_error = -1;                ///< weight_gradient after a shadow pass; -1: not measured
    double cosine = -2;                        ///< likewise; -2: not measured
};

enum class EventKind : std::uint8_t { toggle, growth, backoff, skip, nan, lane, message, alert };
inline constexpr int kEventKindCount = 8;
const char* event_kind_name(EventKind kind);
struct Event {
    std::int64_t step = 0;
    std::string lane;
    EventKind kind = EventKind::message;
    std::string detail;
};

struct StepRecord {
    std::int64_t step = 0;
    double loss = 0;
    double loss_scale = 1;
    bool skipped = false;
    double grad_norm = 0;  ///< unscaled, before clipping
    double learning_rate = 0;
    std::string overflow_layer;  ///< first non-finite gradient met in backward order; empty: none
    double step_ms = 0;          ///< forward to update, without the two below
    double telemetry_ms = 0;  ///< what probing added where it can be told apart: counts of weights, records
    double shadow_ms = 0;     ///< the shadow pass and the comparison with it
};

/// A weight gradient against the shadow pass.
struct GradientError {
    std::string tensor;
    double relative_error = -1;  ///< ||g - s|| / max(||s||, 1e-12), g unscaled in FP32
    double cosine = -2;
};

struct StepRequest {
    bool probe = false;
    bool shadow = false;
};

struct StepResult {
    StepRecord record;
    std::vector<Probe> probes;  ///< where asked for
    std::vector<Event> events;
};

struct ScaleSweep;
struct UpdatePeek;
struct DotCapture;
struct DotSource;
struct OverflowReport;
struct RetainedGradients;

class Lane {
  public:
    /// Throws InputError where the plan would not fit into the backend's memory beside what the `others`
    /// will still take, before anything is allocated.
    Lane(Backend& backend, std::shared_ptr<const Workload> workload, std::string name,
         const Techniques& techniques, std::span<const Lane> others = {});
    ~Lane();
    Lane(Lane&&) noexcept;
    Lane& operator=(Lane&&) noexcept;

    const std::string& name() const;
    void rename(std::string name);
    const Techniques& techniques() const;
    /// Effective at the next step. Returns events (toggle, and what happened to the master copy). Throws
    /// InputError with the refusal, or where what it takes does not fit beside the `others` (this lane may be
    /// among them), and leaves the lane as it was.
    std::vector<Event> set_techniques(const Techniques& techniques, std::int64_t step,
                                      std::span<const Lane> others = {});
    /// Multiplies the current loss scale (the [ and ] keys).
    void multiply_loss_scale(double factor);

    /// Trains on the mean gradient of the batches, as many as Workload::micro_batches(). Probes of
    /// activations and gradients are of the last of them; the shadow pass is of all.
    StepResult step(std::int64_t step, std::span<const Batch> batches, const StepRequest& request);
    StepResult step(std::int64_t step, const Batch& batch, const StepRequest& request) {
        return this->step(step, std::span(&batch, 1), request);
    }
    Metric validate();
    ModelView view();

    const MemoryUse& memory() const;
    /// For who wants to know whether another lane fits beside this one.
    RunningLane running() const;
    double loss_scale() const;
    std::int32_t steps_until_growth() const;
    std::int64_t skipped_steps() const;
    std::int64_t updates() const;
    /// Hash of all weights (FP32 values in parameter order), 16 hex digits: the behaviour signature.
    std::string signature() const;
    /// A parameter's current value (the master copy where there is one), widened to FP32.
    std::vector<float> parameter(std::string_view name) const;
    /// Every parameter's current value with its name and shape, in the order of Graph::parameters(), and
    /// behind them the buffers (running statistics) in the order of Graph::buffers().
    std::vector<NamedValues> parameters() const;
    /// Starts from these weights: FP32 values into the master copy and the compute copy, rounded to their
    /// formats. Optimizer state, scaler and counters stay, and so does a buffer that is not given; PyTorch's
    /// num_batches_tracked is passed over. Throws InputError, and changes nothing, where a parameter is
    /// missing, a name is surplus or given twice, or a shape is not the model's.
    void load_parameters(const std::vector<NamedValues>& parameters);
    /// One forward and backward pass at the current weights, techniques and loss scale, and no update;
    /// running statistics stay too. `step` keys dropout masks. Throws std::invalid_argument where the batch
    /// does not fit the training graph.
    LossAndGradients gradients(const Batch& batch, std::int64_t step = 0);
    /// The error of every weight gradient of the step on these batches, in the order of Graph::parameters():
    /// its passes and the shadow pass, without an update. Changes nothing that later steps depend on.
    std::vector<GradientError> gradient_errors(std::int64_t step, std::span<const Batch> batches);
    /// Begins a sweep over loss scales at the present weights, on these batches (scale_sweep.h): the shadow
    /// pass. `step` keys dropout masks. Changes nothing that later steps depend on, and nor does the next.
    ScaleSweep begin_sweep(std::int64_t step, std::span<const Batch> batches);
    /// Measures the sweep's next scale. No step may have been made since it began, and the batches are the
    /// same.
    void sweep_next(ScaleSweep& sweep, std::span<const Batch> batches);
    /// The update that a step on these batches would make of a parameter. Changes nothing that later steps
    /// depend on. Throws InputError for a name that is no parameter's.
    UpdatePeek peek_update(std::string_view tensor, std::int64_t step, std::span<const Batch> batches);
    /// One sum that the step on these batches makes (of the last of them): dot_sources() lists which there
    /// are. Changes nothing that later steps depend on. Throws InputError where there is no such sum.
    DotCapture capture_dot(const DotSource& source, std::int64_t row, std::int64_t column, std::int64_t step,
                           std::span<const Batch> batches);
    /// Where values of the step on these batches are not finite, and which loss scale would be small enough:
    /// its passes once more, without an update. Changes nothing that later steps depend on.
    OverflowReport examine_overflow(std::int64_t step, std::span<const Batch> batches);
    /// The gradients that the step on these batches would make of these tensors without rounding and loss
    /// scale: the shadow pass. Of activations: those of the last of the batches. Changes nothing that later
    /// steps depend on. Throws InputError where there is no such gradient, or more than kMostRetained values.
    RetainedGradients retain_gradients(ProbeKind kind, std::span<const std::string> tensors,
                                       std::int64_t step, std::span<const Batch> batches);
    /// Everything that later steps depend on beside the techniques, bit for bit.
    LaneRecord record() const;
    /// Goes on from there. Throws InputError, and changes nothing, where a buffer is missing, surplus or not
    /// of the size that this lane's techniques give it, or a counter is none that a run can reach.
    void restore(const LaneRecord& record);
    /// Copies weights, optimizer state, scaler and counters from a lane of the same workload (branching a
    /// lane).
    void copy_state_from(const Lane& other);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace halfscope
