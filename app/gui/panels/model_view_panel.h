// What the model does: fitted pictures, decision maps or generated text of all lanes.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_model_view_panel(const PanelContext& context);

}  // namespace halfscope
