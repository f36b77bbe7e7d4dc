// The loss scale of all lanes, log2, with growth, backoff and skipped steps.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_loss_scale_panel(const PanelContext& context);

}  // namespace halfscope
