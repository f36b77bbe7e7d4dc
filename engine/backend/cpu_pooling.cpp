// Poolings of the CPU executor (ops/executor.h), one picture after another on each thread.
#include <algorithm>

#include "backend/cpu_executor.h"

namespace halfscope {
namespace {

/// Whether b replaces a as the maximum: larger, or the first NaN.
bool replaces(float a, float b) { return b > a || (b != b && a == a); }

/// Calls body(position, tap pixel) for every tap of every window of one picture that lies inside it, windows
/// ascending.
template <class Body>
void for_taps(const SlidingWindow& window, std::int64_t image, Body body) {
    std::int64_t position = image * window.out_height * window.out_width;
    for (std::int64_t line = 0; line < window.out_height; ++line) {
        const std::int64_t y = line * window.stride - window.padding;
        const std::int64_t top = std::max<std::int64_t>(y, 0),
                           bottom = std::min(y + window.kernel_height, window.height);
        for (std::int64_t place = 0; place < window.out_width; ++place, ++position) {
            const std::int64_t x = place * window.stride - window.padding;
            const std::int64_t left = std::max<std::int64_t>(x, 0),
                               right = std::min(x + window.kernel_width, window.width);
            for (std::int64_t row = top; row < bottom; ++row) {
                const std::int64_t first = (image * window.height + row) * window.width;
                for (std::int64_t column = left; column < right; ++column) body(position, first + column);
            }
        }
    }
}

}  // namespace

void CpuExecutor::pool(const TensorView& out, const TensorView& x, const SlidingWindow& window,
                       Pooling pooling) {
    const std::int64_t channels = x.cols, positions = window.out_height * window.out_width;
    const float* values = widened(x, x.cols, Format::fp32);
    float* results = scratch(out.elements());
    const float start = pooling == Pooling::maximum ? -std::numeric_limits<float>::infinity() : 0.0f;
    const auto taps = static_cast<float>(window.taps());
    pool_.parallel_for(window.images, grain(positions * window.taps() * channels, 1),
                       [&](std::int64_t begin, std::int64_t end) {
                           for (std::int64_t image = begin; image < end; ++image) {
                               float* first = results + image * positions * channels;
                               std::fill_n(first, positions * channels, start);
                               for_taps(window, image, [&](std::int64_t position, std::int64_t pixel) {
                                   float* to = results + position * channels;
                                   const float* from = values + pixel * channels;
                                   for (std::int64_t c = 0; c < channels; ++c) {
                                       if (pooling == Pooling::average) to[c] += from[c];
                                       if (pooling == Pooling::maximum && replaces(to[c], from[c]))
                                           to[c] = from[c];
                                   }
                               });
                               if (pooling == Pooling::maximum) continue;
                               for (std::int64_t i = 0; i < positions * channels; ++i) first[i] /= taps;
                           }
                       });
    store_all(out, results);
    release_scratch();
}

void CpuExecutor::pool_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                const SlidingWindow& window, Pooling pooling) {
    const std::int64_t channels = out.cols, positions = window.out_height * window.out_width;
    const std::int64_t pixels = window.height * window.width;
    const bool by_maximum = pooling == Pooling::maximum;
    const float* gradients = widened(dy, dy.cols, Format::fp32);
    const float* values = by_maximum ? widened(x, x.cols, Format::fp32) : nullptr;
    float* results = scratch(out.elements());
    const auto taps = static_cast<float>(window.taps());
    pool_.parallel_for(window.images, grain(pixels * channels, 1), [&](std::int64_t begin, std::int64_t end) {
        std::vector<std::int64_t> winner;  // of one picture: the pixel, by position and channel
        for (std::int64_t image = begin; image < end; ++image) {
            float* first = results + image * pixels * channels;
            std::fill_n(first, pixels * channels, 0.0f);
            if (!by_maximum) {
                for_taps(window, image, [&](std::int64_t position, std::int64_t pixel) {
                    for (std::int64_t c = 0; c < channels; ++c)
                        results[pixel * channels + c] += gradients[position * channels + c];
                });
                for (std::int64_t i = 0; i < pixels * channels; ++i) first[i] /= taps;
                continue;
            }
            winner.assign(static_cast<std::size_t>(positions * channels), -1);
            for_taps(window, image, [&](std::int64_t position, std::int64_t pixel) {
                for (std::int64_t c = 0; c < channels; ++c) {
                    std::int64_t& best =
                        winner[static_cast<std::size_t>((position - image * positions) * channels + c)];
                    if (best < 0 || replaces(values[best * channels + c], values[pixel * channels + c]))
                        best = pixel;
                }
            });
            for (std::int64_t i = 0; i < positions * channels; ++i) {
                const std::int64_t pixel = winner[static_cast<std::size_t>(i)], c = i % channels;
                results[pixel * channels + c] += gradients[image * positions * channels + i];
            }
        }
    });
    store_all(out, results);
    release_scratch();
}

}  // namespace halfscope
