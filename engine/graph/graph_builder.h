// Records a Graph, layer by layer. Called by models/ only. Checks shapes and names as it goes and throws
// std::invalid_argument with the layer's name where they do not fit; allocates nothing.
#pragma once

#include <string>

#include "graph/graph.h"

namespace halfscope {

/// How linear layers start, after the papers and PyTorch.
enum class WeightInit : std::uint8_t {
    fan_in_uniform,  ///< U(+-1/sqrt(fan_in)) for weight and bias: PyTorch's default Linear
    he_normal        ///< N(0, sqrt(2/fan_in)), bias 0: He et al. 2015, for ReLU
};

/// Extents of one convolution over square windows.
struct Conv2d {
    std::int64_t out_channels = 1;
    std::int64_t kernel = 3, stride = 1, padding = 1;
    WeightInit init = WeightInit::he_normal;
};

class GraphBuilder {
  public:
    TensorId input(const std::string& name, Shape shape);
    TensorId target(const std::string& name, Shape shape);
    TensorId tokens(const std::string& name, Shape shape);
    TensorId parameter(const std::string& name, Shape shape, Initializer initializer);
    /// FP32 values that a node keeps from step to step.
    TensorId buffer(const std::string& name, Shape shape, float value);

    /// y[rows, out] = x[rows, in] W^T + b, W [out, in], b [out]; one rounding on store.
    TensorId linear(const std::string& name, TensorId x, std::int64_t out_features, WeightInit init);
    TensorId bias_add(const std::string& name, TensorId x, Initializer initializer);
    TensorId relu(const std::string& name, TensorId x);
    TensorId sigmoid(const std::string& name, TensorId x);
    TensorId tanh(const std::string& name, TensorId x);
    TensorId gelu(const std::string& name, TensorId x);
    /// y[rows of tokens, dimension]; weight [vocabulary, dimension] ~ N(0, deviation).
    TensorId embedding(const std::string& name, TensorId tokens, std::int64_t vocabulary,
                       std::int64_t dimension, float deviation);
    /// x [B, T, E] -> y [B, T, H]; PyTorch's gate order r, z, n and names weight_ih_l0 [3H, E], weight_hh_l0
    /// [3H, H], bias_ih_l0 [3H], bias_hh_l0 [3H], all ~ U(+-1/sqrt(H)); h0 = 0.
    TensorId gru(const std::string& name, TensorId x, std::int64_t hidden);
    /// Over the innermost axis; weight 1, bias 0.
    TensorId layer_norm(const std::string& name, TensorId x, float eps);
    TensorId dropout(const std::string& name, TensorId x, float probability);

    /// x [N, H, W, C] -> y [N, OH, OW, O], no bias (a norm follows); weight [O, C, kernel, kernel] as
    /// PyTorch's.
    TensorId conv2d(const std::string& name, TensorId x, const Conv2d& shape);
    /// Over all but the innermost axis; weight 1, bias 0, running_mean 0, running_var 1 (PyTorch's names).
    TensorId batch_norm(const std::string& name, TensorId x, float eps, float momentum);
    /// x [N, H, W, C] -> y [N, OH, OW, C].
    TensorId max_pool(const std::string& name, TensorId x, std::int64_t kernel, std::int64_t stride,
                      std::int64_t padding);
    TensorId average_pool(const std::string& name, TensorId x, std::int64_t kernel, std::int64_t stride);
    /// x [N, H, W, C] -> y [N, C], the mean over each picture.
    TensorId global_average_pool(const std::string& name, TensorId x);
    /// y = a + b, of one shape.
    TensorId add(const std::string& name, TensorId a, TensorId b);
    /// y = a, then b along the innermost axis; the outer axes agree.
    TensorId concat(const std::string& name, TensorId a, TensorId b);

    /// Mean (or sum, by Arithmetic) over rows of -log softmax(logits)[row, labels[row]]. Marks logits as the
    /// prediction.
    TensorId softmax_cross_entropy(const std::string& name, TensorId logits, TensorId labels);
    /// Mean over all elements (or sum) of (prediction - target)^2. Marks prediction as the prediction.
    TensorId mean_squared_error(const std::string& name, TensorId prediction, TensorId target);

    const TensorInfo& tensor(TensorId id) const { return graph_.tensor(id); }
    /// Hands over the recorded graph; the builder is empty afterwards.
    Graph finish();

  private:
    TensorId add(TensorInfo info);
    TensorId pool(OpKind op, const std::string& name, TensorId x, const SlidingWindow& window);
    TensorId unary(OpKind op, const std::string& name, TensorId x, float amount);
    TensorId loss(OpKind op, const std::string& name, TensorId prediction, TensorId reference);
    TensorId statistic(const std::string& name, Shape shape);

    Graph graph_;
};

}  // namespace halfscope
