// Windows over the tiles, in one look: dialogs as high as what is in them, and large ones. Used by overlays
// and by the view of tensor files; end each with ImGui::End(), whatever begin returned.
#pragma once

#include "gui/panels/panel.h"

namespace halfscope {

/// In the middle, with a close button; as wide as that at scale 1.
bool begin_dialog(const PanelContext& context, const char* title, bool& open, float width);
/// In the middle, over most of the window.
bool begin_large_dialog(const PanelContext& context, const char* title, bool& open);

}  // namespace halfscope
