// The explicit list of operations: backends turn a node's OpKind into the op's type here. A new op adds one
// line. There is no self-registration, which would vanish from a static library.
#pragma once

#include "graph/node.h"
#include "ops/add.h"
#include "ops/average_pool.h"
#include "ops/batch_norm.h"
#include "ops/bias_add.h"
#include "ops/concat.h"
#include "ops/conv2d.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/gru.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/max_pool.h"
#include "ops/mean_squared_error.h"
#include "ops/relu.h"
#include "ops/sigmoid.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/tanh.h"

namespace halfscope {

/// Calls visitor(Op{}) with the op's type: `visit_op(kind, [&](auto op) { decltype(op)::forward(executor,
/// call); })`.
template <class Visitor>
void visit_op(OpKind kind, Visitor&& visitor) {
    switch (kind) {
        case OpKind::linear:
            return visitor(Linear{});
        case OpKind::bias_add:
            return visitor(BiasAdd{});
        case OpKind::relu:
            return visitor(Relu{});
        case OpKind::sigmoid:
            return visitor(Sigmoid{});
        case OpKind::tanh:
            return visitor(Tanh{});
        case OpKind::gelu:
            return visitor(Gelu{});
        case OpKind::softmax_cross_entropy:
            return visitor(SoftmaxCrossEntropy{});
        case OpKind::mean_squared_error:
            return visitor(MeanSquaredError{});
        case OpKind::embedding:
            return visitor(Embedding{});
        case OpKind::gru:
            return visitor(Gru{});
        case OpKind::layer_norm:
            return visitor(LayerNorm{});
        case OpKind::dropout:
            return visitor(Dropout{});
        case OpKind::conv2d:
            return visitor(Conv2dOp{});
        case OpKind::batch_norm:
            return visitor(BatchNorm{});
        case OpKind::max_pool:
            return visitor(MaxPool{});
        case OpKind::average_pool:
            return visitor(AveragePool{});
        case OpKind::add:
            return visitor(Add{});
        case OpKind::concat:
            return visitor(Concat{});
    }
}

}  // namespace halfscope
