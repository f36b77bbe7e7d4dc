// Numbers as their bits: sign, exponent and mantissa side by side, and an addition with the smaller number
// shifted until the exponents agree. Used by the microscope; draws on a draw list and keeps no state.
#pragma once

#include <imgui.h>

#include "gui/theme.h"
#include "numerics/format.h"

namespace halfscope {

/// One cell a bit, from the sign on, as wide as `room` for an FP32 number allows. Returns the width drawn.
float draw_bits(ImDrawList* draw, const Theme& theme, Format format, float value, ImVec2 at, float room);
/// The height of a row of bits.
float bit_height(const Theme& theme);

/// w + d on one axis of powers of two: both numbers' bits, their sum, and what `format` keeps of it. Bits
/// right of the last one that the format holds are marked. Returns the height drawn.
float draw_addition(ImDrawList* draw, const Theme& theme, Format format, float weight, float update,
                    float stored, ImVec2 min, float width);

}  // namespace halfscope
