// The selected lane's gradient error over the loss scale: asks for a sweep and shows what it found. Listed in
// panel_list.cpp; draws from Snapshot alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_scale_sweep_panel(const PanelContext& context);

}  // namespace halfscope
