// The validation metric of all lanes over the same steps.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_validation_panel(const PanelContext& context);

}  // namespace halfscope
