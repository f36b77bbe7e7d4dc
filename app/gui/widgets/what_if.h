// What any other power-of-two loss scale would do to these very gradients: shares flushed and overflowing,
// exact from the histogram's counters (numerics.md). It says nothing of losses further up the network, and
// says so. Used by the gradients panel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/scale_area.h"
#include "numerics/number_format.h"
#include "session/snapshot.h"
#include "train/retained_values.h"
#include "train/scale_sweep.h"

namespace halfscope {

/// One hypothetical scale 2^exponent, of those that a sweep measures (train/scale_sweep.h).
struct WhatIfPoint {
    int exponent = 0;
    double flushed = 0, overflow = 0;  ///< percent of all non-zero finite elements
};

/// Empty where the probe has no finite value but zeros: nothing can be predicted of them.
std::vector<WhatIfPoint> what_if(const Probe& probe);
/// The largest exponent without overflow; kLowestSweptScale - 1 where every one overflows.
int largest_without_overflow(const std::vector<WhatIfPoint>& points);

/// The probe as it would be had these very gradients contained the loss scale 2^exponent: exponents moved,
/// FP16's classes predicted from them. What only a measurement tells (relative error, cosine) is not there.
Probe under_scale(const Probe& probe, int exponent);
/// All tensors of one kind as one, under the name `name`.
Probe total_of(const std::vector<const Probe*>& probes, const std::string& name);

/// The scales that lose least: no overflow, and of those the fewest flushed.
struct WhatIfWindow {
    int first = 0, last = -1;  ///< exponents; last < first: every scale overflows
    double flushed = 0;        ///< percent, within it
    bool is_empty() const { return last < first; }
};
WhatIfWindow best_window(const std::vector<WhatIfPoint>& points);

/// The same of values that were kept, in any format.
std::vector<WhatIfPoint> what_if(const RetainedValues& values, NumberFormat format);

/// What is drawn over the scales, and the one in use with what happens there.
struct WhatIfCurves {
    std::vector<WhatIfPoint> points;
    double now_scale = 1;
    double now_flushed = 0, now_overflow = 0;  ///< percent
    const char* now_word = "now";
    std::string exactness;  ///< for the tooltip: for what these figures hold
};
/// In the area, with its labels around it; hovering tells the figures. `shown`: a hypothetical scale that is
/// marked, by its exponent.
void draw_what_if_curves(ImDrawList* draw, const Theme& theme, const WhatIfCurves& curves,
                         std::optional<int> shown, const ScaleArea& area);
/// A drag over the area sets the scale below the mouse; a double click ends it. `id`:
/// "gradients/what_if/curves", for UiProbe.
void drag_what_if_scale(UiState& ui, const ScaleArea& area, std::optional<int>& scale, const std::string& id);

/// Where in it scales are dragged.
ScaleArea what_if_area(const Theme& theme, ImVec2 min, ImVec2 max);
/// `shown`: a hypothetical scale that is marked, by its exponent.
void draw_what_if(ImDrawList* draw, const Theme& theme, const Probe& probe, const Techniques& techniques,
                  std::optional<int> shown, ImVec2 min, ImVec2 max);

}  // namespace halfscope
