#include "data/fourier_features.h"

#include "numerics/math.h"
#include "numerics/random.h"

namespace halfscope {

std::vector<float> fourier_features(const std::vector<float>& coordinates, std::int64_t count,
                                    float deviation, std::uint64_t seed) {
    constexpr float kTwoPi = 6.28318530717959f;
    const RandomKey key{seed, stream_of("fourier_features"), 0};
    const std::size_t rows = coordinates.size() / 2;
    std::vector<float> features(rows * static_cast<std::size_t>(count));
    for (std::int64_t column = 0; column < count; ++column) {
        const auto frequency = static_cast<std::uint64_t>(column / 2);
        const float along_u = kTwoPi * deviation * normal(key, 2 * frequency);
        const float along_v = kTwoPi * deviation * normal(key, 2 * frequency + 1);
        for (std::size_t row = 0; row < rows; ++row) {
            const float angle = along_u * coordinates[2 * row] + along_v * coordinates[2 * row + 1];
            features[row * static_cast<std::size_t>(count) + static_cast<std::size_t>(column)] =
                column % 2 == 0 ? math::cos(angle) : math::sin(angle);
        }
    }
    return features;
}

}  // namespace halfscope
