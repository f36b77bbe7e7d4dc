// What a panel is: a function that draws into the current child window from the latest Snapshot and the Timeline, and sends
// Commands. Panels know widgets, never a Lane, a Backend or another panel. The explicit list is panel_list.cpp.
#pragma once

#include "gui/theme.h"
#include "gui/ui_probe.h"
#include "gui/ui_state.h"
#include "session/command.h"
#include "session/snapshot.h"
#include "session/timeline.h"

namespace halfscope {

struct PanelContext {
    const Snapshot& snapshot;
    const Timeline& timeline;
    CommandSink& commands;
    UiState& ui;
    const Theme& theme;
    UiProbe& probe;
};

/// Draws into the current child window; all of it scrolls inside.
using DrawPanel = void (*)(const PanelContext&);

}  // namespace halfscope
