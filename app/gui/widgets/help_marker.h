// The (?) beside a control: hover shows what it is, with its source.
#pragma once

#include <string_view>

#include "gui/theme.h"

namespace halfscope {

/// Draws "(?)" on the same line; the tooltip wraps at about 40 characters of width.
void help_marker(const Theme& theme, std::string_view meaning, std::string_view source = {});
/// A wrapped tooltip for the last item while it is hovered.
void item_tooltip(const Theme& theme, std::string_view text);

}  // namespace halfscope
