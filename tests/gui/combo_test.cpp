// Lists that open: the keyboard begins at what is chosen, in every one of them.
#include <gtest/gtest.h>

#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class ComboTest : public ::testing::Test {
  protected:
    ComboTest() {
#if IMGUI_VERSION_NUM < 18700
        // Asked for by ImGui where the keyboard is on; a window's backend sets them all.
        ImGui::GetIO().KeyMap[ImGuiKey_Space] = 0;
#endif
        fixture_.size = ImVec2(1920, 1080);
        fixture_.frames();
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    void show(Slot slot) {
        show_tab(ui().layout, slot);
        fixture_.frames(3);
    }
    /// Opens the list by a click; the frame around what would have the keyboard must be at the chosen entry.
    void expect_begins_at(const std::string& list, const std::string& chosen) {
        SCOPED_TRACE(list);
        fixture_.click(list);
        fixture_.frames();
        ui().keyboard.is_on = true;  // a click has taken it away
        fixture_.frames();
        const auto entry = ui().probe.find_rectangle(chosen),
                   focus = ui().probe.find_rectangle("keyboard/focus");
        ASSERT_TRUE(entry && focus) << chosen;
        const float middle = (entry->min.y + entry->max.y) * 0.5f;
        EXPECT_TRUE(focus->min.y < middle && middle < focus->max.y)
            << chosen << " is at " << middle << ", the keyboard from " << focus->min.y << " to "
            << focus->max.y;
        fixture_.press_at(ImVec2(3, fixture_.size.y - 3));  // closes it
    }

    WorkbenchFixture fixture_{12};
};

TEST_F(ComboTest, OfScenarioLanesAndTechniques) {
    fixture_.click("lanes/fp16");
    expect_begins_at("scenario/choice", "scenario/choice/spiral-mlp");
    expect_begins_at("techniques/preset", "techniques/preset/fp16");
    expect_begins_at("techniques/storage", "techniques/storage/fp16");
    fixture_.click("lanes/add");
    ui().edits.lane.branch_from = "mixed";
    expect_begins_at("lanes/add/start", "lanes/add/start/mixed");
}

TEST_F(ComboTest, OfViewsOfTensors) {
    fixture_.click("lanes/fp16");
    expect_begins_at("gradients/kind", "gradients/kind/weight gradients");
    ui().selected_tensor = "fc2.weight";
    show(Slot::microscope);
    expect_begins_at("microscope/parameter", "microscope/parameter/fc2.weight");
    show(Slot::accumulator);
    ASSERT_GT(ui().accumulator.source, 0);
    expect_begins_at("accumulator/sum", "accumulator/choice/" + std::to_string(ui().accumulator.source));
    show(Slot::network);
    expect_begins_at("network/threshold", "network/threshold/0.01");
}

TEST_F(ComboTest, OfAblationsAndAlerts) {
    show(Slot::ablation);
    expect_begins_at("ablation/key/loss_scaling", "ablation/key/loss_scaling/choose");
    show(Slot::alerts);
    expect_begins_at("alerts/rule/1/kind", "alerts/rule/1/kind/inf");
    ui().alert_rules[1].action = AlertAction::pause;
    expect_begins_at("alerts/rule/1/action", "alerts/rule/1/action/pause");
}

}  // namespace
}  // namespace halfscope
