// A synthetic RGB picture with smooth and sharp parts, as the target of a coordinate network. Called by
// scenarios.
#pragma once

#include <cstdint>
#include <vector>

namespace halfscope {

/// size x size x 3 values in 0..1, row-major from the top left. With u, v in [0, 1] at pixel centres: red is
/// a diagonal sine, green a disc with a hard edge, blue a product of two sines.
std::vector<float> make_synthetic_image(std::int64_t size);

/// Pixel centres of a size x size picture, (u, v) a row, u to the right and v downwards, in (0, 1).
std::vector<float> pixel_coordinates(std::int64_t size);

}  // namespace halfscope
