// The lower part of the gradients panel: the selected row over time, and under other loss scales and formats.
// Drawn by that panel; asks the session for whole gradients where a format needs them.
#pragma once

#include <string>
#include <vector>

#include "gui/panels/panel.h"
#include "gui/widgets/range_histogram.h"

namespace halfscope {

/// A row of the gradients panel: a tensor, a layer, or all of them.
struct GradientRow {
    const Probe* probe = nullptr;      ///< of several tensors: as if they were one
    std::vector<std::string> tensors;  ///< that it stands for
    bool is_single() const { return tensors.size() == 1; }
};

/// Gradients are shown as the panel shows them: unscaled makes no difference where values contain no scale.
GradientView shown_view(const UiState& ui);

/// In what is left of the current window; `axis` is that of the rows above.
void draw_gradient_detail(const PanelContext& context, const LaneSnapshot& lane, const GradientRow& row,
                          const ExponentAxis& axis);

}  // namespace halfscope
