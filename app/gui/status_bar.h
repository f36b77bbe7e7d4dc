// The bottom line: device, step, speed of each lane, what telemetry costs, skipped steps. Drawn by the
// Workbench.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

float status_bar_height();
/// Draws between two corners (window pixels).
void draw_status_bar(const PanelContext& context, ImVec2 min, ImVec2 max);

}  // namespace halfscope
