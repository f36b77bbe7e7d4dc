// Points on a three-armed spiral, one class an arm: small, not linearly separable and easy to draw. Called by
// scenarios.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/row_table.h"

namespace halfscope {

inline constexpr int kSpiralArms = 3;
/// Both coordinates lie within [-kSpiralExtent, kSpiralExtent], but for rare outliers of the noise.
inline constexpr float kSpiralExtent = 1.2f;

/// `points` rows (x, y) with labels 0..2, a pure function of (seed, split, row): row i lies on arm c = i mod
/// 3 at a uniform t in [0, 1), angle 4 t + 2 pi c / 3, radius 0.1 + 0.9 t, and each coordinate is moved by
/// N(0, 0.05) * radius. `split` ("train", "validation") keys independent streams.
RowTable make_spiral(std::int64_t points, std::uint64_t seed, std::string_view split);

}  // namespace halfscope
