// Training loss of all lanes over the steps, with a marker at every toggle.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_loss_panel(const PanelContext& context);

}  // namespace halfscope
