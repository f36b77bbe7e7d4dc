// One planned graph in memory: views of its tensors, feeding a batch, and the forward and backward passes
// over its nodes. A lane has up to three: training, evaluation, and the FP32 shadow. Knows no techniques, no
// optimizer and no loss scaler.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "graph/plan.h"
#include "train/probe_counts.h"
#include "train/scenario.h"

namespace halfscope {

/// What of a gradient is brought home: as it is stored, or as it was computed, in FP32.
enum class WatchedForm : std::uint8_t { stored, computed };

/// A tensor whose gradient is to be brought home while it is whole: its memory is used again during the pass.
struct GradientWatch {
    TensorId id = kNoTensor;
    std::vector<float> values;  ///< filled by backward
    /// The output of a node that reads `id`, or has it as its workspace: what that node alone has left there,
    /// before anything is added to it.
    TensorId left_by = kNoTensor;
    WatchedForm form =
        WatchedForm::stored;  ///< computed: of a gradient that is left by a node; made once more
};

/// What one pass needs besides memory and PassValues; the same at every step.
struct PassSettings {
    RunMode mode = RunMode::training;
    std::uint64_t seed = 0;
    ProbeCounts* counts = nullptr;          ///< null: nothing is counted
    std::span<GradientWatch> watches = {};  ///< not in a pass that a device records
};

/// A key of the counter-based generator for one purpose, so that no two uses share random bits.
RandomKey random_key(std::uint64_t seed, std::string_view purpose, std::string_view name, std::int64_t step);

/// Downloads a view as FP32. Any format, contiguous.
std::vector<float> download_floats(Backend& backend, const TensorView& view);

class LaneBuffers {
  public:
    /// Allocates the plan's bytes and the staging area for inputs. `graph` must outlive this.
    LaneBuffers(Backend& backend, const Graph& graph, Plan plan);

    const Plan& plan() const { return plan_; }
    const Graph& graph() const { return *graph_; }
    /// Matrix views (rows x columns of the tensor's shape); no data where the plan has none.
    TensorView value(TensorId id) const;
    TensorView gradient(TensorId id) const;
    /// The value as operations read it: the copy in storage format where there is one.
    TensorView compute_value(TensorId id) const;
    /// What a node reads as its input of that number.
    TensorView operand(std::size_t node, std::size_t input) const;
    /// The format in which a tensor's gradient is counted: that of the copy where its one reader reads that.
    Format rounded_gradient_format(TensorId id) const;
    /// 1 x n views of a parameter (index in Graph::parameters()): value, gradient, extra buffer of the
    /// optimizer.
    TensorView flat_value(std::size_t parameter) const;
    TensorView flat_gradient(std::size_t parameter) const;
    TensorView state(std::size_t parameter, std::size_t slot) const;
    /// The same, without data where `slot` is -1: a lane need not have it.
    TensorView state_or_none(std::size_t parameter, int slot) const;
    /// 1 x n view of a buffer (index in Graph::buffers()).
    TensorView flat_buffer(std::size_t buffer) const;
    /// Reads a parameter or a buffer from elsewhere (the evaluation graph uses what the training graph has).
    void alias(TensorId id, const TensorView& elsewhere);

    /// Uploads a batch, converts floats to their format, and the values of the pass over it. A tensor without
    /// numbers is left alone. Throws std::invalid_argument where sizes differ from the graph.
    void feed(const Batch& batch, const PassValues& values = {});
    /// Runs the nodes in order, up to the one that writes `last` (kNoTensor: all).
    void forward(const PassSettings& settings, TensorId last = kNoTensor);
    void backward(const PassSettings& settings);
    /// Adds every parameter's gradient to its state buffer `slot`, or begins with it.
    void accumulate_gradients(std::size_t slot, bool begins);
    /// The scalar loss of the last forward pass.
    float loss() const;

    /// Bytes that such a graph needs beside its plan: a staging area and the values of a pass.
    static std::uint64_t bytes_beside_plan(const Graph& graph);

  private:
    TensorView view(const PlannedBuffer& buffer, const Shape& shape) const;
    TensorView flat(const PlannedBuffer& buffer, TensorId id) const;
    struct Call;
    void gather_gradients(std::size_t node, const PassSettings& settings, std::vector<int>& received,
                          Call& call) const;
    void bring_home(const Node& node, const PassSettings& settings, const Call& call) const;
    void bring_computed_home(const Node& node, const PassSettings& settings, const Call& call) const;
    void add_contributions(std::size_t node, const PassSettings& settings, const std::vector<int>& received);
    void gather_inputs(std::size_t node, const PassSettings& settings, Call& call) const;
    void make_casts(std::size_t node, const PassSettings& settings, std::vector<bool>& made);
    TensorView cast(TensorId id) const;
    void add_to(const TensorView& total, const TensorView& part) const;

    Backend* backend_;
    const Graph* graph_;
    Plan plan_;
    DeviceMemory memory_;
    DeviceMemory staging_;
    DeviceMemory values_;              // PassValues
    std::vector<TensorView> aliases_;  // by tensor; no data: the plan's own buffer
};

}  // namespace halfscope
