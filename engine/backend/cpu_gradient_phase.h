// Pixels of a picture that lie alike among the positions of a window: where a convolution's window moves by
// more than a pixel, only some taps ever reach such a pixel. The gradient with respect to those pixels is a
// product of its own, over the taps that do. Used by cpu_convolution.cpp alone; computes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu_frame.h"
#include "graph/sliding_window.h"

namespace halfscope {

struct GradientPhase {
    /// Pixels (row + step i, column + step j), step 1 or the window's stride. With step 1 all taps take part,
    /// and positions have zeros between them.
    GradientPhase(const TensorView& dy, const SlidingWindow& window, Format operands, std::int64_t step,
                  std::int64_t row, std::int64_t column);

    /// The weights of the phase's taps, k over (O, taps) by channels, zeros up to `pitch`; `by_output` is
    /// O x (C kh kw).
    void lay_out(const float* by_output, std::int64_t channels, std::int64_t pitch, float* by_step) const;
    /// Number of a pixel in its tensor, for place `place` of all images' places.
    std::int64_t pixel_of(std::int64_t place) const;

    SlidingWindow window;
    std::int64_t step, row, column;
    std::int64_t lines, width;  ///< places in an image
    std::vector<std::int64_t> taps;
    std::int64_t taps_across;  ///< of a line of the window; each reads dy one place before the one before it
    FramedPictures pictures;   ///< dy
    std::int64_t reach;        ///< lines of its frame that one line of places reads
    std::vector<std::int64_t> row_offsets, step_offsets;
};

}  // namespace halfscope
