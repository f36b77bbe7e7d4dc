// What lies over the tiles: how far an opening is, messages that came up, and the dialogs for keys, the
// paper's results, messages so far, opening and saving files, and about. Drawn by the Workbench after
// everything else.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_overlays(const PanelContext& context);

}  // namespace halfscope
