// Colours, fonts and sizes: the one place that says how Halfscope looks. Made by the application, read by panels and widgets.
// Lane colours are Okabe & Ito's; the FP16 bands have one look (colour, hatch and letter) in every view.
#pragma once

#include <cstdint>

#include "gui/imgui_compat.h"

namespace halfscope {

enum class ThemeKind : std::uint8_t { dark, light };

/// How a lane is told apart without colour too.
enum class LineStyle : std::uint8_t { solid, dashed, dotted, dash_dot };
struct LaneStyle {
    ImU32 color;
    LineStyle line;
    char letter;  ///< A, B, C, D
};

/// The FP16 bands, in the order of the axis.
enum class Band : std::uint8_t { flushed, subnormal, normal, overflow };
inline constexpr int kBandCount = 4;
enum class Hatch : std::uint8_t { none, diagonal, cross };
struct BandStyle {
    ImU32 fill;   ///< translucent background of the band
    ImU32 ink;    ///< text and hatch lines
    Hatch hatch;
    char letter;  ///< F, S, N, O
    const char* name;
};

struct Theme {
    ThemeKind kind = ThemeKind::dark;
    float scale = 1.0f;         ///< UI scale times monitor scale; multiply every pixel constant by it
    ImFont* text = nullptr;     ///< body text
    ImFont* strong = nullptr;   ///< panel titles
    ImFont* mono = nullptr;     ///< tables, generated text: tabular digits
    ImU32 background, panel, panel_border, title, ink, dim_ink, grid, axis, accent, good, warning, error, cursor, glow;

    LaneStyle lane(int lane_id) const;
    BandStyle band(Band band) const;
    /// A class of a classification scenario, distinct from lane colours; `alpha` 0..1.
    ImU32 class_color(int label, float alpha) const;
    float px(float pixels) const { return pixels * scale; }
};

/// Viridis (Smith & van der Walt 2015) at t in 0..1.
ImU32 viridis(float t);
/// Fills in colours and applies them to ImGui's style. Fonts are kept.
void apply_theme(Theme& theme, ThemeKind kind, float scale);
/// Loads fonts at body size `pixels` from the system (Inter or DejaVu; JetBrains Mono or DejaVu Sans Mono), ImGui's own as the last
/// resort. Call before the frame that uses them; the renderer's font texture must be made anew afterwards.
void load_fonts(Theme& theme, float pixels);

}  // namespace halfscope
