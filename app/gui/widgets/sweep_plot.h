// Pictures of a sweep over loss scales (train/scale_sweep.h): error curves of all layers between the two
// walls, one line of cells a layer, and what one tensor loses, predicted and measured. Used by the scale
// sweep panel; draws on a draw list and keeps no state.
#pragma once

#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/widgets/scale_area.h"
#include "train/scale_sweep.h"

namespace halfscope {

/// The decades of relative error that the curves and the cells' colours span, from the data.
struct ErrorAxis {
    int low = -4, high = 0;  ///< exponents of 10
    /// 0 at the low end, 1 at the high one; clamped.
    double along(double error) const;
};
ErrorAxis error_axis(const ScaleSweep& sweep);

/// What stands out among the curves.
struct SweepMarks {
    ImU32 lane_colour = 0;
    std::string selected;  ///< a tensor's name, or empty
    double scale_now = 0;  ///< 0: none to mark
};
/// Relative error of each weight gradient over S, the first layer strong and the last one faint; the walls
/// and the flat window behind, the cells' colours along the axis.
void draw_error_curves(ImDrawList* draw, const Theme& theme, const ScaleSweep& sweep, const ErrorAxis& axis,
                       const ScaleArea& area, const SweepMarks& marks);

/// One tensor's scales as cells: error by colour, all lost and not finite by their bands' looks.
void draw_error_cells(ImDrawList* draw, const Theme& theme, const SweptTensor& tensor, const ErrorAxis& axis,
                      const ScaleArea& area);

/// Shares of zeros and infinities over S: as measured in the passes, and as storing the true gradient would
/// lose.
void draw_predicted_and_measured(ImDrawList* draw, const Theme& theme, const SweptTensor& tensor,
                                 const ScaleArea& area, double scale_now);

/// What a tensor loses under one scale that was measured, in percent of its elements.
struct LossAtScale {
    double zeros = 0;      ///< not zero in truth and zero now
    double predicted = 0;  ///< what storing the true gradient times S would flush
    double upstream = 0;   ///< the rest: what came down to it was zero already
    double overflow = 0;   ///< infinite or NaN
};
LossAtScale loss_at(const SweptTensor& tensor, std::size_t point);

/// "3.2e-04", "0.031", "not finite".
std::string sweep_error_text(double error);

}  // namespace halfscope
