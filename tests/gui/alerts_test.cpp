// The alerts panel: its controls change the rules and tell the session, and what fired leads to its step and
// to its tensor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class AlertsTest : public ::testing::Test {
  protected:
    AlertsTest() {
        fixture_.workbench.ui().layout.right_tab = Slot::alerts;
        fixture_.frames();
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    /// What the last click sent; the rules must be the window's own.
    std::vector<AlertRule> sent() {
        if (fixture_.sink.commands.empty()) return {};
        const auto* command = std::get_if<SetAlertRulesCommand>(&fixture_.sink.commands.back());
        EXPECT_TRUE(command);
        if (!command) return {};
        EXPECT_EQ(command->rules, ui().alert_rules);
        return command->rules;
    }
    void fire(const Alert& alert) {
        fixture_.snapshot.alerts = std::make_shared<const std::vector<Alert>>(std::vector{alert});
        fixture_.timeline.record_event(alert.lane_id,
                                       {alert.step, alert.lane, EventKind::alert, alert.sentence});
        fixture_.frames();
    }
    double number(const std::string& id) {
        const auto text = ui().probe.find_value(id);
        return text ? std::strtod(text->c_str(), nullptr) : NAN;
    }
    WorkbenchFixture fixture_{12};
};

TEST_F(AlertsTest, AClickSwitchesARuleOnAndOff) {
    EXPECT_TRUE(fixture_.sink.commands.empty()) << "a look changes nothing";
    fixture_.click("alerts/rule/1/on");
    ASSERT_EQ(sent().size(), static_cast<std::size_t>(kAlertKindCount));
    EXPECT_TRUE(sent()[1].is_on);
    fixture_.click("alerts/rule/1/on");
    EXPECT_FALSE(sent()[1].is_on);
    EXPECT_EQ(fixture_.sink.commands.size(), 2u);
}

TEST_F(AlertsTest, WhatAndLaneAndActionAreChosenFromLists) {
    fixture_.click("alerts/rule/1/kind");
    fixture_.click("alerts/rule/1/kind/swallowed");
    EXPECT_EQ(sent()[1].kind, AlertKind::swallowed);
    EXPECT_EQ(sent()[1].threshold, alert_threshold(AlertKind::swallowed)->initial);
    fixture_.click("alerts/rule/1/lane");
    fixture_.click("alerts/rule/1/lane/2");
    EXPECT_EQ(sent()[1].lane_id, 2);
    fixture_.click("alerts/rule/1/action");
    fixture_.click("alerts/rule/1/action/pause");
    EXPECT_EQ(sent()[1].action, AlertAction::pause);
    EXPECT_EQ(fixture_.sink.commands.size(), 3u);
}

TEST_F(AlertsTest, ADragOfTheThresholdIsSentOnceWhenItEnds) {
    const auto place = ui().probe.find_rectangle("alerts/rule/2/threshold");
    ASSERT_TRUE(place);
    ImGuiIO& io = ImGui::GetIO();
    const float y = (place->min.y + place->max.y) / 2, width = place->max.x - place->min.x;
    io.MousePos = ImVec2(place->min.x + width * 0.5f, y);
    fixture_.frames(2);
    io.MouseDown[0] = true;
    fixture_.frames(2);
    for (const float along : {0.6f, 0.7f, 0.8f}) {
        io.MousePos.x = place->min.x + width * along;
        fixture_.frames(2);
    }
    EXPECT_TRUE(fixture_.sink.commands.empty());
    io.MouseDown[0] = false;
    fixture_.frames(2);
    EXPECT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_NEAR(sent()[2].threshold, 80, 6);
    EXPECT_EQ(number("alerts/rule/2/threshold"), sent()[2].threshold);
}

TEST_F(AlertsTest, RulesAreAddedUpToTheMostAndRemoved) {
    for (std::size_t count = kAlertKindCount; count < kMaximumAlertRules; ++count)
        fixture_.click("alerts/add");
    EXPECT_EQ(sent().size(), kMaximumAlertRules);
    EXPECT_TRUE(refusal(sent()).empty());
    const std::size_t commands = fixture_.sink.commands.size();
    fixture_.click("alerts/add");  // no room for another
    EXPECT_EQ(fixture_.sink.commands.size(), commands);
    fixture_.click("alerts/rule/0/remove");
    ASSERT_EQ(sent().size(), kMaximumAlertRules - 1);
    EXPECT_EQ(sent()[0].kind, AlertKind::inf);
}

TEST_F(AlertsTest, WhatFiredLeadsToItsStep) {
    EXPECT_EQ(number("alerts/fired"), 0);
    EXPECT_EQ(number("loss/alerts"), 0);
    fire({7, AlertKind::lanes_apart, AlertAction::mark, 1, "mixed", "", ProbeKind::weight, "far apart"});
    EXPECT_EQ(number("alerts/fired"), 1);
    EXPECT_EQ(ui().probe.find_value("alerts/fired/0"), "mixed: far apart");
    for (const char* plot : {"loss/alerts", "validation/alerts", "loss_scale/alerts"})
        EXPECT_EQ(number(plot), 1) << plot;
    EXPECT_EQ(ui().probe.find_value("status/alerts"), "! 1 alert");
    fixture_.click("alerts/fired/0/go");
    const auto* command = std::get_if<GoToStepCommand>(&fixture_.sink.commands.back());
    ASSERT_TRUE(command);
    EXPECT_EQ(command->step, 8) << "the end of the step";
}

TEST_F(AlertsTest, WhatFiredLeadsToItsTensor) {
    ui().selected_lane = 0;
    fire({7, AlertKind::flushed, AlertAction::mark, 2, "fp16", "fc2", ProbeKind::activation_gradient, "60%"});
    fixture_.click("alerts/fired/0");
    EXPECT_EQ(ui().selected_lane, 2);
    EXPECT_EQ(ui().selected_tensor, "fc2");
    EXPECT_EQ(ui().probe_kind, ProbeKind::activation_gradient);
    EXPECT_EQ(ui().layout.right_tab, Slot::gradients);
    EXPECT_TRUE(fixture_.sink.commands.empty());
}

TEST_F(AlertsTest, ANaNLeadsToTheOverflows) {
    fire({7, AlertKind::nan, AlertAction::notify, 2, "fp16", "", ProbeKind::weight, "the loss is NaN"});
    fixture_.click("alerts/fired/0");
    EXPECT_EQ(ui().layout.right_tab, Slot::overflow);
}

}  // namespace
}  // namespace halfscope
