// The network as a graph: every node with its tensors, coloured by what FP16 loses of them; the way to any
// tensor's histogram. Listed in panel_list.cpp; draws from Snapshot alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_network_panel(const PanelContext& context);

}  // namespace halfscope
