// Gated recurrent unit (Cho et al. 2014) in PyTorch's form and gate order r, z, n:
//   r = s(W_ir x + b_ir + W_hr h + b_hr)   z = s(W_iz x + b_iz + W_hz h + b_hz)
//   n = tanh(W_in x + b_in + r (W_hn h + b_hn))   h' = (1 - z) n + z h   h_0 = 0
// Run by backends through op_list.h. Every stored value is rounded to its tensor's format: both projections
// before the activation, r, z, n after it, h', and the gradient at each of those points. Weight gradients
// must not be rounded for each step: they are one product over batch, then time, rounded once (techniques.md
// "accumulate").
#pragma once

#include "numerics/math.h"
#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/op_call.h"

namespace halfscope {

/// Inputs x [B, T, E], weight_ih [3H, E], weight_hh [3H, H], bias_ih [3H], bias_hh [3H]; output y [B, T, H];
/// node.time_steps is T. Saved: gates [B, T, 3H] (r, z, n after activation), hidden_gates [B, T, 3H] (W_hh h
/// + b_hh), previous_hidden [B, T, H] (h before each step). Workspace: gradients at both projections, 2 x [B,
/// T, 3H], the running gradient of h [B, H], and its product with W_hh [B, H].
struct Gru {
    struct GateActivation {
        HALFSCOPE_HD float operator()(std::int64_t, float from_x, float from_h) const {
            return math::sigmoid(from_x + from_h);
        }
    };
    struct Candidate {
        HALFSCOPE_HD float operator()(std::int64_t, float from_x, float from_h, float r) const {
            return math::tanh(from_x + r * from_h);
        }
    };
    struct Hidden {
        HALFSCOPE_HD float operator()(std::int64_t, float n, float z, float h) const {
            return (1.0f - z) * n + z * h;
        }
    };
    /// h for the output, and again as the next step's previous_hidden.
    struct HiddenTwice {
        HALFSCOPE_HD Values<2> operator()(std::int64_t i, float n, float z, float h) const {
            const float next = Hidden{}(i, n, z, h);
            return {{next, next}};
        }
    };
    struct Zero {
        HALFSCOPE_HD float operator()(std::int64_t) const { return 0.0f; }
    };
    /// Gradients before the activations of r, z, n, and of n's hidden projection.
    struct GateGradients {
        HALFSCOPE_HD Values<4> operator()(std::int64_t, float dh, float r, float z, float n, float hidden_n,
                                          float h) const {
            const float dn = dh * (1.0f - z) * (1.0f - n * n);
            const float dz = dh * (h - n) * (z * (1.0f - z));
            const float dr = dn * hidden_n * (r * (1.0f - r));
            return {{dr, dz, dn, dn * r}};
        }
    };
    /// Gradient of h one step earlier: from its own output, through z, and through W_hh.
    struct EarlierGradient {
        HALFSCOPE_HD float operator()(std::int64_t, float dy, float dh, float z, float product) const {
            return dy + (dh * z + product);
        }
    };

    /// One time step of a [B, T, C] tensor, seen as (B T) x C: columns [col_begin, col_begin + col_count).
    struct Steps {
        std::int64_t time;
        TensorView at(const TensorView& view, std::int64_t t, std::int64_t col_begin,
                      std::int64_t col_count) const {
            return view.slice(t, view.rows / time, time, col_begin, col_count);
        }
    };

