// The table of an ablation: a line a combination, mean and spread of every measure, sorted by a click on a
// title. A click on a line hides or shows its curve. Used by the ablation panel; it writes numbers as
// program/ablation_table.h does.
#pragma once

#include <memory>
#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "train/ablation.h"

namespace halfscope {

/// "on, dynamic": a row's values.
std::string row_label_of(const Theme& theme, const AblationResults& results, const AblationRow& row);

/// At most `most_height` pixels high, what stands above the table itself aside; more rows scroll.
void draw_ablation_grid(const Theme& theme, UiState& ui,
                        const std::shared_ptr<const AblationResults>& results, float most_height);

}  // namespace halfscope
