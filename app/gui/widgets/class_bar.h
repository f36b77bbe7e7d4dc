// The classes of one tensor as parts of a bar: flushed, subnormal, normal, overflow, and NaN, each with its
// band's look and letter. Draws on a draw list; keeps no state.
#pragma once

#include <imgui.h>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "numerics/classes.h"

namespace halfscope {

/// Full width is 100% of the denominator (ClassShares); true zeros, where they are part of it, stay empty.
void draw_class_bar(ImDrawList* draw, const Theme& theme, const ClassCounts& counts, ShareOf share_of,
                    ImVec2 min, ImVec2 max);

}  // namespace halfscope
