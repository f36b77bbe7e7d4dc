// One tensor's exponent histogram over time: on the log2 axis of the rows above it, the newest probe on top,
// as a heat map. Over it, FP16's band edges, which in the unscaled view move with each probe's loss scale; in
// the scaled view that scale itself, where an unscaled 1 lies; and the cursor that all time plots share. Used
// by the gradients panel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/heat_map.h"
#include "gui/widgets/range_histogram.h"
#include "gui/widgets/texture.h"
#include "session/timeline.h"

namespace halfscope {

/// Shares of one row by bin of the axis, as a view shows them: bin 0 is [2^low, 2^(low+1)). What lies beyond
/// the axis joins the outermost bins, as in the rows.
std::vector<float> waterfall_bins(const HistogramRow& row, GradientView view, int low, int bins);

struct WaterfallLook {
    std::string key;       ///< of its picture: "waterfall/2/fc1.weight/weight_gradient"
    std::int64_t run = 0;  ///< Snapshot::run: steps may be made anew
    GradientView view = GradientView::scaled;
    ExponentAxis axis;
    float top = 0, bottom = 0;  ///< pixels
};

/// Draws the rows (oldest first) and answers the mouse: a tooltip, and the cursor of UiState.
void draw_waterfall(const WaterfallLook& look, std::vector<HistogramRow> rows, const Theme& theme,
                    HeatMaps& heat_maps, TextureCache& textures, UiState& ui);

}  // namespace halfscope
