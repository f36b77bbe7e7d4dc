// What every panel gets, and nothing more: the latest snapshot, the history, where commands go, what the
// window remembers, and the looks. A panel is a free function void draw_..._panel(const PanelContext&) that
// draws into the current child region. It must not see a Lane, a Backend or another panel, and must not
// block.
#pragma once

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/heat_map.h"
#include "gui/widgets/texture.h"
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
    TextureCache& textures;
    HeatMaps& heat_maps;
};

using DrawPanel = void (*)(const PanelContext&);

}  // namespace halfscope
