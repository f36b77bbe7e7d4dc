// How a small window slides over pictures: the geometry of convolutions and poolings. Pictures are
// channels-last, [images, height, width, channels], so that a tensor's matrix view has one pixel a row and
// one channel a column. Made by GraphBuilder, carried by Node, read by ops and executors.
#pragma once

#include <cstdint>

#include "numerics/division.h"
#include "numerics/portability.h"

namespace halfscope {

struct SlidingWindow {
    std::int64_t images = 1;
    std::int64_t height = 1, width = 1;  ///< of the pictures it slides over
    std::int64_t kernel_height = 1, kernel_width = 1;
    std::int64_t stride = 1;
    std::int64_t padding = 0;                    ///< on each side, of zeros (maximum: of nothing)
    std::int64_t out_height = 1, out_width = 1;  ///< positions of the window

    HALFSCOPE_HD std::int64_t taps() const { return kernel_height * kernel_width; }
    HALFSCOPE_HD std::int64_t pixels() const { return images * height * width; }
    HALFSCOPE_HD std::int64_t positions() const { return images * out_height * out_width; }

    /// Number of positions along one axis: floor((extent + 2 padding - kernel) / stride) + 1.
    static std::int64_t positions_along(std::int64_t extent, std::int64_t kernel, std::int64_t stride,
                                        std::int64_t padding) {
        return extent + 2 * padding < kernel ? 0 : (extent + 2 * padding - kernel) / stride + 1;
    }

    /// Row of the picture's matrix view under tap (tap_row, tap_column) at window position `position` (a row
    /// of the output's matrix view); -1 where that lies in the padding.
    HALFSCOPE_HD std::int64_t pixel_under(std::int64_t position, std::int64_t tap_row,
                                          std::int64_t tap_column) const {
        const Division line = divide(position, out_width), image = divide(line.quotient, out_height);
        const std::int64_t y = image.remainder * stride - padding + tap_row;
        const std::int64_t x = line.remainder * stride - padding + tap_column;
        if (y < 0 || y >= height || x < 0 || x >= width) return -1;
        return (image.quotient * height + y) * width + x;
    }

    /// The position (row of the output's matrix view) whose tap (tap_row, tap_column) lies on `pixel`; -1
    /// where there is none.
    HALFSCOPE_HD std::int64_t position_over(std::int64_t pixel, std::int64_t tap_row,
                                            std::int64_t tap_column) const {
        const Division line = divide(pixel, width), image = divide(line.quotient, height);
        const std::int64_t y = image.remainder + padding - tap_row;
        const std::int64_t x = line.remainder + padding - tap_column;
        if (y < 0 || x < 0) return -1;
        const Division row = divide(y, stride), column = divide(x, stride);
        if (row.remainder != 0 || column.remainder != 0) return -1;
        if (row.quotient >= out_height || column.quotient >= out_width) return -1;
        return (image.quotient * out_height + row.quotient) * out_width + column.quotient;
    }
    bool operator==(const SlidingWindow&) const = default;
};

}  // namespace halfscope
