#include "backend/cuda_scratch_bound.h"

#include <algorithm>

#include "ops/executor.h"
#include "ops/update_call.h"

namespace halfscope {
namespace {

/// Elements of scratch for each purpose; each takes an FP32 number.
class Elements {
  public:
    void need(ScratchFor purpose, std::int64_t count) {
        std::uint64_t& most = bytes_[static_cast<std::size_t>(purpose)];
        most = std::max(most, static_cast<std::uint64_t>(count) * sizeof(float));
    }
    const ScratchBytes& bytes() const { return bytes_; }

  private:
    ScratchBytes bytes_{};
};

/// One node with a weight: what its products read and write.
class Products {
  public:
    Products(const Graph& graph, const Plan& plan, std::size_t index)
        : graph_(graph), plan_(plan), node_(graph.nodes()[index]), index_(index) {}

    void add_to(Elements& needs) const {
        std::int64_t results =
            std::max({elements(node_.inputs[0]), elements(node_.inputs[1]), elements(node_.output)});
        // The gates that a recurrent node's products give before they are its output.
        if (node_.op == OpKind::gru) {
            const std::int64_t rows = graph_.tensor(node_.inputs[0]).shape.rows();
            const std::int64_t gates = rows * graph_.tensor(node_.inputs[1]).shape[0];
            results = std::max({results, gates, elements(node_.inputs[2])});
        }
        std::int64_t operands = results;
        if (node_.op == OpKind::conv2d) operands = std::max(operands, add_windows(needs));
        needs.need(ScratchFor::products, results);
        needs.need(ScratchFor::counted, results);
        if (is_mixed()) needs.need(ScratchFor::widened, operands);
    }

  private:
    std::int64_t elements(TensorId id) const { return graph_.tensor(id).shape.elements(); }

    /// A convolution's operands laid out as matrices; returns the elements of the largest.
    std::int64_t add_windows(Elements& needs) const {
        const SlidingWindow& window = node_.window;
        const std::int64_t outputs = graph_.tensor(node_.inputs[1]).shape[0];
        const std::int64_t depth = elements(node_.inputs[1]) / outputs;  // channels times taps
        const std::int64_t windows = window.positions() * depth;
        std::int64_t left = windows, right = 0;
        if (plan_.gradient(node_.inputs[1]).bytes != 0) right = windows;
        if (plan_.gradient(node_.inputs[0]).bytes != 0) {
            left = std::max(left, window.pixels() * outputs * window.taps());
            right = std::max(right, elements(node_.inputs[1]));
        }
        needs.need(ScratchFor::left_operand, left);
        needs.need(ScratchFor::right_operand, right);
        return std::max(left, right);
    }

    /// Whether some operand is in FP32 and another one is not.
    bool is_mixed() const {
        int in_fp32 = 0, others = 0;
        const auto see = [&](const PlannedBuffer& buffer) {
            if (buffer.bytes != 0) ++(buffer.format == Format::fp32 ? in_fp32 : others);
        };
        for (std::size_t i = 0; i < 2; ++i) {
            const TensorId id = node_.inputs[i];
            see(plan_.reads_cast(index_, i) ? plan_.cast(id) : plan_.value(id));
        }
        see(plan_.gradient(node_.output));
        return in_fp32 > 0 && others > 0;
    }

    const Graph& graph_;
    const Plan& plan_;
    const Node& node_;
    std::size_t index_;
};

/// Sums over rows by chunks, of kMostOutputs columns side by side at most, and what is measured of gradients.
void add_partial_sums(const Graph& graph, Elements& needs) {
    for (const TensorInfo& tensor : graph.tensors()) {
        const std::int64_t rows = tensor.shape.rows(), chunks = rows / kColumnChunk + 1;
        needs.need(ScratchFor::partial_sums, std::max(rows, chunks * kMostOutputs * tensor.shape.columns()));
    }
    // A gradient is looked at for each node that reads the parameter.
    std::int64_t chunks = 0, count = 0;
    for (const Node& node : graph.nodes()) {
        for (TensorId id : node.inputs) {
            if (!graph.parameter_index(id)) continue;
            chunks += graph.tensor(id).shape.elements() / kDoubleChunk + 1;
            ++count;
        }
    }
    constexpr std::int64_t kResult = std::max(sizeof(GradientCheck), sizeof(GradientComparison));
    needs.need(ScratchFor::partial_sums, chunks * kResult / static_cast<std::int64_t>(sizeof(float)));
    needs.need(ScratchFor::checks, count * kResult / static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

ScratchBytes scratch_bound(const Graph& graph, const Plan& plan, CudaProducts products) {
    Elements needs;
    add_partial_sums(graph, needs);
    if (products == CudaProducts::exact) return needs.bytes();
    for (std::size_t index = 0; index < graph.nodes().size(); ++index) {
        const OpKind op = graph.nodes()[index].op;
        if (op == OpKind::linear || op == OpKind::conv2d || op == OpKind::gru)
            Products(graph, plan, index).add_to(needs);
    }
    return needs.bytes();
}

ScratchBytes larger_of(const ScratchBytes& a, const ScratchBytes& b) {
    ScratchBytes larger;
    for (std::size_t i = 0; i < larger.size(); ++i) larger[i] = std::max(a[i], b[i]);
    return larger;
}

}  // namespace halfscope
