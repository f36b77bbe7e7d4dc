// The names of the panels that share a tile: the shown one is lit and underlined, a click shows another.
// Drawn by the Workbench at the top of such a tile; it decides nothing about tiles (layout.h).
#pragma once

#include "gui/layout.h"
#include "gui/theme.h"
#include "gui/ui_state.h"

namespace halfscope {

/// Names that belong together stand on one line behind their group's name. Where such a line has no room, all
/// names follow one another on as many lines as they need: every one of them is always in sight, and none
/// moves when another one is chosen.
void draw_tabs(const Theme& theme, const Tile& tile, UiState& ui);

}  // namespace halfscope
