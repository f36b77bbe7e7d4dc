// One operation of the static graph. The list of operations is explicit: a new op adds one value here, one
// file in ops/ and one line in ops/op_list.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/sliding_window.h"
#include "graph/tensor.h"

namespace halfscope {

enum class OpKind : std::uint8_t {
    linear,                 // (x, weight[, bias]) -> y
    bias_add,               // (x, bias) -> y
    relu,                   // (x) -> y
    sigmoid,                // (x) -> y
    tanh,                   // (x) -> y
    gelu,                   // (x) -> y                      exact form, with erf
    softmax_cross_entropy,  // (logits, tokens) -> loss      statistics: log_sum_exp [rows,1], row_loss
                            // [rows,1]
    mean_squared_error,     // (prediction, target) -> loss  statistics: row_loss [rows,1]
    embedding,              // (tokens, weight) -> y
    gru,                    // (x, weight_ih, weight_hh, bias_ih, bias_hh) -> y
    layer_norm,    // (x, weight, bias) -> y        statistics: mean, inverse_deviation, two gradient sums
                   // [rows,1]
    dropout,       // (x) -> y
    conv2d,        // (x, weight) -> y
    batch_norm,    // (x, weight, bias, running_mean, running_var) -> y   statistics as layer_norm's, [1,C]
    max_pool,      // (x) -> y
    average_pool,  // (x) -> y
    add,           // (a, b) -> y
    concat         // (a, b) -> y                   along the innermost axis
};

inline constexpr int kOpKindCount = static_cast<int>(OpKind::concat) + 1;

/// The op's name in files, the command line and the window.
const char* op_name(OpKind kind);
/// Whether backward makes the first input's gradient element by element from the output's and reads that for
/// nothing else afterwards, so that both may lie in the same place.
bool is_backward_elementwise(OpKind kind);

struct Node {
    OpKind op;
    std::string name;                 // layer name: "fc1", "gru", "loss"
    std::vector<TensorId> inputs;     // in the order listed at OpKind
    TensorId output = kNoTensor;      // y, or the scalar loss [1]
    std::vector<TensorId> saved;      // forward leaves them for backward, in the order the op documents
    std::vector<TensorId> workspace;  // backward's scratch, in the order the op documents
    float amount = 0.0f;              // dropout: probability; layer_norm, batch_norm: eps
    std::int64_t time_steps = 1;  // gru: extent of the time axis, which matrix views of [B, T, C] do not show
    SlidingWindow window{};       // conv2d and poolings
    float momentum = 0.0f;        // batch_norm: share of the batch in the running statistics
};

}  // namespace halfscope
