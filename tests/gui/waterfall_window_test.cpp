// The waterfall on the screen: every cell has the colour of the share that a run without a window counts,
// with our shader and without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "backend/cpu_backend.h"
#include "gui/driven_window.h"
#include "gui/picture_file.h"
#include "gui/theme.h"
#include "train/experiment.h"
#include "train/scenario.h"

namespace halfscope {
namespace {

constexpr int kSteps = 9;
constexpr const char* kTensor = "fc3.weight";

/// The probes of the tensor's gradient, step by step, without session and timeline.
std::vector<Probe> counted_probes() {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    ScenarioSettings settings;
    settings.parameters = {{"points", 256}};
    const Scenario& scenario = find_scenario("spiral-mlp");
    Experiment experiment(*backend, scenario.create(resolve_settings(scenario.info(), settings)),
                          {{"mixed", parse_techniques("mixed")}});
    std::vector<Probe> probes;
    for (int step = 0; step < kSteps; ++step) {
        for (const StepResult& result : experiment.step({true, false})) {
            for (const Probe& probe : result.probes)
                if (probe.tensor == kTensor && probe.kind == ProbeKind::weight_gradient)
                    probes.push_back(probe);
        }
    }
    return probes;
}

double share_of(const Probe& probe, int exponent, int low, int high) {
    std::uint64_t count = 0;
    for (int one = -149; one <= 127; ++one)
        if (std::clamp(one, low, high - 1) == exponent) count += probe.counts.histogram.at(one);
    const ClassCounts& own = probe.counts.own;
    return static_cast<double>(count) / static_cast<double>(own.count());
}

/// viridis by the logarithm of the share over five decades below a quarter.
ImU32 colour_of(double share) {
    if (share <= 0) return IM_COL32(19, 21, 26, 255);  // the dark theme's plots
    return viridis(static_cast<float>(std::clamp(1 + std::log10(share / 0.25) / 5, 0.0, 1.0)));
}

int distance(ImU32 colour, const unsigned char* pixel) {
    int most = 0;
    for (int channel = 0; channel < 3; ++channel) {
        const int wanted = static_cast<int>((colour >> (8 * channel)) & 0xffu);
        most = std::max(most, std::abs(wanted - static_cast<int>(pixel[channel])));
    }
    return most;
}

void expect_cells(DrivenWindow& window, const std::vector<Probe>& probes) {
    PictureFile picture("waterfall");
    window.ask("screenshot " + picture.path);
    picture.load();
    ASSERT_GT(picture.width, 0);
    const nlohmann::json rect = window.ask("rect gradients/waterfall")["rect"];
    const double left = rect[0], top = rect[1], right = rect[2], bottom = rect[3];
    const int low = static_cast<int>(window.number("gradients/waterfall/low"));
    const int high = static_cast<int>(window.number("gradients/waterfall/high"));
    ASSERT_EQ(window.number("gradients/waterfall/rows"), kSteps);
    std::set<ImU32> colours;
    for (int row = 0; row < kSteps; ++row) {
        const Probe& probe = probes[static_cast<std::size_t>(kSteps - 1 - row)];  // the newest on top
        const double y = top + (bottom - top) * (row + 0.5) / kSteps;
        // Right of it stand the line of the loss scale, 2^15, and its letter.
        for (int exponent = low; exponent < 14; ++exponent) {
            const double x = left + (right - left) * (exponent - low + 0.5) / (high - low);
            const auto at =
                static_cast<std::size_t>(static_cast<int>(y) * picture.width + static_cast<int>(x));
            const ImU32 expected = colour_of(share_of(probe, exponent, low, high));
            EXPECT_LE(distance(expected, &picture.pixels[3 * at]), 3)
                << "row " << row << ", 2^" << exponent << ", share " << share_of(probe, exponent, low, high);
            colours.insert(expected);
        }
    }
    EXPECT_GE(colours.size(), 10u) << "there must be something to compare";
}

void compare_with_counts(const char* shaders) {
    if (const std::string why = why_no_window(); !why.empty()) GTEST_SKIP() << why;
    const std::vector<Probe> probes = counted_probes();
    ASSERT_EQ(probes.size(), static_cast<std::size_t>(kSteps));
    setenv("HALFSCOPE_SHADERS", shaders, 1);
    DrivenWindow window({"--scenario", "spiral-mlp", "--set", "points=256", "--lane", "mixed=mixed",
                         "--select", kTensor, "--paused", "--theme", "dark", "--size", "1920x1080"});
    unsetenv("HALFSCOPE_SHADERS");
    for (int step = 1; step <= kSteps; ++step) {
        window.key("Right");
        window.wait_step(step);
        if (step == 1 && std::string(shaders) == "off") {
            window.wait_value(
                "message/note",
                "heat maps are drawn without a shader (HALFSCOPE_SHADERS is off); they look the same");
        }
    }
    EXPECT_EQ(window.value("gradients/waterfall/drawn_by"),
              std::string(shaders) == "off" ? "picture" : "shader");
    window.move_to("run/step");  // away from all plots
    window.wait_value("gradients/waterfall/newest", std::to_string(kSteps - 1));
    window.wait_frames(3);
    expect_cells(window, probes);
    EXPECT_EQ(window.quit(), 0);
}

TEST(WaterfallWindow, ShowsEveryCountByTheShader) { compare_with_counts("on"); }
TEST(WaterfallWindow, ShowsEveryCountWithoutTheShader) { compare_with_counts("off"); }

}  // namespace
}  // namespace halfscope
