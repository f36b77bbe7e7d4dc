// Small controls that panels share: help marks, lane chips, bands' legend, tooltips. They are ImGui items in
// the current layout and keep no state of their own.
#pragma once

#include <string>
#include <string_view>

#include <imgui.h>

#include "gui/theme.h"
#include "train/bytes_text.h"

namespace halfscope {

/// A dim "(?)" on the same line; hovering shows `text`, wrapped.
void help_marker(const Theme& theme, const char* text);
/// The same where the cursor is.
void help_mark(const Theme& theme, const char* text);
/// A wrapped tooltip for the last item, also where it is disabled.
void item_tooltip(const Theme& theme, std::string_view text);
/// Opens a tooltip window with our wrap width; close with end_tooltip().
void begin_tooltip(const Theme& theme);
void end_tooltip();

/// A lane's colour square with its letter, and (wide enough) its line style: an item of the height of text.
void lane_chip(const Theme& theme, int lane_id);
/// A square with a band's look and letter.
void band_chip(const Theme& theme, Band band);

/// Dim text; text in a status colour; text in tabular digits.
void dim_text(const Theme& theme, const char* text);
void coloured_text(ImU32 colour, const char* text);
void mono_text(const Theme& theme, const char* text);
void wrapped_dim_text(const Theme& theme, const char* text);
/// A dim line over a panel's picture, or two where it is too long for one and the panel is high; hovering
/// shows it whole.
void caption_line(const Theme& theme, const std::string& text);
/// What an empty panel says, centred: what it will show and what to do.
void empty_state(const Theme& theme, const char* text);

/// A section's heading inside a panel: small capitals and a line.
void section_heading(const Theme& theme, const char* text);

/// An entry of an open combo or popup, where keyboard and scrolling begin at the chosen one. True where it
/// was clicked.
bool combo_entry(const char* label, bool is_chosen, ImGuiSelectableFlags flags = 0);

/// A small button that looks pressed while `is_on`. True where it was clicked.
enum class ToggleLook { off, on };
bool toggle_button(const Theme& theme, const char* label, ToggleLook look);

/// Numbers as the window writes them: shortest useful digits, "NaN", "inf", "-inf".
std::string number_text(double value, int significant_digits = 4);
/// 12,345: whole numbers with thin grouping.
std::string count_text(std::int64_t value);
/// "2^15" (as the theme writes it) for large and small powers of two, else a number.
std::string scale_label(const Theme& theme, double scale);

}  // namespace halfscope
