// The table of an ablation: a line a combination, mean and spread of every measure, sorted by a click on a
// title. A click on a line hides or shows its curve. Used by the ablation panel; it writes numbers as
// program/ablation_table.h does.
#pragma once

#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "train/ablation.h"

namespace halfscope {

/// "2^15" for "32768", where a key's values are numbers; else the value as it is.
std::string value_label(const Theme& theme, const std::string& key, const std::string& value);

/// "on, dynamic": a row's values.
std::string row_label_of(const Theme& theme, const AblationResults& results, const AblationRow& row);

/// Height that all rows take; less scrolls.
float ablation_grid_height(const AblationResults& results);

void draw_ablation_grid(const Theme& theme, UiState& ui, const AblationResults& results, float height);

}  // namespace halfscope
