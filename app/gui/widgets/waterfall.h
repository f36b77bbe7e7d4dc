// One tensor's exponent histogram over time: the log2 axis of the rows above it, the newest probe on top, as
// one texture. Used by the gradients panel.
#pragma once

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/range_histogram.h"
#include "gui/widgets/texture.h"
#include "session/timeline.h"

namespace halfscope {

/// `key`: of the texture; `version` changes with every new probe.
void draw_waterfall(ImDrawList* draw, const Theme& theme, TextureCache& textures, std::string_view key,
                    std::int64_t version, const std::vector<HistogramRow>& rows, const ExponentAxis& axis,
                    GradientView view, float top, float bottom);

}  // namespace halfscope
