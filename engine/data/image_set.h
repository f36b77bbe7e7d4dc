// Pictures with a class each, all of one size. Filled by the image sources of data/ (glyphs, idx_file,
// image_folder), read by scenarios that cut batches out of it. Immutable once filled; holds FP32, formats are
// a lane's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace halfscope {

/// No source fills more than this: 1 GiB of pixels.
inline constexpr std::int64_t kMaximumImageFloats = std::int64_t{1} << 28;

struct ImageSet {
    std::int64_t count = 0;
    std::int64_t channels = 0;  ///< 1 (grey) or 3 (red, green, blue)
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<float> pixels;             ///< [count, channels, height, width], each in 0..1
    std::vector<std::int32_t> labels;      ///< [count], each an index of class_names
    std::vector<std::string> class_names;  ///< one a class
    std::string
        note;  ///< what was done to the pictures on reading, one sentence for the user; empty: nothing
};

}  // namespace halfscope
