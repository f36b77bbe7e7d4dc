// Every technique key of the selected lane, effective at the next step.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_techniques_panel(const PanelContext& context);

}  // namespace halfscope
