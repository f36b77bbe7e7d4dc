// Colours, fonts and looks: one Theme is the only source of them for every panel and widget. Built by the
// Workbench when theme, scale or fonts change. It must not know what is drawn.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <imgui.h>

#include "gui/ui_state.h"

namespace halfscope {

enum class LineStyle : std::uint8_t { solid, dashed, dotted, dash_dot };
enum class HatchStyle : std::uint8_t { none, diagonal, cross, dots };
/// Where a stored value lies against a format's range.
enum class Band : std::uint8_t { flushed, subnormal, normal, overflow };
inline constexpr int kBandCount = 4;

/// A lane's look, the same everywhere, decided by its id: Okabe-Ito colour, letter and line style.
struct LaneLook {
    ImU32 colour = 0;
    char letter = 'A';
    LineStyle style = LineStyle::solid;
};

struct BandLook {
    ImU32 fill = 0;   ///< translucent background of the band
    ImU32 hatch = 0;  ///< lines over it
    ImU32 solid = 0;  ///< bars, numbers and chips of that class; legible on panel_background
    HatchStyle style = HatchStyle::none;
    char letter = 'N';
    const char* name = "normal";
};

struct Theme {
    ThemeKind kind = ThemeKind::dark;
    float scale = 1.0f;       ///< text size against 15 px; multiply pixel sizes by it
    float line_scale = 1.0f;  ///< of strokes, beside `scale`
    float heat_floor = 0.0f;  ///< where along viridis the smallest share of a heat map lies

    // Fonts; null before the first atlas is built (ImGui's current font serves).
    ImFont* text_font = nullptr;
    ImFont* bold_font = nullptr;
    ImFont* mono_font = nullptr;  ///< tabular digits
    ImFont* small_font = nullptr;
    bool has_superscripts = false;

    ImU32 window_background = 0, panel_background = 0, panel_border = 0, plot_background = 0;
    ImU32 text = 0, text_dim = 0, grid = 0, axis = 0, cursor = 0;
    ImU32 accent = 0;       ///< selection, focus
    ImU32 accent_soft = 0;  ///< its translucent background
    ImU32 glow = 0;         ///< a change that waits for its first step
    ImU32 good = 0, warning = 0, error = 0;

    LaneLook lane(int lane_id) const;
    BandLook band(Band band) const;
    /// Colours of classes (decision maps), apart from the lane colours.
    ImU32 class_colour(int label) const;
    /// A length in pixels at scale 1, at this scale.
    float px(float pixels) const { return pixels * scale; }
    /// The same for the thickness of a line that carries meaning.
    float stroke(float pixels) const { return pixels * scale * line_scale; }
    bool is_dark() const { return kind != ThemeKind::light; }
    /// "2¹⁵", or "2^15" where the font has no superscripts.
    std::string power_of_two(int exponent) const;
};

/// Colours of one theme; fonts and scale stay as they are.
void set_theme_colours(Theme& theme, ThemeKind kind);
/// ImGui's style (colours, paddings, roundings) from the theme.
void apply_theme(const Theme& theme);
/// `colour` with its opacity multiplied.
ImU32 with_opacity(ImU32 colour, float opacity);
/// The one that T shows after this one, and what people call it.
ThemeKind next_theme(ThemeKind kind);
const char* theme_name(ThemeKind kind);
/// As files and the command line write it: "dark", "light", "high_contrast".
const char* theme_key(ThemeKind kind);
/// How bright a colour is on a screen, 0..1 (WCAG's relative luminance).
float luminance(ImU32 colour);
/// viridis (van der Walt and Smith 2015) at 0..1; NaN gives transparent.
ImU32 viridis(float value);

}  // namespace halfscope
