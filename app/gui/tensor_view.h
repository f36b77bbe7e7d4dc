// Tensors from a file that the user opens or drops: a window over the tiles with a row for each against
// FP16's range, and the selected one under other loss scales and in other formats. Opened by files.cpp, drawn
// by overlays.cpp; reading and counting is TensorReader's, on a thread of its own.
#pragma once

#include <string>

#include "gui/panels/panel.h"

namespace halfscope {

/// Shows the file's tensors; what was shown before goes. With TensorPurpose::decide a file that holds the
/// present network's weights is loaded into every lane instead.
void open_tensors(const PanelContext& context, const std::string& path, TensorPurpose purpose);

/// Decides, where that is to be decided, and draws the window where one is open.
void draw_tensor_view(const PanelContext& context);

}  // namespace halfscope
