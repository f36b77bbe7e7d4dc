// The left half of a settings row: a name and its (?), cut to a common column so that in a narrow panel they
// never run under the control. Used by the panels that list settings; keeps no state.
#pragma once

#include <string>
#include <string_view>

#include <imgui.h>

#include "gui/theme.h"

namespace halfscope {

/// The column's width that `text` and its (?) need; take the largest of a panel's rows.
float row_label_need(const Theme& theme, std::string_view text);

/// Draws the name and the help mark, then moves to the control's place, `width` right of the row's start. The
/// name is cut with an ellipsis where it must be, and then opens the help's tooltip too.
void row_label(const Theme& theme, std::string_view text, ImU32 colour, const std::string& help, float width);

}  // namespace halfscope
