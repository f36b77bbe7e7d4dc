#include "gui/theme.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace halfscope {
namespace {

constexpr int kLooks = 4;

/// Okabe and Ito's colours that stay legible on both backgrounds: blue, orange, green, purple; the darker
/// variants are for light backgrounds.
constexpr ImU32 kLaneDark[kLooks] = {IM_COL32(86, 180, 233, 255), IM_COL32(230, 159, 0, 255),
                                     IM_COL32(0, 190, 140, 255), IM_COL32(226, 142, 188, 255)};
constexpr ImU32 kLaneLight[kLooks] = {IM_COL32(0, 114, 178, 255), IM_COL32(196, 92, 0, 255),
                                      IM_COL32(0, 130, 95, 255), IM_COL32(166, 70, 126, 255)};

/// Classes of a decision map: Paul Tol's "bright", without what the lanes use where it can be avoided.
constexpr ImU32 kClasses[] = {IM_COL32(68, 119, 170, 255), IM_COL32(238, 102, 119, 255),
                              IM_COL32(204, 187, 68, 255), IM_COL32(34, 136, 51, 255),
                              IM_COL32(170, 51, 119, 255), IM_COL32(102, 204, 238, 255)};

/// viridis at 0, 1/8, ... 1 (van der Walt and Smith 2015, matplotlib's table).
constexpr float kViridis[9][3] = {
    {0.267f, 0.005f, 0.329f}, {0.279f, 0.175f, 0.483f}, {0.230f, 0.322f, 0.546f},
    {0.173f, 0.449f, 0.558f}, {0.128f, 0.567f, 0.551f}, {0.158f, 0.684f, 0.502f},
    {0.369f, 0.789f, 0.383f}, {0.678f, 0.864f, 0.190f}, {0.993f, 0.906f, 0.144f}};

void set_dark(Theme& theme) {
    theme.window_background = IM_COL32(16, 18, 22, 255);
    theme.panel_background = IM_COL32(25, 28, 34, 255);
    theme.panel_border = IM_COL32(52, 58, 68, 255);
    theme.plot_background = IM_COL32(19, 21, 26, 255);
    theme.text = IM_COL32(230, 233, 238, 255);
    theme.text_dim = IM_COL32(152, 160, 172, 255);
    theme.grid = IM_COL32(255, 255, 255, 20);
    theme.axis = IM_COL32(110, 118, 130, 255);
    theme.cursor = IM_COL32(255, 255, 255, 120);
    theme.accent = IM_COL32(86, 156, 235, 255);
    theme.accent_soft = IM_COL32(86, 156, 235, 48);
    theme.glow = IM_COL32(255, 208, 80, 255);
    theme.good = IM_COL32(80, 200, 130, 255);
    theme.warning = IM_COL32(240, 180, 60, 255);
    theme.error = IM_COL32(255, 110, 100, 255);
}

void set_light(Theme& theme) {
    theme.window_background = IM_COL32(226, 229, 234, 255);
    theme.panel_background = IM_COL32(250, 251, 252, 255);
    theme.panel_border = IM_COL32(190, 196, 206, 255);
    theme.plot_background = IM_COL32(255, 255, 255, 255);
    theme.text = IM_COL32(24, 28, 34, 255);
    theme.text_dim = IM_COL32(88, 96, 108, 255);
    theme.grid = IM_COL32(0, 0, 0, 24);
    theme.axis = IM_COL32(120, 128, 140, 255);
    theme.cursor = IM_COL32(0, 0, 0, 130);
    theme.accent = IM_COL32(0, 98, 190, 255);
    theme.accent_soft = IM_COL32(0, 98, 190, 36);
    theme.glow = IM_COL32(214, 142, 0, 255);
    theme.good = IM_COL32(0, 128, 70, 255);
    theme.warning = IM_COL32(170, 100, 0, 255);
    theme.error = IM_COL32(196, 32, 24, 255);
}

/// White on black; every colour is bright enough to be text there.
void set_high_contrast(Theme& theme) {
    theme.window_background = theme.panel_background = theme.plot_background = IM_COL32(0, 0, 0, 255);
    theme.panel_border = IM_COL32(190, 190, 190, 255);
    theme.text = IM_COL32(255, 255, 255, 255);
    theme.text_dim = IM_COL32(214, 214, 214, 255);
    theme.grid = IM_COL32(255, 255, 255, 64);
    theme.axis = IM_COL32(210, 210, 210, 255);
    theme.cursor = IM_COL32(255, 255, 255, 230);
    theme.accent = IM_COL32(110, 200, 255, 255);
    theme.accent_soft = IM_COL32(110, 200, 255, 76);
    theme.glow = IM_COL32(255, 224, 64, 255);
    theme.good = IM_COL32(90, 240, 140, 255);
    theme.warning = IM_COL32(255, 200, 60, 255);
    theme.error = IM_COL32(255, 140, 130, 255);
}

ImVec4 colour_vector(ImU32 colour) { return ImGui::ColorConvertU32ToFloat4(colour); }

/// Between two colours, t in 0..1, opaque.
ImU32 mix(ImU32 from, ImU32 to, float t) {
    const ImVec4 a = colour_vector(from), b = colour_vector(to);
    return ImGui::ColorConvertFloat4ToU32(
        ImVec4(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t, 1.0f));
}

/// A colour of the dark theme on plain black.
ImU32 lightened(ImU32 colour) { return mix(colour, IM_COL32(255, 255, 255, 255), 0.15f); }

void set_style_colours(const Theme& theme, ImVec4* colours) {
    const ImU32 control = mix(theme.panel_background, theme.text, 0.09f);
    const ImU32 hovered = mix(theme.panel_background, theme.text, 0.17f);
    const bool is_plain = theme.kind == ThemeKind::high_contrast;
    const ImU32 active = mix(theme.panel_background, theme.accent, is_plain ? 0.28f : 0.45f);
    const auto set = [colours](ImGuiCol slot, ImU32 colour) { colours[slot] = colour_vector(colour); };
    set(ImGuiCol_Text, theme.text);
    set(ImGuiCol_TextDisabled, theme.text_dim);
    set(ImGuiCol_WindowBg, theme.window_background);
    set(ImGuiCol_ChildBg, IM_COL32(0, 0, 0, 0));
    set(ImGuiCol_PopupBg, mix(theme.panel_background, theme.text, 0.04f));
    set(ImGuiCol_Border, theme.panel_border);
    set(ImGuiCol_FrameBg, control);
    set(ImGuiCol_FrameBgHovered, hovered);
    set(ImGuiCol_FrameBgActive, active);
    set(ImGuiCol_MenuBarBg, theme.panel_background);
    set(ImGuiCol_ScrollbarBg, IM_COL32(0, 0, 0, 0));
    set(ImGuiCol_ScrollbarGrab, mix(theme.panel_background, theme.text, 0.22f));
    set(ImGuiCol_ScrollbarGrabHovered, mix(theme.panel_background, theme.text, 0.35f));
    set(ImGuiCol_ScrollbarGrabActive, theme.accent);
    set(ImGuiCol_CheckMark, theme.accent);
    set(ImGuiCol_SliderGrab, with_opacity(theme.accent, 0.6f));  // the number is read through it
    set(ImGuiCol_SliderGrabActive, with_opacity(theme.accent, 0.8f));
    set(ImGuiCol_Button, control);
    set(ImGuiCol_ButtonHovered, hovered);
    set(ImGuiCol_ButtonActive, active);
    set(ImGuiCol_Header, theme.accent_soft);
    set(ImGuiCol_HeaderHovered, mix(theme.panel_background, theme.accent, is_plain ? 0.22f : 0.28f));
    set(ImGuiCol_HeaderActive, active);
    set(ImGuiCol_Separator, theme.panel_border);
    set(ImGuiCol_Tab, theme.panel_background);
    set(ImGuiCol_TabHovered, hovered);
    set(ImGuiCol_TabActive, mix(theme.panel_background, theme.accent, 0.35f));
    set(ImGuiCol_TableHeaderBg, mix(theme.panel_background, theme.text, 0.05f));
    set(ImGuiCol_TableBorderLight, with_opacity(theme.panel_border, 0.6f));
    set(ImGuiCol_TableBorderStrong, theme.panel_border);
    set(ImGuiCol_TableRowBgAlt, with_opacity(theme.text, 0.03f));
    set(ImGuiCol_TextSelectedBg, with_opacity(theme.accent, 0.4f));
    set(ImGuiCol_PlotHistogram, theme.accent);
    set(ImGuiCol_NavHighlight, theme.accent);
    set(ImGuiCol_ModalWindowDimBg, IM_COL32(0, 0, 0, 110));
}

}  // namespace

