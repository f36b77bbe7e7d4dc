// Pictures as the convolutions of the CPU executor read them: in FP32, each in a frame with the padding
// written out. Used by cpu_convolution.cpp alone. Knows no product.
#pragma once

#include <cstdint>

#include "ops/tensor_view.h"

namespace halfscope {

/// A tensor of pictures [images, height, width, channels] and the frame around each: pixel (y, x) lies at
/// (margin_y + spacing * y, margin_x + spacing * x), all else is zero.
struct FramedPictures {
    TensorView view;  ///< rows are pixels, columns channels
    std::int64_t images, height, width;
    std::int64_t frame_height, frame_width, margin_y, margin_x, spacing;
    Format operands;  ///< what values are rounded to on the way in

    std::int64_t line() const { return frame_width * view.cols; }
    /// Where the frame is the picture itself, so that nothing needs copying: its FP32 data; else nullptr.
    const float* as_it_is() const;
    /// Writes lines [first, first + count) of an image's frame.
    void write_lines(std::int64_t image, std::int64_t first, std::int64_t count, float* out) const;
};

}  // namespace halfscope
