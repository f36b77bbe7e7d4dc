#include "backend/cpu_gradient_phase.h"

#include <algorithm>

#include "backend/cpu_transpose.h"

namespace halfscope {
namespace {

/// One axis: the taps that reach the phase, and how many places of dy behind (or before) the pixel each
/// reads.
struct Reached {
    std::vector<std::int64_t> taps, distances;
    std::int64_t before = 0, behind = 0;  ///< the farthest, both ways

    Reached(std::int64_t kernel, std::int64_t padding, std::int64_t step, std::int64_t first) {
        for (std::int64_t tap = 0; tap < kernel; ++tap) {
            const std::int64_t steps = first + padding - tap;
            if (steps % step != 0) continue;
            taps.push_back(tap);
            distances.push_back(steps / step);
            before = std::max(before, -steps / step);
            behind = std::max(behind, steps / step);
        }
    }
};

/// How many of first, first + step, ... lie below `extent`.
std::int64_t places_along(std::int64_t extent, std::int64_t first, std::int64_t step) {
    return first >= extent ? 0 : (extent - first + step - 1) / step;
}

}  // namespace

GradientPhase::GradientPhase(const TensorView& dy, const SlidingWindow& window_in, Format operands,
                             std::int64_t step_in, std::int64_t row_in, std::int64_t column_in)
    : window(window_in),
      step(step_in),
      row(row_in),
      column(column_in),
      lines(places_along(window.height, row, step)),
      width(places_along(window.width, column, step)) {
    const Reached down(window.kernel_height, window.padding, step, row);
    const Reached across(window.kernel_width, window.padding, step, column);
    const std::int64_t spacing = window.stride / step;
    // Room for the farthest reads, and for all of dy.
    const auto extent = [spacing](const Reached& along, std::int64_t places, std::int64_t positions) {
        return along.before + std::max(places + along.behind, spacing * (positions - 1) + 1);
    };
    pictures = {dy,
                window.images,
                window.out_height,
                window.out_width,
                extent(down, lines, window.out_height),
                extent(across, width, window.out_width),
                down.before,
                across.before,
                spacing,
                operands};
    reach = down.before + down.behind + 1;
    for (std::int64_t tap_row : down.taps) {
        for (std::int64_t tap_column : across.taps)
            taps.push_back(tap_row * window.kernel_width + tap_column);
    }
    taps_across = static_cast<std::int64_t>(across.taps.size());
    const std::int64_t line = pictures.line(), outputs = dy.cols;
    row_offsets.reserve(static_cast<std::size_t>(lines * width));
    for (std::int64_t y = 0; y < lines; ++y) {
        for (std::int64_t x = 0; x < width; ++x) row_offsets.push_back(y * line + x * outputs);
    }
    step_offsets.reserve(taps.size() * static_cast<std::size_t>(outputs));
    for (std::int64_t output = 0; output < outputs; ++output) {
        for (std::int64_t y : down.distances) {
            for (std::int64_t x : across.distances)
                step_offsets.push_back((y + down.before) * line + (x + across.before) * outputs + output);
        }
    }
}

void GradientPhase::lay_out(const float* by_output, std::int64_t channels, std::int64_t pitch,
                            float* by_step) const {
    const std::int64_t outputs = pictures.view.cols, all = window.taps();
    std::vector<float> by_tap(static_cast<std::size_t>(all * pitch));
    for (std::int64_t output = 0; output < outputs; ++output) {
        transpose_rows(by_output + output * channels * all, channels, all, pitch, by_tap.data());
        for (std::int64_t tap : taps) by_step = std::copy_n(by_tap.data() + tap * pitch, pitch, by_step);
    }
}

std::int64_t GradientPhase::pixel_of(std::int64_t place) const {
    const std::int64_t image = place / (lines * width), y = place / width % lines, x = place % width;
    return (image * window.height + row + step * y) * window.width + column + step * x;
}

}  // namespace halfscope
