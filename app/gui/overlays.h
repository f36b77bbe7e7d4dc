// What lies over the tiles: messages that came up, and the dialogs for keys, the paper's results, messages so
// far, opening a text and about. Drawn by the Workbench after everything else.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_overlays(const PanelContext& context);

/// Trains char-gru on a text file, with the present lanes. Used by the dialog and for dropped files.
void open_text_file(const PanelContext& context, const std::string& path);

}  // namespace halfscope
