// The cursor that all time plots share: an upright line at the step under the mouse, wherever the mouse is,
// and in the plots where it is not, what they have there. Used by time_plot() alone.
#pragma once

#include <string>
#include <vector>

#include "gui/widgets/plot_curves.h"

namespace halfscope {

/// A point as the tooltip and the cursor write it: "2^15", "0.0312", "0.03 .. 0.05" for several steps.
std::string point_text(const PlotSpec& spec, const SeriesPoint& point, const Theme& theme);

enum class CursorPlace : std::uint8_t { under_mouse, elsewhere };
/// `place`: whether the mouse is in this plot, whose tooltip has the values then.
void draw_plot_cursor(const PlotFrame& frame, const PlotSpec& spec, const std::vector<PlotCurve>& curves,
                      CursorPlace place, UiState& ui, const Theme& theme);

}  // namespace halfscope
