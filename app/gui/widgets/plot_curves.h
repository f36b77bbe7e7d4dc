// The data of a plot in one frame: what the timeline gives for the visible steps, its range of values, its
// curves and marks. Used by plot.cpp alone. At most two points a pixel column are drawn.
#pragma once

#include <vector>

#include "gui/widgets/plot_frame.h"

namespace halfscope {

/// One visible series, cut to the visible steps.
struct PlotCurve {
    const PlotSeries* series = nullptr;
    std::vector<SeriesPoint> points;  ///< oldest first

    /// The point that holds `step`, or the last one before it; null where there is none.
    const SeriesPoint* at_or_before(std::int64_t step) const;
};

/// The curves of the lanes that are not hidden, of the frame's steps; `columns` is the width in pixels.
std::vector<PlotCurve> fetch_curves(const PlotSpec& spec, const Timeline& timeline, const UiState& ui,
                                    StepRange steps, int columns);

/// Lowest and highest value in axis units, widened to look good; the user's own where there is one.
void choose_value_range(PlotFrame& frame, const std::vector<PlotCurve>& curves, const PlotSpec& spec,
                        const PlotState& state);

void draw_curve(const PlotFrame& frame, const PlotCurve& curve, CurveShape shape, const Theme& theme);

/// Vertical lines and symbols. Returns the mark under the mouse, if any.
const PlotMark* draw_marks(const PlotFrame& frame, const PlotSpec& spec, const std::vector<PlotCurve>& curves,
                           const Theme& theme);

}  // namespace halfscope
