// Runs one recorded operation on a backend (the CPU's unless told otherwise) with buffers laid out by its
// Plan: a lane without training. Used by the tests of ops/ and tests/gpu. Must not compute anything itself:
// expected values come from oracle.h or from the test.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "graph/graph_builder.h"
#include "graph/plan.h"

namespace halfscope {

/// `count` values of the normal distribution times `deviation`; `stream` tells arrays apart.
std::vector<float> normal_values(std::int64_t count, std::uint32_t stream, float deviation = 1.0f);
/// `count` tokens in [0, vocabulary).
std::vector<std::int32_t> random_tokens(std::int64_t count, std::int64_t vocabulary, std::uint32_t stream);

/// A host array in one format, seen as rows x cols.
class HostTensor {
  public:
    HostTensor() = default;
    HostTensor(Format format, const std::vector<float>& values, std::int64_t rows = 1);
    /// The view the backend works on; counts and subnormals can be set on the copy.
    TensorView view();
    /// What is stored, widened to FP32.
    std::vector<float> values() const;

  private:
    Format format_ = Format::fp32;
    std::int64_t rows_ = 0, cols_ = 0;
    std::vector<std::uint32_t> codes_;  // storage; 4 bytes an element are enough for every format
};

class OpHarness {
  public:
    /// The graph's last node is the operation under test.
    OpHarness(Graph graph, const PrecisionPolicy& policy, int threads = 2);
    OpHarness(Graph graph, const PrecisionPolicy& policy, std::unique_ptr<Backend> backend);

    const Graph& graph() const { return graph_; }
    const Node& node() const { return graph_.nodes().back(); }
    bool is_loss() const { return graph_.loss() == node().output; }

    /// Stores values (rounded to the tensor's format) or tokens.
    void set_value(TensorId id, const std::vector<float>& values);
    void set_tokens(TensorId id, const std::vector<std::int32_t>& tokens);
    void set_output_gradient(const std::vector<float>& values);

    void forward();
    void backward();

    std::vector<float> value(TensorId id);
    std::vector<float> gradient(TensorId id);
    std::vector<float> output() { return value(node().output); }

    /// Counts what is stored into the output, or into an input's gradient, from the next pass on.
    TensorCounts& probe_output();
    TensorCounts& probe_gradient(TensorId id);

    RunMode mode = RunMode::training;
    RandomKey random{7, 3, 0};
    float loss_gradient = 1.0f;

  private:
    TensorView view(TensorId id, const PlannedBuffer& buffer);
    TensorView value_view(TensorId id);
    TensorView gradient_view(TensorId id);
    static TensorView staged(const DeviceMemory& memory, const TensorView& like);
    std::vector<float> read(const TensorView& from);
    void write(const TensorView& to, const std::vector<float>& values);
    void run(bool backward);

    Graph graph_;
    Plan plan_;
    std::unique_ptr<Backend> backend_;
    DeviceMemory memory_;
    DeviceMemory values_;
    std::map<TensorId, std::unique_ptr<TensorCounts>> value_counts_, gradient_counts_;
};

}  // namespace halfscope
