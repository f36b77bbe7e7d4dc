#include "oracle.h"

#include <array>
#include <cmath>
#include <functional>

namespace halfscope::oracle {
namespace {

std::size_t at(std::int64_t row, std::int64_t cols, std::int64_t col) {
    return static_cast<std::size_t>(row * cols + col);
}

/// An element-wise function and its derivative.
Solution pointwise(const Problem& p, const std::function<double(double)>& f,
                   const std::function<double(double)>& slope) {
    Solution s{{}, {Array(p.inputs[0].size())}};
    for (std::size_t i = 0; i < p.inputs[0].size(); ++i) {
        s.output.push_back(f(p.inputs[0][i]));
        s.gradients[0][i] = p.output_gradient[i] * slope(p.inputs[0][i]);
    }
    return s;
}

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

Solution linear(const Problem& p) {
    const auto [rows, in, out] = std::array{p.extents.rows(), p.extents.in, p.extents.out};
    const Array &x = p.inputs[0], &w = p.inputs[1], &b = p.inputs[2], &dy = p.output_gradient;
    Solution s{Array(at(rows, out, 0)), {Array(x.size()), Array(w.size()), Array(b.size())}};
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t o = 0; o < out; ++o) {
            double y = b[at(0, 0, o)];
            const double g = dy[at(r, out, o)];
            for (std::int64_t i = 0; i < in; ++i) {
                y += x[at(r, in, i)] * w[at(o, in, i)];
                s.gradients[0][at(r, in, i)] += g * w[at(o, in, i)];
                s.gradients[1][at(o, in, i)] += g * x[at(r, in, i)];
            }
            s.output[at(r, out, o)] = y;
            s.gradients[2][at(0, 0, o)] += g;
        }
    }
    return s;
}

Solution bias_add(const Problem& p) {
    const std::size_t cols = p.inputs[1].size();
    Solution s{p.inputs[0], {p.output_gradient, Array(cols)}};
    for (std::size_t i = 0; i < s.output.size(); ++i) {
        s.output[i] += p.inputs[1][i % cols];
        s.gradients[1][i % cols] += p.output_gradient[i];
    }
    return s;
}

Solution relu(const Problem& p) {
    return pointwise(
        p, [](double x) { return std::fmax(x, 0.0); }, [](double x) { return x > 0 ? 1.0 : 0.0; });
}

Solution sigmoid(const Problem& p) {
    return pointwise(p, logistic, [](double x) { return logistic(x) * logistic(-x); });
}

Solution tanh(const Problem& p) {
    return pointwise(
        p, [](double x) { return std::tanh(x); },
        [](double x) { return 1.0 / (std::cosh(x) * std::cosh(x)); });
}

Solution gelu(const Problem& p) {
    const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
    return pointwise(
        p, [&](double x) { return x * phi(x); },
        [&](double x) { return phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2.0 * std::acos(-1.0)); });
}

Solution softmax_cross_entropy(const Problem& p) {
    const std::int64_t rows = p.extents.rows(), classes = p.extents.in;
    const Array& x = p.inputs[0];
    Solution s{Array(1), {Array(x.size()), {}}};
    for (std::int64_t r = 0; r < rows; ++r) {
        double denominator = 0;
        for (std::int64_t c = 0; c < classes; ++c) denominator += std::exp(x[at(r, classes, c)]);
        for (std::int64_t c = 0; c < classes; ++c) {
            const double probability = std::exp(x[at(r, classes, c)]) / denominator;
            const bool right = c == p.tokens[static_cast<std::size_t>(r)];
            if (right) s.output[0] -= std::log(probability) / static_cast<double>(rows);
            s.gradients[0][at(r, classes, c)] =
                (right ? probability - 1 : probability) * p.output_gradient[0] / static_cast<double>(rows);
        }
    }
    return s;
}

Solution mean_squared_error(const Problem& p) {
    const Array &prediction = p.inputs[0], &target = p.inputs[1];
    const double n = static_cast<double>(prediction.size());
    Solution s{Array(1), {Array(prediction.size()), {}}};
    for (std::size_t i = 0; i < prediction.size(); ++i) {
        s.output[0] += std::pow(prediction[i] - target[i], 2) / n;
        s.gradients[0][i] = 2 * (prediction[i] - target[i]) / n * p.output_gradient[0];
    }
    return s;
}

Solution embedding(const Problem& p) {
    const std::int64_t dimension = p.extents.out;
    Solution s{{}, {{}, Array(p.inputs[1].size())}};
    for (std::int64_t r = 0; r < p.extents.rows(); ++r) {
        for (std::int64_t d = 0; d < dimension; ++d) {
            const std::size_t entry = at(p.tokens[static_cast<std::size_t>(r)], dimension, d);
            s.output.push_back(p.inputs[1][entry]);
            s.gradients[1][entry] += p.output_gradient[at(r, dimension, d)];
        }
    }
    return s;
}

namespace {

/// One sequence of a GRU, unit by unit, with all intermediate values kept by step.
struct GruSequence {
    const Problem& p;
    std::int64_t batch, in = p.extents.in, units = p.extents.out, time = p.extents.time;
    std::vector<Array> h{Array(static_cast<std::size_t>(units))}, r{}, z{}, n{}, hidden_n{};

