#include "data/synthetic_image.h"

#include "numerics/math.h"

namespace halfscope {
namespace {

constexpr float kTwoPi = 6.28318530717959f;
constexpr float kDiscRadius = 0.3f;

}  // namespace

std::vector<float> pixel_coordinates(std::int64_t size) {
    std::vector<float> coordinates;
    coordinates.reserve(static_cast<std::size_t>(2 * size * size));
    for (std::int64_t row = 0; row < size; ++row) {
        for (std::int64_t column = 0; column < size; ++column) {
            coordinates.push_back((static_cast<float>(column) + 0.5f) / static_cast<float>(size));
            coordinates.push_back((static_cast<float>(row) + 0.5f) / static_cast<float>(size));
        }
    }
    return coordinates;
}

std::vector<float> make_synthetic_image(std::int64_t size) {
    const std::vector<float> coordinates = pixel_coordinates(size);
    std::vector<float> image;
    image.reserve(coordinates.size() / 2 * 3);
    for (std::size_t pixel = 0; pixel < coordinates.size() / 2; ++pixel) {
        const float u = coordinates[2 * pixel], v = coordinates[2 * pixel + 1];
        const float du = u - 0.5f, dv = v - 0.5f;
        image.push_back(0.5f + 0.5f * math::sin(kTwoPi * (3.0f * u + 2.0f * v)));
        image.push_back(du * du + dv * dv < kDiscRadius * kDiscRadius ? 1.0f : 0.0f);
        image.push_back(0.5f + 0.5f * math::sin(kTwoPi * 2.0f * u) * math::sin(kTwoPi * 2.0f * v));
    }
    return image;
}

}  // namespace halfscope
