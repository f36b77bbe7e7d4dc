// The inside of a Lane, shared by lane.cpp (life, techniques), lane_step.cpp (the training step),
// lane_probe.cpp (measuring), lane_transfer.cpp (weights from one plan to another), lane_parameters.cpp
// (weights by name), lane_record.cpp (checkpoints), lane_gradients.cpp (a pass without an update),
// lane_sweep.cpp (many of them), lane_peek.cpp (an update that is not made), lane_examine.cpp (where a NaN
// or infinity came from), lane_dot.cpp (one sum, addend by addend) and lane_retain.cpp (gradients, kept
// whole). Nobody else includes it.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/lane.h"
#include "train/lane_buffers.h"
#include "train/lane_plan.h"

namespace halfscope {

using StepClock = std::chrono::steady_clock;
inline double elapsed_ms(StepClock::time_point since) {
    return std::chrono::duration<double, std::milli>(StepClock::now() - since).count();
}

/// What the check of all weight gradients found.
struct GradientFindings {
    UpdateDecision decision;
    std::uint64_t unseen = 0;  ///< values made non-finite by unscaling that PyTorch's check does not look at
    std::string layer;         ///< first in backward order; empty: none
    std::string tensor;  ///< the weight gradient in question; empty where an activation gradient came first
    float max_abs_unscaled = 0.0f;
};

/// A weight gradient against the shadow pass.
struct ShadowFinding {
    double relative_error = -1.0;
    double cosine = -2.0;
};

/// What passes without an update came to.
struct CheckedPasses {
    double loss = 0.0;
    OptimizerStep optimizer;            ///< of the update that would come now
    UpdateValues values;                ///< without the decision
    std::vector<GradientCheck> checks;  ///< in the order of backward_parameters
};

/// The recordings of a training step (Backend::repeat), by what they do.
// clang-tidy 14 takes its own index of three dimensions for a reserved name of ours.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
struct Recordings {
    /// Passes over one batch: whether it is the first or the last of the step, and counted. The last one
    /// holds the check and the update too.
    std::unique_ptr<Recording> passes[2][2][2];
    std::unique_ptr<Recording> weight_counts;
};

/// Remembers that something was said, so that it is said once until it is over.
struct Reported {
    bool nan_loss = false;
    bool poisoned = false;
    bool unseen = false;
    bool floor = false;
};

/// Copies weights and optimizer state between plans of the same parameters, rounding or widening as their
/// formats ask. `to` must be fresh (zeroed): a buffer that `from` lacks stays zero, but a new master copy
/// starts from the weights.
void transfer_state(Backend& backend, const LaneBuffers& from, const StateSlots& from_slots,
                    const LaneBuffers& to, const StateSlots& to_slots);

/// A training pass moves running statistics, and nothing but a step may: puts them back at the end.
class KeptStatistics {
  public:
    KeptStatistics(Backend& backend, const LaneBuffers& buffers);
    ~KeptStatistics();
    KeptStatistics(const KeptStatistics&) = delete;
    KeptStatistics& operator=(const KeptStatistics&) = delete;

  private:
    Backend& backend_;
    const LaneBuffers& buffers_;
    std::vector<std::vector<float>> values_;
};

struct Lane::State {
    State(Backend& backend_in, std::shared_ptr<const Workload> workload_in, std::string name_in,
          const Techniques& techniques_in, std::span<const Lane> others);

    // lane.cpp
    std::uint64_t seed() const { return workload->settings().seed; }
    /// Where a parameter's true value lives: the master copy, or the weight itself.
    TensorView weight_of_record(std::size_t parameter) const;
    void initialize_weights();
    /// Fresh buffers for the techniques, with weights and optimizer state from `from`.
    void rebuild(const Techniques& next, const State& from, std::span<const Lane> others = {});
    /// Plans for the techniques that fit beside the others of these lanes; throws InputError.
    LanePlans fitting_plans(const Techniques& wanted, std::span<const Lane> lanes) const;
    std::vector<float> predict(const Batch& batch);

    // lane_parameters.cpp
    /// Throws InputError where there is none of that name.
    std::size_t parameter_named(std::string_view wanted) const;
    /// A tensor's name and shape, without its values.
    NamedValues described(TensorId id) const;
    /// FP32 values into the weight of record, rounded to its format, and from there into the compute copy.
    void store_parameter(std::size_t parameter, const std::vector<float>& values);

