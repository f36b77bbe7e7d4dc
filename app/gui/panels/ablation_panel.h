// The ablation: which techniques and seeds to vary, the runs in the background, and what came of them. Drawn
// by the Workbench.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_ablation_panel(const PanelContext& context);

}  // namespace halfscope
