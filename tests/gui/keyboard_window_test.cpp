// The real program by real keys alone: panels, tabs, menus and controls, and the themes.
#include <gtest/gtest.h>

#include "gui/driven_window.h"
#include "gui/picture_file.h"

namespace halfscope {
namespace {

/// Presses a key until the control has the keyboard, at most so often.
bool press_until_focused(DrivenWindow& window, const std::string& key, const std::string& id, int most) {
    for (int press = 0; press <= most; ++press) {
        const nlohmann::json focus = window.try_ask("rect keyboard/focus"),
                             wanted = window.try_ask("rect " + id);
        if (focus.contains("rect") && wanted.contains("rect")) {
            const nlohmann::json &a = focus["rect"], &b = wanted["rect"];
            const double x = (b[0].get<double>() + b[2].get<double>()) / 2,
                         y = (b[1].get<double>() + b[3].get<double>()) / 2;
            if (a[0] <= x && x <= a[2] && a[1] <= y && y <= a[3]) return true;
        }
        window.key(key);
        window.wait_frames(2);
    }
    return false;
}

TEST(KeyboardWindow, ReachesPanelsTabsAndControls) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral({"--paused"}));
    window.wait_value("techniques/lane", "fp16");  // a key before the lanes are there chooses none
    window.key("2");                               // the lane mixed
    const std::vector<std::string> in_order{
        "scenario",   "lanes",       "techniques", "loss",     "validation", "loss_scale",
        "model_view", "gradients",   "staircase",  "network",  "overflow",   "scale_sweep",
        "microscope", "accumulator", "comparison", "ablation", "alerts"};
    for (const std::string& panel : in_order) {
        window.key("ctrl+Tab");
        window.wait_value("keyboard/panel", panel);
        if (panel == "staircase") {
            EXPECT_TRUE(window.try_ask("rect tile/staircase").contains("rect")) << "the tab is shown";
        }
    }
    window.key("ctrl+Tab");
    window.wait_value("keyboard/panel", "scenario");
    window.key("ctrl+shift+Tab");
    window.wait_value("keyboard/panel", "alerts");
    window.key("Escape");
    window.wait_frames(3);
    EXPECT_TRUE(window.try_ask("value keyboard/panel").contains("error"));

    for (int panel = 0; panel < 3; ++panel) window.key("ctrl+Tab");
    window.wait_value("keyboard/panel", "techniques");
    ASSERT_EQ(window.lane("mixed")["techniques"]["master_weights"], "on");
    ASSERT_TRUE(press_until_focused(window, "Down", "techniques/master_weights", 12));
    window.key("space");
    window.wait_value("techniques/master_weights", "off");
    EXPECT_EQ(window.lane("mixed")["techniques"]["master_weights"], "off");
    EXPECT_EQ(window.value("status/state"), "paused") << "space used the control and did not run";
    EXPECT_EQ(window.snapshot()["step"], 0);
    // The keys are the run's again.
    window.key("Escape");
    window.key("Right");
    window.wait_step(1);
    window.key("space");
    window.wait_value("status/state", "running");
    EXPECT_EQ(window.quit(), 0);
}