    // lane_step.cpp
    StepResult step(std::int64_t step, std::span<const Batch> batches, const StepRequest& request);
    /// What the update takes: the gradient of the one batch, or the sum over micro-batches.
    TensorView gradient_of(std::size_t parameter) const;
    /// Gradients that are checked, in the order they are made.
    std::vector<TensorView> checked_gradients() const;
    /// What the pass over batch `number` of the step's `count` is fed.
    PassValues pass_values(std::int64_t step, std::int64_t number, std::int64_t count, float scale) const;
    /// Forward and backward for each batch; gradients end up in state buffer `accumulated` (-1: of one batch,
    /// where they are). With an optimizer they are checked, and unless that decides to skip, the weights are
    /// updated; values of the step come from update_memory. Returns the loss. Only the last batch is counted.
    double run_batches(LaneBuffers& buffers, int accumulated, std::int64_t step,
                       std::span<const Batch> batches, float scale, ProbeCounts* counts,
                       const OptimizerStep* optimizer);
    /// The optimizer's step at this place of the schedule.
    OptimizerStep scheduled() const;
    /// The values of the step, into update_memory; the decision is not made yet.
    UpdateValues upload_values(const OptimizerStep& optimizer, float scale, std::int64_t step) const;
    /// What the check found and decided.
    GradientFindings check_gradients(const UpdateValues& values, ProbeCounts* counts) const;
    /// The update of one parameter, without where its values of the step and its counts are.
    UpdateCall update_call(std::size_t parameter, const OptimizerStep& optimizer) const;
    void update_each(const OptimizerStep& optimizer, ProbeCounts* counts);
    UpdateValues* update_values() const { return reinterpret_cast<UpdateValues*>(update_memory.data()); }
    void report_step(const GradientFindings& findings, StepResult& result);
    void advance_scale(const GradientFindings& findings, StepResult& result);

    // lane_gradients.cpp
    /// What a step at this scale does up to its update; weights and running statistics stay as they are.
    CheckedPasses run_checked(std::int64_t step, std::span<const Batch> batches, float scale,
                              ProbeCounts* counts);

    // lane_probe.cpp
    /// The lane's own counts, made at first use.
    ProbeCounts& own_counts();
    /// The same, all zero.
    ProbeCounts& cleared_counts();
    void count_weights(ProbeCounts& counts) const;
    /// The shadow's buffers, made at first use, with the compute weights in them.
    LaneBuffers& loaded_shadow();
    /// FP32 passes at the compute weights; counted where `counts` is given.
    void run_shadow(std::int64_t step, std::span<const Batch> batches, ProbeCounts* counts = nullptr);
    /// The training gradients against those of the shadow pass that has run.
    std::vector<ShadowFinding> compare_with_shadow(bool is_accumulated, float inverse_scale);
    std::vector<Probe> assemble_probes(const ProbeCounts& counts, double scale, bool updated,
                                       const std::vector<ShadowFinding>& shadow_findings) const;

    // lane_dot.cpp
    void run_watched(LaneBuffers& buffers, std::int64_t step, std::span<const Batch> batches, float scale,
                     std::span<GradientWatch> watches);

    // lane_examine.cpp
    bool note_overflow(OverflowReport& report, TensorId id, const std::string& layer, ProbeKind kind,
                       const TensorCounts& counts) const;
    void find_origin(OverflowReport& report, const ProbeCounts& counts) const;
    void find_elements(OverflowReport& report, std::int64_t step, std::span<const Batch> batches);

    Backend& backend;
    std::shared_ptr<const Workload> workload;
    std::string name;
    Techniques techniques;
    StateSlots slots;
    std::unique_ptr<LaneBuffers> training;
    std::unique_ptr<LaneBuffers> evaluation;    ///< made at first use
    std::unique_ptr<LaneBuffers> shadow;        ///< made at first use
    std::unique_ptr<ProbeCounts> probe_counts;  ///< made at first use
    DeviceMemory update_memory;                 ///< UpdateValues
    /// Parts of the step that the device may play back; emptied where techniques change what they do.
    Recordings recordings;
    ScalerState scaler;
    std::int64_t updates = 0;
    std::int64_t skipped = 0;
    std::int64_t position = 0;  ///< of the schedule
    Reported reported;
    /// Parameters in the order their gradients are made, with the node that makes them.
    struct BackwardParameter {
        std::size_t parameter;
        std::size_t node;
    };
    std::vector<BackwardParameter> backward_parameters;
};

}  // namespace halfscope
