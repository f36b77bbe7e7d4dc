// The top line: menus, run controls, seed, theme. Drawn by the Workbench inside its window's menu bar.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_menu_bar(const PanelContext& context);

}  // namespace halfscope
