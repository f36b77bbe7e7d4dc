// Rules that watch the run, a row each, and below them what fired: a click goes to the step, or to what the
// alert is about. The rules are the window's (UiState); what fired is the snapshot's.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_alerts_panel(const PanelContext& context);

}  // namespace halfscope
