// What the window looked like comes back, and what a file says that is no good leaves what is there.
#include "gui/kept_looks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace halfscope {
namespace {

UiState changed() {
    UiState ui;
    ui.theme = ThemeKind::high_contrast;
    ui.text_size = TextSize::presenter;
    ui.ui_scale = 1.331f;
    ui.layout = layout_preset(LayoutPreset::debug);
    ui.layout.left_share = 0.2f;
    ui.layout.right_tab = Slot::microscope;
    ui.layout.middle_tab = Slot::model_view;
    ui.alert_rules = {{AlertKind::flushed, 12, 2, AlertAction::pause, false}, {AlertKind::nan}};
    return ui;
}

void expect_same(const UiState& a, const UiState& b) {
    EXPECT_EQ(a.theme, b.theme);
    EXPECT_EQ(a.text_size, b.text_size);
    EXPECT_EQ(a.ui_scale, b.ui_scale);
    EXPECT_EQ(a.layout.left_folded, b.layout.left_folded);
    EXPECT_EQ(a.layout.left_share, b.layout.left_share);
    EXPECT_EQ(a.layout.middle_share, b.layout.middle_share);
    EXPECT_EQ(a.layout.left_rows, b.layout.left_rows);
    EXPECT_EQ(a.layout.middle_rows, b.layout.middle_rows);
    EXPECT_EQ(a.layout.right_rows, b.layout.right_rows);
    EXPECT_EQ(a.layout.middle_rows_narrow, b.layout.middle_rows_narrow);
    EXPECT_EQ(a.layout.middle_tab, b.layout.middle_tab);
    EXPECT_EQ(a.layout.right_tab, b.layout.right_tab);
    EXPECT_EQ(a.alert_rules, b.alert_rules);
}

TEST(KeptLooks, ComeBack) {
    UiState ui;
    EXPECT_EQ(take_looks(looks_text(changed()), ui), "");
    expect_same(ui, changed());
}

TEST(KeptLooks, WhatIsNoGoodLeavesWhatIsThere) {
    for (const char* text :
         {"{}", R"({"theme": "pink", "scale": 1e9, "left_share": "wide", "right_tab": "nowhere"})",
          R"({"scale": null, "middle_share": -3, "right_rows": [0.5], "middle_rows": [1, 2, 3, 4]})",
          R"({"alerts": 7})", R"({"alerts": [{"what": "flushed"}]})",
          R"({"alerts": [{"what": "nan", "threshold": 0, "action": "mark", "on": true}, 7]})",
          R"({"alerts": [{"what": "flushed", "threshold": 101, "action": "mark", "on": true}]})",
          R"({"right_rows": [0, 1], "left_rows": [0.1, "a", 0.2], "presenter": "yes", "middle_tab": 7})"}) {
        UiState ui = changed();
        EXPECT_EQ(take_looks(text, ui), "") << text;
        expect_same(ui, changed());
    }
    for (const char* text : {"", "[]", "{\"theme\": ", "\xff\xfe", "7"}) {
        UiState ui = changed();
        EXPECT_NE(take_looks(text, ui), "") << text;
        expect_same(ui, changed());
    }
}

TEST(KeptLooks, AreWrittenBelowTheConfigurationFolder) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() /
        ("halfscope-looks-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
    std::filesystem::remove_all(folder);
    setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
    EXPECT_EQ(looks_path(), (folder / "halfscope/window.json").string());
    UiState ui;
    EXPECT_EQ(load_looks(ui), "") << "there is none yet";
    EXPECT_EQ(save_looks(changed()), "");
    EXPECT_EQ(load_looks(ui), "");
    expect_same(ui, changed());
    std::ofstream(looks_path()) << "no JSON";
    EXPECT_NE(load_looks(ui).find("window.json"), std::string::npos);
    // A file where the folder should be: a sentence, no crash.
    std::filesystem::remove_all(folder);
    std::ofstream(folder.string()) << "in the way";
    EXPECT_NE(save_looks(changed()), "");
    std::filesystem::remove_all(folder);
    setenv("XDG_CONFIG_HOME", "relative", 1);
    setenv("HOME", "", 1);
    EXPECT_EQ(looks_path(), "");
    EXPECT_EQ(save_looks(changed()), "");
}

}  // namespace
}  // namespace halfscope