TEST(KeyboardWindow, ResizesThePanelThatHasTheKeyboard) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral({"--paused"}));
    const auto size = [&window](const std::string& panel) {
        const nlohmann::json rect = window.ask("rect tile/" + panel)["rect"];
        return std::pair(rect[2].get<double>() - rect[0].get<double>(),
                         rect[3].get<double>() - rect[1].get<double>());
    };
    // Without a panel it says what to do first.
    const auto [wide, tall] = size("loss");
    window.key("alt+shift+Right");
    EXPECT_NE(window.value("message/note").find("Ctrl Tab"), std::string::npos);
    EXPECT_EQ(size("loss").first, wide);
    window.key("Escape");  // the note has been read
    for (int panel = 0; panel < 4; ++panel) window.key("ctrl+Tab");
    window.wait_value("keyboard/panel", "loss");
    const nlohmann::json focus = window.try_ask("rect keyboard/focus");
    const double beside = size("gradients").first, below = size("validation").second;
    window.key("alt+shift+Right");
    window.key("alt+shift+Down");
    window.key("alt+shift+Down");
    EXPECT_NEAR(size("loss").first, wide + 24, 1.5);
    EXPECT_NEAR(size("gradients").first, beside - 24, 1.5);
    EXPECT_NEAR(size("loss").second, tall + 48, 1.5);
    EXPECT_NEAR(size("validation").second, below - 48, 1.5);
    EXPECT_EQ(window.snapshot()["step"], 0) << "Right made no step";
    window.wait_value("keyboard/panel", "loss");
    window.key("alt+shift+Left");
    window.key("alt+shift+Up");
    window.key("alt+shift+Up");
    EXPECT_NEAR(size("loss").first, wide, 1.5);
    EXPECT_NEAR(size("loss").second, tall, 1.5);
    EXPECT_EQ(focus, window.try_ask("rect keyboard/focus")) << "the arrows moved nothing inside the panel";
    // At the right edge of the window it grows to the left; alone in its column it is as tall as that.
    for (int panel = 0; panel < 4; ++panel) window.key("ctrl+shift+Tab");
    window.wait_value("keyboard/panel", "alerts");
    window.key("alt+shift+Right");
    EXPECT_NEAR(size("loss").first, wide - 24, 1.5);
    window.key("alt+shift+Down");
    EXPECT_NE(window.value("message/note").find("whole height"), std::string::npos);
    EXPECT_EQ(window.quit(), 0);
}

TEST(KeyboardWindow, OpensMenusAndAlertRules) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral({"--paused", "--theme", "dark"}));
    window.key("F10");
    window.wait_value("menu/open", "File");
    window.key("Right");
    window.key("Down");
    window.wait_value("menu/open", "Run");
    window.key("Escape");
    window.wait_frames(3);
    EXPECT_TRUE(window.try_ask("value menu/open").contains("error"));
    window.key("alt+v");
    window.wait_value("menu/open", "View");
    window.key("Escape");
    window.key("Escape");
    // Over alerts: the second rule is switched on.
    for (int panel = 0; panel < 17; ++panel) window.key("ctrl+Tab");
    window.wait_value("keyboard/panel", "alerts");
    ASSERT_TRUE(press_until_focused(window, "Down", "alerts/rule/1/on", 4));
    window.key("space");
    ASSERT_TRUE(press_until_focused(window, "Right", "alerts/rule/1/kind", 2));
    window.key("space");
    window.wait_frames(3);
    EXPECT_TRUE(window.try_ask("rect alerts/rule/1/kind/flushed").contains("rect")) << "the list is open";
    window.key("Down");
    window.key("space");
    window.wait_frames(3);
    EXPECT_EQ(window.number("alerts/rule/1/threshold"), 50) << "infinity became flushed";
    window.key("Escape");
    window.wait_frames(3);
    EXPECT_TRUE(window.try_ask("value keyboard/panel").contains("error"));
    EXPECT_EQ(window.quit(), 0);
}

TEST(KeyboardWindow, ThemesFollowEachOtherAndTheLastIsKept) {
    NEEDS_A_WINDOW();
    {
        DrivenWindow window(small_spiral({"--paused"}));
        window.key("t");
        window.key("t");
        window.wait_value("looks/theme", "high_contrast");
        EXPECT_EQ(window.quit(), 0);
    }
    DrivenWindow window(small_spiral({"--paused"}), DrivenWindow::Looks::kept);
    window.wait_value("looks/theme", "high_contrast");
    PictureFile picture("contrast");
    window.ask("screenshot " + picture.path);
    picture.load();
    ASSERT_GT(picture.width, 0);
    const nlohmann::json rect = window.ask("rect tile/lanes")["rect"];
    const auto at =
        static_cast<std::size_t>((rect[3].get<int>() - 12) * picture.width + rect[2].get<int>() - 20);
    for (std::size_t channel = 0; channel < 3; ++channel) EXPECT_EQ(picture.pixels[3 * at + channel], 0);
    EXPECT_EQ(window.quit(), 0);
}

}  // namespace
}  // namespace halfscope
