// Histograms of the selected lane's tensors against FP16's range: flushed, subnormal, normal, overflow.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_gradients_panel(const PanelContext& context);

}  // namespace halfscope
