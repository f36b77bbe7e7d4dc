// The high-contrast theme keeps what it promises, by the Web Content Accessibility Guidelines' own formula:
// texts at least 7:1 against what they stand on, what carries meaning in a picture at least 3:1.
#include "gui/theme.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gui/widgets/heat_map.h"

namespace halfscope {
namespace {

using Rgb = std::array<double, 3>;

Rgb rgb(ImU32 colour) {
    return {static_cast<double>(colour & 0xffu) / 255, static_cast<double>((colour >> 8) & 0xffu) / 255,
            static_cast<double>((colour >> 16) & 0xffu) / 255};
}

/// A translucent colour on another one.
Rgb over(ImU32 colour, const Rgb& below) {
    const double alpha = static_cast<double>(colour >> 24) / 255;
    Rgb mixed = rgb(colour);
    for (std::size_t i = 0; i < 3; ++i) mixed[i] = mixed[i] * alpha + below[i] * (1 - alpha);
    return mixed;
}

/// WCAG 2.2, relative luminance and contrast ratio.
double relative_luminance(const Rgb& colour) {
    const auto linear = [](double c) {
        return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
}
double ratio(const Rgb& a, const Rgb& b) {
    const double x = relative_luminance(a), y = relative_luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

class HighContrast : public ::testing::Test {
  protected:
    HighContrast() {
        ImGui::CreateContext();
        set_theme_colours(theme_, ThemeKind::high_contrast);
        apply_theme(theme_);
    }
    ~HighContrast() override { ImGui::DestroyContext(); }
    Rgb panel() const { return rgb(theme_.panel_background); }
    Rgb styled(ImGuiCol slot) const {
        return over(ImGui::ColorConvertFloat4ToU32(ImGui::GetStyle().Colors[slot]), panel());
    }
    Theme theme_;
};

TEST_F(HighContrast, TheFormulaIsTheGuidelines) {
    EXPECT_NEAR(ratio({0, 0, 0}, {1, 1, 1}), 21.0, 1e-9);
    EXPECT_NEAR(ratio(rgb(IM_COL32(119, 119, 119, 255)), {1, 1, 1}), 4.48, 0.01);  // their own example
    EXPECT_NEAR(static_cast<double>(luminance(IM_COL32(119, 119, 119, 255))),
                relative_luminance(rgb(IM_COL32(119, 119, 119, 255))), 1e-6);
}

TEST_F(HighContrast, TextsAreSevenToOne) {
    const std::vector<std::pair<std::string, Rgb>> grounds{{"panel", panel()},
                                                           {"window", rgb(theme_.window_background)},
                                                           {"plot", rgb(theme_.plot_background)},
                                                           {"popup", styled(ImGuiCol_PopupBg)},
                                                           {"control", styled(ImGuiCol_FrameBg)}};
    std::vector<std::pair<std::string, ImU32>> texts{
        {"text", theme_.text},     {"dim", theme_.text_dim},
        {"accent", theme_.accent}, {"glow", theme_.glow},
        {"good", theme_.good},     {"warning", theme_.warning},
        {"error", theme_.error},   {"help mark", with_opacity(theme_.text_dim, 0.75f)}};
    for (int lane = 0; lane < 4; ++lane)
        texts.emplace_back("lane " + std::to_string(lane), theme_.lane(lane).colour);
    for (int band = 0; band < kBandCount; ++band) {
        const BandLook look = theme_.band(static_cast<Band>(band));
        texts.emplace_back(look.name, look.solid);
    }
    for (const auto& [ground_name, ground] : grounds) {
        for (const auto& [name, colour] : texts)
            EXPECT_GE(ratio(over(colour, ground), ground), 7.0) << name << " on " << ground_name;
    }
}

TEST_F(HighContrast, TextsOfControlsInUseAreSevenToOne) {
    for (const ImGuiCol slot :
         {ImGuiCol_FrameBgHovered, ImGuiCol_FrameBgActive, ImGuiCol_Button, ImGuiCol_ButtonHovered,
          ImGuiCol_ButtonActive, ImGuiCol_Header, ImGuiCol_HeaderHovered, ImGuiCol_HeaderActive,
          ImGuiCol_MenuBarBg, ImGuiCol_TableHeaderBg, ImGuiCol_TableRowBgAlt}) {
        EXPECT_GE(ratio(rgb(theme_.text), styled(slot)), 7.0) << ImGui::GetStyleColorName(slot);
    }
    // A chosen row, on which dim text stands too.
    EXPECT_GE(ratio(rgb(theme_.text_dim), over(theme_.accent_soft, panel())), 7.0);
}

TEST_F(HighContrast, WhatCarriesMeaningIsThreeToOne) {
    const std::vector<std::pair<std::string, ImU32>> marks{
        {"border", theme_.panel_border},
        {"axis", theme_.axis},
        {"cursor", theme_.cursor},
        {"accent", theme_.accent},
        {"least of a heat map", viridis(theme_.heat_floor)}};
    for (const auto& [name, colour] : marks)
        EXPECT_GE(ratio(over(colour, rgb(theme_.plot_background)), rgb(theme_.plot_background)), 3.0) << name;
    EXPECT_GE(ratio(styled(ImGuiCol_CheckMark), styled(ImGuiCol_FrameBg)), 3.0);
    EXPECT_GE(ratio(styled(ImGuiCol_SliderGrab), styled(ImGuiCol_FrameBg)), 3.0);
    EXPECT_GE(ratio(styled(ImGuiCol_NavHighlight), panel()), 3.0);
    EXPECT_GE(ratio(styled(ImGuiCol_Border), panel()), 3.0) << "tells where a control is";
    EXPECT_EQ(ImGui::GetStyle().FrameBorderSize, 1.0f);
    EXPECT_GT(theme_.stroke(2), theme_.px(2)) << "thicker lines";
}

TEST_F(HighContrast, LettersOfChipsAreSevenToOne) {
    for (int lane = 0; lane < 4; ++lane) {
        const Rgb chip = rgb(theme_.lane(lane).colour);
        EXPECT_GE(std::max(ratio(chip, {0, 0, 0}), ratio(chip, {1, 1, 1})), 7.0) << lane;
    }
}

TEST(Themes, FollowEachOtherInARingAndHaveKeys) {
    ThemeKind kind = ThemeKind::dark;
    std::vector<std::string> keys;
    for (int step = 0; step < 3; ++step, kind = next_theme(kind)) keys.emplace_back(theme_key(kind));
    EXPECT_EQ(kind, ThemeKind::dark);
    EXPECT_EQ(keys, (std::vector<std::string>{"dark", "light", "high_contrast"}));
}

}  // namespace
}  // namespace halfscope
