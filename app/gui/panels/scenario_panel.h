// What is trained: the scenario, its sliders, its text file. Changes restart the experiment.
// Listed in panel_list.cpp; draws from Snapshot and Timeline alone.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_scenario_panel(const PanelContext& context);

}  // namespace halfscope