    template <class Executor>
    static void forward(Executor& executor, const OpCall& call) {
        const Steps steps{call.node->time_steps};
        const std::int64_t hidden = call.output.cols;
        const TensorView& gates = call.saved[0];
        const TensorView& hidden_gates = call.saved[1];
        const TensorView& previous = call.saved[2];
        GemmOptions options = gemm_options(call);
        options.bias = call.inputs[3];
        executor.gemm(gates, {call.inputs[0]}, {call.inputs[1], Transpose::yes}, options);
        options.bias = call.inputs[4];
        executor.map(steps.at(previous, 0, 0, hidden), Zero{});
        for (std::int64_t t = 0; t < steps.time; ++t) {
            const TensorView h = steps.at(previous, t, 0, hidden);
            executor.gemm(steps.at(hidden_gates, t, 0, 3 * hidden), {h}, {call.inputs[2], Transpose::yes},
                          options);
            const TensorView r_and_z = steps.at(gates, t, 0, 2 * hidden);
            const TensorView r = steps.at(gates, t, 0, hidden);
            const TensorView z = steps.at(gates, t, hidden, hidden);
            const TensorView n = steps.at(gates, t, 2 * hidden, hidden);
            executor.map(r_and_z, GateActivation{}, r_and_z, steps.at(hidden_gates, t, 0, 2 * hidden));
            executor.map(n, Candidate{}, n, steps.at(hidden_gates, t, 2 * hidden, hidden), r);
            const TensorView y = steps.at(call.output, t, 0, hidden);
            if (t + 1 < steps.time) {
                executor.map(Outputs<2>{{y, steps.at(previous, t + 1, 0, hidden)}}, HiddenTwice{}, n, z, h);
            } else {
                executor.map(y, Hidden{}, n, z, h);
            }
        }
    }

    template <class Executor>
    static void backward(Executor& executor, const OpCall& call) {
        backward_through_time(executor, call);
        const TensorView& gates_gradient = call.workspace[0];
        const TensorView& hidden_gates_gradient = call.workspace[1];
        const GemmOptions options = gemm_options(call);
        if (call.input_gradients[0]) {
            executor.gemm(call.input_gradients[0], {gates_gradient}, {call.inputs[1]}, options);
        }
        if (call.input_gradients[1]) {
            executor.gemm(call.input_gradients[1], {gates_gradient, Transpose::yes}, {call.inputs[0]},
                          options);
        }
        if (call.input_gradients[2]) {
            executor.gemm(call.input_gradients[2], {hidden_gates_gradient, Transpose::yes}, {call.saved[2]},
                          options);
        }
        if (call.input_gradients[3])
            executor.column_reduce(call.input_gradients[3], Identity{}, gates_gradient);
        if (call.input_gradients[4])
            executor.column_reduce(call.input_gradients[4], Identity{}, hidden_gates_gradient);
    }

    /// Fills the gradients at both projections for all steps, last step first.
    template <class Executor>
    static void backward_through_time(Executor& executor, const OpCall& call) {
        const Steps steps{call.node->time_steps};
        const std::int64_t hidden = call.output.cols;
        const TensorView& dh = call.workspace[2];
        const TensorView& product = call.workspace[3];
        executor.copy(dh, steps.at(call.output_gradient, steps.time - 1, 0, hidden));
        for (std::int64_t t = steps.time - 1; t >= 0; --t) {
            const auto part = [&](const TensorView& view, std::int64_t index, std::int64_t count = 1) {
                return steps.at(view, t, index * hidden, count * hidden);
            };
            const TensorView& gates = call.saved[0];
            const TensorView& from_x = call.workspace[0];
            const TensorView& from_h = call.workspace[1];
            executor.map(Outputs<4>{{part(from_x, 0), part(from_x, 1), part(from_x, 2), part(from_h, 2)}},
                         GateGradients{}, dh, part(gates, 0), part(gates, 1), part(gates, 2),
                         part(call.saved[1], 2), part(call.saved[2], 0));
            // r and z see the sum of both projections, so both get the same gradient.
            executor.copy(part(from_h, 0, 2), part(from_x, 0, 2));
            if (t == 0) break;
            executor.gemm(product, {part(from_h, 0, 3)}, {call.inputs[2]}, gemm_options(call));
            executor.map(dh, EarlierGradient{}, steps.at(call.output_gradient, t - 1, 0, hidden), dh,
                         part(gates, 1), product);
        }
    }
};

}  // namespace halfscope
