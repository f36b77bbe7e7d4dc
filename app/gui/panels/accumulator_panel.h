// The accumulator lab: one sum of a live layer, added up in several ways. Listed in panel_list.cpp; draws
// from Snapshot alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_accumulator_panel(const PanelContext& context);

}  // namespace halfscope
