// The static graph of a model: tensors and nodes in execution order. Recorded once by GraphBuilder, then
// replayed by every lane; knows no formats and no memory. Immutable once built.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graph/node.h"
#include "graph/tensor.h"

namespace halfscope {

class Graph {
  public:
    const std::vector<TensorInfo>& tensors() const { return tensors_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    const TensorInfo& tensor(TensorId id) const { return tensors_[static_cast<std::size_t>(id)]; }

    /// Tensors fed from a batch, in the order a Batch lists them (roles input, target, tokens).
    const std::vector<TensorId>& inputs() const { return inputs_; }
    /// Trained tensors in the order they were declared.
    const std::vector<TensorId>& parameters() const { return parameters_; }
    /// Running statistics and the like, in the order they were declared.
    const std::vector<TensorId>& buffers() const { return buffers_; }
    /// How many nodes read a tensor that has a gradient: backward adds up as many contributions.
    int readers(TensorId id) const { return readers_[static_cast<std::size_t>(id)]; }
    /// The scalar loss [1], FP32; kNoTensor in a graph made for inference alone.
    TensorId loss() const { return loss_; }
    /// What metrics and pictures read: logits or predicted values.
    TensorId prediction() const { return prediction_; }

    /// The tensor of that name, or kNoTensor.
    TensorId find(std::string_view name) const;
    /// Where a tensor stands in parameters(); nothing where it is none of them.
    std::optional<std::size_t> parameter_index(TensorId id) const;
    /// Number of trained values.
    std::int64_t parameter_count() const;

  private:
    friend class GraphBuilder;
    std::vector<TensorInfo> tensors_;
    std::vector<Node> nodes_;
    std::vector<TensorId> inputs_;
    std::vector<TensorId> parameters_;
    std::vector<TensorId> buffers_;
    std::vector<int> readers_;
    TensorId loss_ = kNoTensor;
    TensorId prediction_ = kNoTensor;
};

}  // namespace halfscope
