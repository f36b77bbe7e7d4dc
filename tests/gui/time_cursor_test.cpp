// One cursor through all time plots: wherever the mouse is, every other one shows the same step and what it
// has there.
#include <gtest/gtest.h>

#include <cmath>

#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class TimeCursorTest : public ::testing::Test {
  protected:
    TimeCursorTest() {
        for (const LaneSnapshot& lane : fixture_.snapshot.lanes)
            if (lane.name == "fp16") ui().selected_lane = lane.id;
        ui().selected_tensor = "fc2.weight";
        ui().layout.right_tab = Slot::gradients;
        fixture_.size = ImVec2(1920, 1080);
        fixture_.frames();
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    void point_at(const std::string& id, float along_x, float along_y) {
        const auto place = ui().probe.find_rectangle(id);
        ASSERT_TRUE(place) << id;
        ImGui::GetIO().MousePos = ImVec2(place->min.x + (place->max.x - place->min.x) * along_x,
                                         place->min.y + (place->max.y - place->min.y) * along_y);
        fixture_.frames(3);
    }
    double number(const std::string& id) {
        const auto text = ui().probe.find_value(id);
        return text ? std::strtod(text->c_str(), nullptr) : NAN;
    }
    /// All plots but the one under the mouse show the step, with every lane's value.
    void expect_everywhere(double step, const std::string& but_for) {
        for (const std::string plot : {"loss", "validation", "loss_scale"}) {
            EXPECT_EQ(number(plot + "/cursor"), step) << plot;
        }
        EXPECT_EQ(number("gradients/waterfall/cursor"), step);
        EXPECT_EQ(number("time/cursor"), step);
        for (const LaneSnapshot& lane : fixture_.snapshot.lanes) {
            const auto shown = ui().probe.find_value("loss/cursor/" + lane.name);
            EXPECT_EQ(shown.has_value(), but_for != "loss") << lane.name;
            if (!shown) continue;
            const auto points =
                fixture_.timeline.series(lane.id, SeriesKind::loss, static_cast<std::int64_t>(step),
                                         static_cast<std::int64_t>(step), 1);
            ASSERT_EQ(points.size(), 1u);
            EXPECT_NEAR(std::strtod(shown->c_str(), nullptr), static_cast<double>(points[0].last), 1e-4);
        }
        EXPECT_EQ(ui().probe.find_value("gradients/waterfall/extent").has_value(), but_for != "waterfall");
    }
    WorkbenchFixture fixture_{12};
};

TEST_F(TimeCursorTest, NothingIsShownWhereTheMouseIsElsewhere) {
    point_at("tile/lanes", 0.5f, 0.9f);
    EXPECT_FALSE(ui().probe.find_value("loss/cursor"));
    EXPECT_FALSE(ui().probe.find_value("gradients/waterfall/cursor"));
    EXPECT_FALSE(ui().probe.find_value("time/cursor"));
}

TEST_F(TimeCursorTest, FromAPlotToTheWaterfallAndTheTimeBar) {
    point_at("loss/area", 7.0f / 20, 0.5f);  // a short run is shown up to step 20
    expect_everywhere(7, "loss");
    const auto rows =
        fixture_.timeline.waterfall(ui().selected_lane, "fc2.weight", ProbeKind::weight_gradient);
    ASSERT_EQ(rows.size(), 12u);
    int lowest = 99, highest = -99;
    for (int exponent = kWaterfallLowest; exponent <= kWaterfallHighest; ++exponent) {
        if (rows[7].share[static_cast<std::size_t>(exponent - kWaterfallLowest)] == 0) continue;
        lowest = std::min(lowest, exponent);
        highest = std::max(highest, exponent);
    }
    const Theme& theme = fixture_.workbench.theme();
    EXPECT_EQ(ui().probe.find_value("gradients/waterfall/extent"),
              "step 7: " + theme.power_of_two(lowest) + " .. " + theme.power_of_two(highest));
}

TEST_F(TimeCursorTest, FromTheWaterfallToThePlots) {
    point_at("gradients/waterfall", 0.2f, 2.5f / 12);  // the third newest of twelve
    expect_everywhere(9, "waterfall");
}

TEST_F(TimeCursorTest, FromTheTimeBarToThePlots) {
    point_at("time/track", 0.5f, 0.5f);
    expect_everywhere(6, "time");
}

}  // namespace
}  // namespace halfscope
