// Curves with error bands over steps: a line through the means, and a band of one standard deviation to
// either side. Used by the ablation panel. It works nothing out but pixels, and keeps no state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "train/ablation.h"

namespace halfscope {

struct BandCurve {
    std::string label;
    LaneLook look;
    std::vector<Spread> points;
};

struct BandPlot {
    std::string id;       ///< of its rectangle and values for tests
    std::string y_label;  ///< with the unit
    AxisScale scale = AxisScale::linear;
    std::int64_t first_step = 0, steps = 1, bucket_steps = 1;  ///< as in AblationResults
    std::vector<BandCurve> curves;
};

/// The looks of more rows than there are lanes: colours and line styles in other pairs, letters onwards.
LaneLook row_look(const Theme& theme, std::size_t row);

/// The first and the last step of a point, as steps of the run.
double first_step_of(const BandPlot& plot, std::size_t point);
double last_step_of(const BandPlot& plot, std::size_t point);

/// Draws into `size` at the cursor.
void draw_band_plot(const BandPlot& plot, UiState& ui, const Theme& theme, ImVec2 size);

}  // namespace halfscope
