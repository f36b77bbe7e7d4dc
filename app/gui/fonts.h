// Finds real fonts on the system and loads them at a size: Inter or DejaVu Sans for text, JetBrains Mono or
// DejaVu Sans Mono for digits, ImGui's own as the last resort. Called by the Workbench when sizes change.
#pragma once

#include "gui/theme.h"

namespace halfscope {

/// Fills the theme's fonts for text of `pixels` height in a fresh atlas of the current ImGui context; the
/// renderer must then rebuild its font texture. Never fails: what is missing is replaced.
void load_fonts(Theme& theme, float pixels);

}  // namespace halfscope
