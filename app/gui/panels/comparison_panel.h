// FP32 beside FP16: metric, step time and bytes of all lanes; error against the shadow pass by layer.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_comparison_panel(const PanelContext& context);

}  // namespace halfscope
