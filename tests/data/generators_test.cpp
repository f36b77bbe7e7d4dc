// The procedural sources: what they promise about values, classes and seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "data/fourier_features.h"
#include "data/spiral.h"
#include "data/synthetic_image.h"

namespace halfscope {
namespace {

TEST(Spiral, ClassesAreBalanced) {
    for (std::int64_t points : {64, 1024, 8192}) {
        const RowTable table = make_spiral(points, 3, "train");
        std::array<std::int64_t, kSpiralArms> count{};
        for (std::int32_t label : table.labels) ++count.at(static_cast<std::size_t>(label));
        const auto [least, most] = std::minmax_element(count.begin(), count.end());
        EXPECT_LE(*most - *least, 1);
        EXPECT_EQ(table.x.size(), static_cast<std::size_t>(2 * points));
    }
}

TEST(Spiral, IsAPureFunctionOfSeedSplitAndRow) {
    const RowTable table = make_spiral(300, 7, "train");
    EXPECT_EQ(table.x, make_spiral(300, 7, "train").x);
    EXPECT_NE(table.x, make_spiral(300, 8, "train").x);
    EXPECT_NE(table.x, make_spiral(300, 7, "validation").x);
    const RowTable longer = make_spiral(600, 7, "train");
    EXPECT_TRUE(std::equal(table.x.begin(), table.x.end(), longer.x.begin()));
}

TEST(Spiral, PointsLieOnTheirArmUpToTheNoise) {
    const RowTable table = make_spiral(8192, 0, "train");
    double sum_of_squares = 0, largest = 0;
    for (std::size_t i = 0; i < 8192; ++i) {
        const double x = table.x[2 * i], y = table.x[2 * i + 1];
        largest = std::max({largest, std::abs(x), std::abs(y)});
        // The angle that the radius implies, compared with the point's own: noise N(0, 0.05) of the radius
        // across it.
        const double radius = std::hypot(x, y);
        const double arm = 2.0 * M_PI * table.labels[i] / kSpiralArms;
        const double angle = 4.0 * (radius - 0.1) / 0.9 + arm;
        const double across = std::sin(std::atan2(y, x) - angle);
        sum_of_squares += across * across;
    }
    // Noise along the radius moves the implied angle as well (by 4 / 0.9 radians per unit), so the deviation
    // is more than 0.05 and, since the mean square radius is 0.37, about sqrt(0.05^2 + (0.05 * 4.44)^2 *
    // 0.37) = 0.14.
    EXPECT_NEAR(std::sqrt(sum_of_squares / 8192), 0.14, 0.02);
    EXPECT_LT(largest, kSpiralExtent);
}

TEST(SyntheticImage, ValuesChannelsAndDisc) {
    const std::vector<float> image = make_synthetic_image(48);
    ASSERT_EQ(image.size(), 48u * 48u * 3u);
    for (float value : image) {
        EXPECT_GE(value, 0.0f);
        EXPECT_LE(value, 1.0f);
    }
    double disc = 0;
    for (std::size_t pixel = 0; pixel < 48u * 48u; ++pixel) {
        const float green = image[3 * pixel + 1];
        EXPECT_TRUE(green == 0.0f || green == 1.0f);
        disc += static_cast<double>(green);
    }
    EXPECT_NEAR(disc / (48 * 48), M_PI * 0.3 * 0.3, 0.02);
    EXPECT_EQ(image[3 * (24 * 48 + 24) + 1], 1.0f);
    EXPECT_EQ(image[1], 0.0f);
}

TEST(SyntheticImage, CoordinatesAreCentresFromTheTopLeft) {
    const std::vector<float> coordinates = pixel_coordinates(4);
    EXPECT_EQ((std::vector<float>{coordinates.begin(), coordinates.begin() + 4}),
              (std::vector<float>{0.125f, 0.125f, 0.375f, 0.125f}));
    EXPECT_EQ(coordinates.back(), 0.875f);
}

TEST(FourierFeatures, CosineAndSineOfOneFrequencyStandSideBySide) {
    const std::vector<float> coordinates = pixel_coordinates(8);
    const std::vector<float> features = fourier_features(coordinates, 10, 2.0f, 5);
    ASSERT_EQ(features.size(), 64u * 10u);
    for (std::size_t pair = 0; pair < features.size(); pair += 2) {
        EXPECT_NEAR(std::hypot(features[pair], features[pair + 1]), 1.0, 1e-6);
    }
    EXPECT_EQ(features, fourier_features(coordinates, 10, 2.0f, 5));
    EXPECT_NE(features, fourier_features(coordinates, 10, 2.0f, 6));
}

TEST(FourierFeatures, FrequenciesScaleWithTheDeviation) {
    const std::vector<float> near_origin{1e-3f, 0.0f};
    const std::vector<float> one = fourier_features(near_origin, 200, 1.0f, 1);
    const std::vector<float> three = fourier_features(near_origin, 200, 3.0f, 1);
    double sum_of_squares = 0;
    for (std::size_t i = 1; i < 200; i += 2) {
        EXPECT_NEAR(three[i], 3.0f * one[i], 1e-4);
        sum_of_squares += static_cast<double>(one[i]) * one[i];
    }
    // sin(2 pi b u) is near 2 pi b u: b has deviation 1 within the noise of 100 draws (four sigma).
    EXPECT_NEAR(std::sqrt(sum_of_squares / 100) / (2 * M_PI * 1e-3), 1.0, 0.28);
    EXPECT_EQ(fourier_features(near_origin, 3, 1.0f, 1).size(), 3u);
}

}  // namespace
}  // namespace halfscope
