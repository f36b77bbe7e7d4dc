// The update microscope: the next step's update of one parameter as a map of what becomes of it, and one
// weight of it bit by bit. Listed in panel_list.cpp; draws from Snapshot alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_microscope_panel(const PanelContext& context);

}  // namespace halfscope
