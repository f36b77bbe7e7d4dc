// The choice of a number format that nothing need be stored in: FP16, BF16, the 8-bit ones, or any split of
// exponent and mantissa bits. Used by the gradients' what-if and by the view of tensor files; changes the
// WhatIfFormat it is given alone.
#pragma once

#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/range_histogram.h"
#include "numerics/number_format.h"

namespace halfscope {

/// FP16 where the choice is to show what was counted.
NumberFormat format_of(const WhatIfFormat& choice);
/// "BF16"; "1-6-9" for a custom one with six exponent and nine mantissa bits.
std::string format_name(const WhatIfFormat& choice);
/// "zero up to 2^-25, normal from 2^-14, largest 65504".
std::string format_limits(const Theme& theme, NumberFormat format);
/// Where the format's bands begin, as BandEdges has it for FP16.
BandEdges band_edges(NumberFormat format);

/// A list of formats; for the custom one, its bits beside it. `counted`: whether "as counted (FP16)" is one
/// of them. `id`: "gradients/format", for UiProbe.
enum class CountedChoice { offered, none };
void draw_format_choice(const Theme& theme, UiState& ui, WhatIfFormat& choice, CountedChoice counted,
                        const std::string& id);

}  // namespace halfscope
