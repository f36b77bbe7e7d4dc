// The lanes: colour, letter, name, latest numbers; select, rename, hide, remove, add from a preset, branch.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_lanes_panel(const PanelContext& context);

}  // namespace halfscope
