// Power and energy per step from counts of energy, at times of our own choosing.
#include "session/energy_window.h"

#include <gtest/gtest.h>

namespace halfscope {
namespace {

SteadyClock::time_point at(double seconds) {
    return SteadyClock::time_point(
        std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(seconds)));
}

TEST(EnergyWindow, SaysNothingUntilThereAreTwoCounts) {
    EnergyWindow window;
    EXPECT_TRUE(window.is_due(at(100)));
    EXPECT_FALSE(window.use().watts.has_value());
    window.add(at(100), 5000, 10);
    EXPECT_FALSE(window.use().watts.has_value());
    EXPECT_FALSE(window.is_due(at(100.1)));
    EXPECT_TRUE(window.is_due(at(100.25)));
    window.add(at(100.5), 5100, 30);
    EXPECT_DOUBLE_EQ(window.use().watts.value(), 200);
    EXPECT_DOUBLE_EQ(window.use().joules_per_step.value(), 5);
}

TEST(EnergyWindow, LooksAtTheLastSecondsAlone) {
    EnergyWindow window;
    double joules = 0;
    std::int64_t steps = 0;
    for (int i = 0; i < 20; ++i, joules += 50, steps += 10) window.add(at(0.25 * i), joules, steps);
    for (int i = 20; i < 30; ++i, joules += 100) window.add(at(0.25 * i), joules, steps);
    // The last two seconds ran at 400 W, without a step.
    EXPECT_DOUBLE_EQ(window.use().watts.value(), 400);
    EXPECT_FALSE(window.use().joules_per_step.has_value());
}

TEST(EnergyWindow, ACountThatBeginsAnewForgetsTheOldOne) {
    EnergyWindow window;
    window.add(at(0), 1000, 50);
    window.add(at(1), 1200, 90);
    window.add(at(2), 10, 100);
    EXPECT_FALSE(window.use().watts.has_value()) << "the driver was loaded again";
    window.add(at(3), 40, 0);
    EXPECT_FALSE(window.use().watts.has_value()) << "the run restarted";
    window.add(at(4), 140, 20);
    EXPECT_DOUBLE_EQ(window.use().watts.value(), 100);
    EXPECT_DOUBLE_EQ(window.use().joules_per_step.value(), 5);
}

}  // namespace
}  // namespace halfscope
