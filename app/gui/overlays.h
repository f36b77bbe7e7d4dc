// What lies over the tiles: how far an opening is, messages that came up, and the dialogs for keys, the
// paper's results, messages so far, opening data and about. Drawn by the Workbench after everything else.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

void draw_overlays(const PanelContext& context);

/// Trains digits-cnn on a folder or an IDX file of pictures, char-gru on anything else as text, with the
/// present lanes where the scenario stays. Used by the dialog and for what is dropped.
void open_data_file(const PanelContext& context, const std::string& path);

}  // namespace halfscope
