// A plot over loss scales: log2 S from the lowest to the highest swept scale along x. Used by the what-if and
// by the error over scale; draws on a draw list and keeps no state.
#pragma once

#include <imgui.h>

#include "gui/theme.h"

namespace halfscope {

/// The plot's area without labels, and where scales and percentages stand in it.
struct ScaleArea {
    ImVec2 min, max;
    float x(double exponent) const;
    /// From the bottom (0) to the top (100).
    float percent_y(double percent) const;
    bool contains(ImVec2 point) const;
    /// The swept scale, by its exponent, that is nearest to a pixel.
    int exponent_at(float pixel) const;
};

/// Upright lines with labels below, every fifth power of two.
void draw_scale_grid(ImDrawList* draw, const Theme& theme, const ScaleArea& area);
/// Level lines at 0, 50 and 100%, with labels at the left.
void draw_percent_grid(ImDrawList* draw, const Theme& theme, const ScaleArea& area);
/// An upright line at a scale, with a word beside it `lines_below` text lines below the upper edge. Nothing
/// where the scale is not in the area.
void draw_scale_mark(ImDrawList* draw, const Theme& theme, const ScaleArea& area, double scale,
                     const char* word, int lines_below);

}  // namespace halfscope
