// Post-mortem of overflows: the selected lane's skipped and poisoned steps, and for one of them where its
// first value that is not finite arose. Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_overflow_panel(const PanelContext& context);

}  // namespace halfscope
