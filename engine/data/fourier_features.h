// Random Fourier features of coordinates (Tancik et al. 2020): what lets a small network fit detail. Called
// by scenarios.
#pragma once

#include <cstdint>
#include <vector>

namespace halfscope {

/// For coordinates [rows, 2] the features [rows, count]: for each of count / 2 frequencies b ~ N(0,
/// deviation) in cycles per unit, cos(2 pi b.x) and sin(2 pi b.x) side by side; an odd count ends with a lone
/// cosine. Frequencies are a pure function of (seed, index).
std::vector<float> fourier_features(const std::vector<float>& coordinates, std::int64_t count,
                                    float deviation, std::uint64_t seed);

}  // namespace halfscope
