// Oracles of the operations on pictures, and of the small ones between them.
#include <array>
#include <cmath>

#include "oracle.h"

namespace halfscope::oracle {
namespace {

std::size_t at(std::int64_t row, std::int64_t cols, std::int64_t col) {
    return static_cast<std::size_t>(row * cols + col);
}

/// Calls body(image, y, x) for every place of the window, y and x of its upper left corner in the picture.
template <class Body>
void for_places(const Window& w, Body body) {
    for (std::int64_t image = 0; image < w.images; ++image) {
        for (std::int64_t y = -w.padding; y + w.kernel_height <= w.height + w.padding; y += w.stride) {
            for (std::int64_t x = -w.padding; x + w.kernel_width <= w.width + w.padding; x += w.stride)
                body(image, y, x);
        }
    }
}

/// Calls body(pixel, tap) for the taps of one place that lie inside the picture.
template <class Body>
void for_inside(const Window& w, std::int64_t image, std::int64_t y, std::int64_t x, Body body) {
    for (std::int64_t i = 0; i < w.kernel_height; ++i) {
        for (std::int64_t j = 0; j < w.kernel_width; ++j) {
            if (y + i < 0 || y + i >= w.height || x + j < 0 || x + j >= w.width) continue;
            body((image * w.height + y + i) * w.width + x + j, i * w.kernel_width + j);
        }
    }
}

}  // namespace

Solution conv2d(const Problem& p) {
    const Window& w = p.window;
    const std::int64_t channels = p.extents.in, outputs = p.extents.out;
    const std::int64_t taps = w.kernel_height * w.kernel_width;
    const Array &picture = p.inputs[0], &weight = p.inputs[1];
    Solution s{{}, {Array(picture.size()), Array(weight.size())}};
    for_places(w, [&](std::int64_t image, std::int64_t y, std::int64_t x) {
        for (std::int64_t o = 0; o < outputs; ++o) {
            double sum = 0;
            const double g = p.output_gradient[s.output.size()];
            for_inside(w, image, y, x, [&](std::int64_t pixel, std::int64_t tap) {
                for (std::int64_t c = 0; c < channels; ++c) {
                    const std::size_t from = at(pixel, channels, c);
                    const std::size_t by = at(o * channels + c, taps, tap);
                    sum += picture[from] * weight[by];
                    s.gradients[0][from] += g * weight[by];
                    s.gradients[1][by] += g * picture[from];
                }
            });
            s.output.push_back(sum);
        }
    });
    return s;
}

Solution average_pool(const Problem& p) {
    const std::int64_t channels = p.extents.in;
    const double share = 1.0 / static_cast<double>(p.window.kernel_height * p.window.kernel_width);
    Solution s{{}, {Array(p.inputs[0].size())}};
    for_places(p.window, [&](std::int64_t image, std::int64_t y, std::int64_t x) {
        for (std::int64_t c = 0; c < channels; ++c) {
            double sum = 0;
            const double g = p.output_gradient[s.output.size()];
            for_inside(p.window, image, y, x, [&](std::int64_t pixel, std::int64_t) {
                sum += share * p.inputs[0][at(pixel, channels, c)];
                s.gradients[0][at(pixel, channels, c)] += share * g;
            });
            s.output.push_back(sum);
        }
    });
    return s;
}

Solution max_pool(const Problem& p) {
    const std::int64_t channels = p.extents.in;
    Solution s{{}, {Array(p.inputs[0].size())}};
    for_places(p.window, [&](std::int64_t image, std::int64_t y, std::int64_t x) {
        for (std::int64_t c = 0; c < channels; ++c) {
            double largest = -HUGE_VAL;
            std::size_t winner = 0;
            for_inside(p.window, image, y, x, [&](std::int64_t pixel, std::int64_t) {
                const std::size_t from = at(pixel, channels, c);
                if (!(p.inputs[0][from] > largest)) return;
                largest = p.inputs[0][from];
                winner = from;
            });
            s.gradients[0][winner] += p.output_gradient[s.output.size()];
            s.output.push_back(largest);
        }
    });
    return s;
}

Solution batch_norm(const Problem& p) {
    const std::int64_t rows = p.extents.rows(), channels = p.extents.in;
    const double n = static_cast<double>(rows);
    const Array &x = p.inputs[0], &w = p.inputs[1], &b = p.inputs[2], &dy = p.output_gradient;
    Solution s{Array(x.size()), {Array(x.size()), Array(w.size()), Array(b.size()), {}, {}}};
    for (std::int64_t c = 0; c < channels; ++c) {
        double mean = 0, square = 0;
        for (std::int64_t r = 0; r < rows; ++r) mean += x[at(r, channels, c)] / n;
        for (std::int64_t r = 0; r < rows; ++r) square += std::pow(x[at(r, channels, c)] - mean, 2) / n;
        const double inverse = 1.0 / std::sqrt(square + p.amount);
        const std::size_t column = at(0, 0, c);
        for (std::int64_t r = 0; r < rows; ++r) {
            const double normalised = (x[at(r, channels, c)] - mean) * inverse, g = dy[at(r, channels, c)];
            s.output[at(r, channels, c)] = normalised * w[column] + b[column];
            s.gradients[1][column] += g * normalised;
            s.gradients[2][column] += g;
            // The Jacobian d normalised[r] / d x[k], entry by entry.
            for (std::int64_t k = 0; k < rows; ++k) {
                const double centred = (x[at(r, channels, c)] - mean) * (x[at(k, channels, c)] - mean);
                const double entry =
                    ((k == r ? 1.0 : 0.0) - 1.0 / n) * inverse - centred * std::pow(inverse, 3) / n;
                s.gradients[0][at(k, channels, c)] += g * w[column] * entry;
            }
        }
    }
    return s;
}

Solution add(const Problem& p) {
    Solution s{p.inputs[0], {p.output_gradient, p.output_gradient}};
    for (std::size_t i = 0; i < s.output.size(); ++i) s.output[i] += p.inputs[1][i];
    return s;
}

Solution concat(const Problem& p) {
    const std::array<std::int64_t, 2> widths{p.extents.in, p.extents.out};
    Solution s{{}, {{}, {}}};
    for (std::int64_t row = 0; row < p.extents.rows(); ++row) {
        for (std::size_t part = 0; part < 2; ++part) {
            for (std::int64_t col = 0; col < widths[part]; ++col) {
                s.gradients[part].push_back(p.output_gradient[s.output.size()]);
                s.output.push_back(p.inputs[part][at(row, widths[part], col)]);
            }
        }
    }
    return s;
}

}  // namespace halfscope::oracle