LaneLook Theme::lane(int lane_id) const {
    const int index = ((lane_id % kLooks) + kLooks) % kLooks;
    constexpr LineStyle kStyles[kLooks] = {LineStyle::solid, LineStyle::dashed, LineStyle::dotted,
                                           LineStyle::dash_dot};
    ImU32 colour = is_dark() ? kLaneDark[index] : kLaneLight[index];
    if (kind == ThemeKind::high_contrast) colour = lightened(colour);
    return {colour, static_cast<char>('A' + index), kStyles[index]};
}

BandLook Theme::band(Band which) const {
    const bool on_dark = is_dark();
    const bool is_plain = kind == ThemeKind::high_contrast;
    const auto look = [is_plain](ImU32 solid, float fill, float hatch, HatchStyle style, char letter,
                                 const char* name) {
        if (is_plain) solid = lightened(solid);
        return BandLook{with_opacity(solid, fill), with_opacity(solid, hatch), solid, style, letter, name};
    };
    switch (which) {
        case Band::flushed:
            return look(on_dark ? IM_COL32(255, 104, 92, 255) : IM_COL32(192, 36, 24, 255), 0.13f, 0.26f,
                        HatchStyle::diagonal, 'F', "flushed");
        case Band::subnormal:
            return look(on_dark ? IM_COL32(244, 190, 74, 255) : IM_COL32(164, 104, 0, 255), 0.10f, 0.0f,
                        HatchStyle::none, 'S', "subnormal");
        case Band::normal:
            return look(on_dark ? IM_COL32(170, 178, 190, 255) : IM_COL32(92, 100, 112, 255), 0.03f, 0.0f,
                        HatchStyle::none, 'N', "normal");
        case Band::overflow:
            break;
    }
    return look(on_dark ? IM_COL32(196, 138, 255, 255) : IM_COL32(118, 48, 176, 255), 0.14f, 0.28f,
                HatchStyle::cross, 'O', "overflow");
}