    double input(std::int64_t t, std::int64_t i) const { return p.inputs[0][at(batch * time + t, in, i)]; }
    double from_input(std::int64_t t, std::int64_t gate) const {
        double sum = p.inputs[3][at(0, 0, gate)];
        for (std::int64_t i = 0; i < in; ++i) sum += p.inputs[1][at(gate, in, i)] * input(t, i);
        return sum;
    }
    double from_hidden(const Array& state, std::int64_t gate) const {
        double sum = p.inputs[4][at(0, 0, gate)];
        for (std::int64_t u = 0; u < units; ++u) sum += p.inputs[2][at(gate, units, u)] * state[at(0, 0, u)];
        return sum;
    }
    void forward() {
        for (std::int64_t t = 0; t < time; ++t) {
            Array rt, zt, nt, hn, next;
            for (std::int64_t u = 0; u < units; ++u) {
                rt.push_back(logistic(from_input(t, u) + from_hidden(h.back(), u)));
                zt.push_back(logistic(from_input(t, units + u) + from_hidden(h.back(), units + u)));
                hn.push_back(from_hidden(h.back(), 2 * units + u));
                nt.push_back(std::tanh(from_input(t, 2 * units + u) + rt.back() * hn.back()));
                next.push_back((1 - zt.back()) * nt.back() + zt.back() * h.back()[at(0, 0, u)]);
            }
            r.push_back(rt), z.push_back(zt), n.push_back(nt), hidden_n.push_back(hn), h.push_back(next);
        }
    }
    /// Adds the gradient that arrives at one pre-activation to everything it was made of.
    void spread(Solution& s, std::int64_t t, std::int64_t gate, double at_input, double at_hidden,
                Array& dh) const {
        const auto step = static_cast<std::size_t>(t);
        for (std::int64_t i = 0; i < in; ++i) {
            s.gradients[0][at(batch * time + t, in, i)] += at_input * p.inputs[1][at(gate, in, i)];
            s.gradients[1][at(gate, in, i)] += at_input * input(t, i);
        }
        for (std::int64_t v = 0; v < units; ++v) {
            s.gradients[2][at(gate, units, v)] += at_hidden * h[step][at(0, 0, v)];
            dh[at(0, 0, v)] += at_hidden * p.inputs[2][at(gate, units, v)];
        }
        s.gradients[3][at(0, 0, gate)] += at_input;
        s.gradients[4][at(0, 0, gate)] += at_hidden;
    }
    void backward(Solution& s) const {
        Array dh(static_cast<std::size_t>(units));
        for (std::int64_t t = time - 1; t >= 0; --t) {
            const auto step = static_cast<std::size_t>(t);
            Array earlier(static_cast<std::size_t>(units));
            for (std::int64_t u = 0; u < units; ++u) {
                const auto unit = static_cast<std::size_t>(u);
                const double g = dh[unit] + p.output_gradient[at(batch * time + t, units, u)];
                const double rt = r[step][unit], zt = z[step][unit], nt = n[step][unit];
                const double dn = g * (1 - zt) * (1 - nt * nt);
                const double dz = g * (h[step][unit] - nt) * zt * (1 - zt);
                const double dr = dn * hidden_n[step][unit] * rt * (1 - rt);
                earlier[unit] += g * zt;
                spread(s, t, u, dr, dr, earlier);
                spread(s, t, units + u, dz, dz, earlier);
                spread(s, t, 2 * units + u, dn, dn * rt, earlier);
            }
            dh = earlier;
        }
    }
};

}  // namespace

Solution gru(const Problem& p) {
    Solution s;
    for (const Array& input : p.inputs) s.gradients.push_back(Array(input.size()));
    for (std::int64_t b = 0; b < p.extents.batch; ++b) {
        GruSequence sequence{p, b};
        sequence.forward();
        sequence.backward(s);
        for (std::size_t t = 1; t < sequence.h.size(); ++t) {
            s.output.insert(s.output.end(), sequence.h[t].begin(), sequence.h[t].end());
        }
    }
    return s;
}

Solution layer_norm(const Problem& p) {
    const std::int64_t rows = p.extents.rows(), n = p.extents.in;
    const Array &x = p.inputs[0], &w = p.inputs[1], &b = p.inputs[2], &dy = p.output_gradient;
    const double count = static_cast<double>(n);
    Solution s{Array(x.size()), {Array(x.size()), Array(w.size()), Array(b.size())}};
    for (std::int64_t r = 0; r < rows; ++r) {
        double mean = 0, square = 0;
        for (std::int64_t c = 0; c < n; ++c) mean += x[at(r, n, c)] / count;
        for (std::int64_t c = 0; c < n; ++c) square += std::pow(x[at(r, n, c)] - mean, 2) / count;
        const double inverse = 1.0 / std::sqrt(square + p.amount);
        for (std::int64_t c = 0; c < n; ++c) {
            const double normalised = (x[at(r, n, c)] - mean) * inverse, g = dy[at(r, n, c)];
            const std::size_t column = at(0, 0, c);
            s.output[at(r, n, c)] = normalised * w[column] + b[column];
            s.gradients[1][column] += g * normalised;
            s.gradients[2][column] += g;
            // The Jacobian d normalised[c] / d x[k], entry by entry.
            for (std::int64_t k = 0; k < n; ++k) {
                const double centred = (x[at(r, n, c)] - mean) * (x[at(r, n, k)] - mean);
                const double entry =
                    ((k == c ? 1.0 : 0.0) - 1.0 / count) * inverse - centred * std::pow(inverse, 3) / count;
                s.gradients[0][at(r, n, k)] += g * w[column] * entry;
            }
        }
    }
    return s;
}

}  // namespace halfscope::oracle
