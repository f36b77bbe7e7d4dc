#include "data/spiral.h"

#include <string>

#include "numerics/math.h"
#include "numerics/random.h"

namespace halfscope {
namespace {

constexpr float kPi = 3.14159265358979f;
constexpr float kTurn = 4.0f;    // radians from the first point of an arm to its last
constexpr float kNoise = 0.05f;  // standard deviation, relative to the radius

}  // namespace

RowTable make_spiral(std::int64_t points, std::uint64_t seed, std::string_view split) {
    RowTable table{points, 2, 0, {}, {}, {}};
    table.x.resize(static_cast<std::size_t>(2 * points));
    table.labels.resize(static_cast<std::size_t>(points));
    const std::string prefix = "spiral." + std::string(split);
    const RandomKey position{seed, stream_of(prefix + ".position"), 0};
    const RandomKey noise{seed, stream_of(prefix + ".noise"), 0};
    for (std::int64_t i = 0; i < points; ++i) {
        const auto row = static_cast<std::uint64_t>(i);
        const int arm = static_cast<int>(i % kSpiralArms);
        const float t = uniform(position, row);
        const float angle =
            kTurn * t + 2.0f * kPi * static_cast<float>(arm) / static_cast<float>(kSpiralArms);
        const float radius = 0.1f + 0.9f * t;
        table.x[2 * row] = radius * (math::cos(angle) + kNoise * normal(noise, 2 * row));
        table.x[2 * row + 1] = radius * (math::sin(angle) + kNoise * normal(noise, 2 * row + 1));
        table.labels[row] = arm;
    }
    return table;
}

}  // namespace halfscope
