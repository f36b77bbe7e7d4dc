// The selected lane's layers in the order of depth, each activation and its gradient on one log2 axis against
// FP16's range: the stairs that gradients walk down. Listed in panel_list.cpp; draws from Snapshot alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_staircase_panel(const PanelContext& context);

}  // namespace halfscope
