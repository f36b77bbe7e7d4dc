// Small drawings on an ImDrawList that panels and widgets share: line styles, hatches, markers, lane chips.
// No state, no ImGui items.
#pragma once

#include <string>
#include <string_view>

#include <imgui.h>

#include "gui/theme.h"

namespace halfscope {

/// A polyline in a line style, dashed along x so that noisy curves stay readable. Long lines are drawn in
/// parts below ImGui's 16-bit index limit. Non-finite points must have been left out.
void draw_styled_line(ImDrawList* draw, const ImVec2* points, int count, ImU32 colour, float thickness,
                      LineStyle style, float scale);

/// Hatch lines inside a rectangle, clipped to it.
void draw_hatch(ImDrawList* draw, ImVec2 min, ImVec2 max, HatchStyle style, ImU32 colour, float spacing);

/// A band's background: fill and hatch.
void draw_band(ImDrawList* draw, ImVec2 min, ImVec2 max, const BandLook& look, float scale);

enum class MarkerShape { triangle_up, triangle_down, cross, circle, square, diamond };
void draw_marker(ImDrawList* draw, ImVec2 centre, float radius, MarkerShape shape, ImU32 colour);

/// A triangle with an exclamation mark: that an alert rule fired.
void draw_alert_sign(ImDrawList* draw, const Theme& theme, ImVec2 centre, float radius);

/// Text cut with an ellipsis where it is wider than `width`. Returns the width drawn.
float draw_clipped_text(ImDrawList* draw, ImVec2 position, float width, ImU32 colour, std::string_view text);
/// "layer1.0.conv1.weight" as "l1.0.conv1.weight": shorter, and still another name than layer2's.
std::string shortened_name(std::string_view name);
/// A dotted name, shortened where it is too wide, then cut in its middle: both ends tell names apart.
void draw_name_text(ImDrawList* draw, ImVec2 position, float width, ImU32 colour, std::string_view name);

}  // namespace halfscope
