// Every panel of the window, explicitly. A new panel is one file and one line in panel_list.cpp.
#pragma once

#include <array>

#include "gui/layout.h"
#include "gui/panels/panel.h"

namespace halfscope {

/// Panels that answer one sort of question; their tabs stand together.
struct PanelGroup {
    const char* title;
    const char* help;
};

struct PanelEntry {
    const char* id;     ///< "loss"
    const char* title;  ///< "LOSS"
    const char* help;   ///< one or two sentences behind the title's (?)
    DrawPanel draw;
    Slot slot;
    const char* tab = nullptr;          ///< its name where it shares a tile
    const PanelGroup* group = nullptr;  ///< null: none
};

/// In the order of Slot: panel_list()[int(slot)] is the panel of that slot.
const std::array<PanelEntry, kSlotCount>& panel_list();

inline const PanelEntry& panel_of(Slot slot) { return panel_list()[static_cast<std::size_t>(slot)]; }

}  // namespace halfscope
