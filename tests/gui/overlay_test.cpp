// Runs laid over each other: curves of a saved run beside those of the present one, and the loss as the
// difference to the first lane's. Clicks and values go through a window without a display.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "gui/run_actions.h"
#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class OverlayTest : public ::testing::Test {
  protected:
    double number(const std::string& id) {
        const auto value = fixture_.workbench.ui().probe.find_value(id);
        return value ? std::strtod(value->c_str(), nullptr) : std::nan("");
    }
    /// A run of seven steps under one lane, with losses of its own.
    void lay_over() {
        const auto history = std::make_shared<Timeline>();
        for (std::int64_t step = 0; step < 7; ++step) {
            StepRecord record;
            record.step = step;
            record.loss = 2.0 - 0.125 * static_cast<double>(step);
            record.loss_scale = 1024;
            history->record(1, record);
        }
        const auto run = std::make_shared<SavedRun>();
        run->path = "/runs/yesterday.checkpoint";
        run->next_step = 7;
        run->lanes = {{1, "mixed", Techniques{}}};
        run->history = history;
        fixture_.snapshot.overlays.push_back(run);
        fixture_.frames(3);
    }

    WorkbenchFixture fixture_{5};
};

TEST_F(OverlayTest, CurvesOfASavedRunStandBesideThePresentOnes) {
    fixture_.frames(2);
    EXPECT_TRUE(std::isnan(number("loss/last/mixed of yesterday")));
    lay_over();
    EXPECT_EQ(number("loss/last/mixed of yesterday"), 2.0 - 0.125 * 6);
    EXPECT_EQ(number("loss/last_step/mixed of yesterday"), 6);
    EXPECT_EQ(number("loss_scale/last/mixed of yesterday"), 1024);
    EXPECT_EQ(number("loss/last_step/mixed"), 4) << "the run's own";
    EXPECT_TRUE(std::isnan(number("validation/last/mixed of yesterday"))) << "it has none";
    fixture_.click("loss/legend/yesterday");
    fixture_.frames(2);
    EXPECT_TRUE(std::isnan(number("loss/last/mixed of yesterday"))) << "hidden";
    EXPECT_EQ(number("loss/last_step/mixed"), 4) << "the present lane of that name is not";
}

TEST_F(OverlayTest, ADialogAsksForTheFileAndAMenuTakesItAway) {
    fixture_.frames(2);
    fixture_.workbench.ui().dialogs.open_overlay = true;
    fixture_.workbench.ui().dialogs.overlay_path = "/runs/yesterday.checkpoint";
    fixture_.frames(2);
    fixture_.click("open_overlay/open");
    ASSERT_FALSE(fixture_.sink.commands.empty());
    const auto* command = std::get_if<OverlayRunCommand>(&fixture_.sink.commands.back());
    ASSERT_TRUE(command);
    EXPECT_EQ(command->path, "/runs/yesterday.checkpoint");
    EXPECT_FALSE(fixture_.workbench.ui().dialogs.open_overlay);
}

TEST_F(OverlayTest, TheLossAsADifferenceIsThatOfTheSameStep) {
    fixture_.frames(2);
    toggle_loss_difference(fixture_.workbench.ui());
    fixture_.frames(2);
    const auto& lanes = fixture_.snapshot.lanes;
    for (std::size_t lane = 1; lane < lanes.size(); ++lane) {
        EXPECT_EQ(number("loss/last/" + lanes[lane].name),
                  static_cast<double>(static_cast<float>(lanes[lane].last.loss - lanes[0].last.loss)))
            << lanes[lane].name;
    }
    EXPECT_TRUE(std::isnan(number("loss/last/" + lanes[0].name)))
        << "it is what the others are compared with";
}

}  // namespace
}  // namespace halfscope
