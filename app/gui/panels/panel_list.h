// The explicit list of panels. A new panel is one file in panels/ and one line in panel_list.cpp; layout.cpp says where it stands.
#pragma once

#include <string_view>
#include <vector>

#include "gui/panels/panel.h"

namespace halfscope {

struct PanelInfo {
    std::string_view id;     ///< "loss"; what layouts name
    std::string_view title;  ///< drawn above the panel
    DrawPanel draw;
};

const std::vector<PanelInfo>& panel_list();
/// The panel of that id; nullptr where there is none.
const PanelInfo* find_panel(std::string_view id);

}  // namespace halfscope
