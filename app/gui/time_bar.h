// Where the run stands among the steps it can go to: a track in the menu bar whose handle is dragged to go
// back, or on. Used by the menu bar.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

/// As wide as `width` allows; nothing where that is too little.
void draw_time_bar(const PanelContext& context, float width);

}  // namespace halfscope
