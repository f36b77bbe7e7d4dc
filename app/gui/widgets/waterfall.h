// One tensor's exponent histogram over time: on the log2 axis of the rows above it, the newest probe on top,
// as one texture. FP16's band edges are lines over it; in the unscaled view they move with each probe's
// scale. Used by the gradients panel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/range_histogram.h"
#include "gui/widgets/texture.h"
#include "session/timeline.h"

namespace halfscope {

/// The share of all elements in one power of two that is drawn brightest, 0..1; more looks the same.
inline constexpr float kWaterfallBrightest = 0.25f;

/// Shares of one probe by bin of the axis, as a view shows them: bin 0 is [2^low, 2^(low+1)). What lies
/// beyond the axis joins the outermost bins, as in the rows.
std::vector<float> waterfall_bins(const HistogramRow& row, GradientView view, int low, int bins);

/// `key`: of the texture; `version` changes with every new probe and every other look.
void draw_waterfall(ImDrawList* draw, const Theme& theme, TextureCache& textures, std::string_view key,
                    std::int64_t version, const std::vector<HistogramRow>& rows, const ExponentAxis& axis,
                    GradientView view, float top, float bottom);

}  // namespace halfscope
