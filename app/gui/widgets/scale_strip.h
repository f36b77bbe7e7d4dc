// One gradient and its update under every loss scale: a strip of how it would be stored, over one of what
// would become of the update, with the lane's own scale marked. Used by the microscope; an ImGui item in the
// current layout that keeps no state.
#pragma once

#include <string>
#include <vector>

#include <imgui.h>

#include "gui/theme.h"
#include "gui/ui_probe.h"
#include "train/update_scales.h"

namespace halfscope {

ImU32 fate_colour(const Theme& theme, UpdateFate fate);
const char* fate_name(UpdateFate fate);

/// Drawn values are "microscope/scale/<log2 S>/gradient" and ".../update".
void draw_scale_strip(const Theme& theme, UiProbe& probe, const UpdatePeek& peek,
                      const std::vector<ScaledUpdate>& updates);
/// The same in words: below which scale the gradient is stored as zero, and from which it overflows.
std::string scale_sentence(const Theme& theme, const UpdatePeek& peek,
                           const std::vector<ScaledUpdate>& updates);

}  // namespace halfscope