ImU32 Theme::class_colour(int label) const {
    constexpr int kCount = static_cast<int>(std::size(kClasses));
    return kClasses[((label % kCount) + kCount) % kCount];
}

std::string Theme::power_of_two(int exponent) const {
    if (!has_superscripts) return "2^" + std::to_string(exponent);
    constexpr const char* kDigits[10] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                         "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
    std::string written = "2";
    for (const char character : std::to_string(exponent)) {
        written += character == '-' ? "\u207b" : kDigits[character - '0'];
    }
    return written;
}

void set_theme_colours(Theme& theme, ThemeKind kind) {
    theme.kind = kind;
    const bool is_plain = kind == ThemeKind::high_contrast;
    theme.line_scale = is_plain ? 1.7f : 1.0f;
    theme.heat_floor = is_plain ? 0.34f : 0.0f;
    if (is_plain) {
        set_high_contrast(theme);
    } else {
        kind == ThemeKind::dark ? set_dark(theme) : set_light(theme);
    }
}

ThemeKind next_theme(ThemeKind kind) {
    switch (kind) {
        case ThemeKind::dark:
            return ThemeKind::light;
        case ThemeKind::light:
            return ThemeKind::high_contrast;
        case ThemeKind::high_contrast:
            break;
    }
    return ThemeKind::dark;
}

const char* theme_name(ThemeKind kind) {
    switch (kind) {
        case ThemeKind::dark:
            return "Dark";
        case ThemeKind::light:
            return "Light";
        case ThemeKind::high_contrast:
            break;
    }
    return "High contrast";
}

const char* theme_key(ThemeKind kind) {
    switch (kind) {
        case ThemeKind::dark:
            return "dark";
        case ThemeKind::light:
            return "light";
        case ThemeKind::high_contrast:
            break;
    }
    return "high_contrast";
}

void apply_theme(const Theme& theme) {
    ImGuiStyle& style = ImGui::GetStyle();
    style = ImGuiStyle();
    style.WindowPadding = ImVec2(8, 8);
    style.FramePadding = ImVec2(6, 3);
    style.ItemSpacing = ImVec2(6, 5);
    style.ItemInnerSpacing = ImVec2(5, 4);
    style.CellPadding = ImVec2(5, 2);
    style.ScrollbarSize = 11;
    style.GrabMinSize = 9;
    style.WindowRounding = 0;
    style.ChildRounding = style.FrameRounding = style.PopupRounding = style.GrabRounding = 4;
    style.ScrollbarRounding = 6;
    style.TabRounding = 4;
    style.WindowBorderSize = 0;
    style.PopupBorderSize = 1;
    // Where black controls lie on black, their borders tell where they are.
    style.FrameBorderSize = theme.kind == ThemeKind::high_contrast ? 1.0f : 0.0f;
    style.DisabledAlpha = 0.5f;
    style.ScaleAllSizes(theme.scale);
    set_style_colours(theme, style.Colors);
}

ImU32 with_opacity(ImU32 colour, float opacity) {
    const auto alpha = static_cast<float>((colour >> IM_COL32_A_SHIFT) & 0xffu);
    const auto scaled = static_cast<ImU32>(std::lround(std::clamp(alpha * opacity, 0.0f, 255.0f)));
    return (colour & ~IM_COL32_A_MASK) | (scaled << IM_COL32_A_SHIFT);
}

float luminance(ImU32 colour) {
    const auto linear = [](float channel) {
        return channel <= 0.03928f ? channel / 12.92f : std::pow((channel + 0.055f) / 1.055f, 2.4f);
    };
    const ImVec4 c = colour_vector(colour);
    return 0.2126f * linear(c.x) + 0.7152f * linear(c.y) + 0.0722f * linear(c.z);
}

ImU32 viridis(float value) {
    if (std::isnan(value)) return IM_COL32(0, 0, 0, 0);
    const float position = std::clamp(value, 0.0f, 1.0f) * 8.0f;
    const int low = std::min(static_cast<int>(position), 7);
    const float part = position - static_cast<float>(low);
    const auto channel = [&](int index) {
        return kViridis[low][index] + (kViridis[low + 1][index] - kViridis[low][index]) * part;
    };
    return ImGui::ColorConvertFloat4ToU32(ImVec4(channel(0), channel(1), channel(2), 1.0f));
}

}  // namespace halfscope
