// A table of numbers that fits its panel: names at the left, numbers at the right edge of their columns in
// tabular digits, and the least important columns left out where there is no room. Used by the comparison
// panel. It keeps no state and must not know what the numbers mean.
#pragma once

#include <string>
#include <vector>

#include <imgui.h>

#include "gui/theme.h"
#include "gui/ui_probe.h"

namespace halfscope {

struct NumberColumn {
    std::string title, help;
    int drop_rank = 0;  ///< 0: always shown; else the highest rank is left out first
};

struct NumberCell {
    std::string text;
    ImU32 colour = 0;  ///< 0: that of text
    std::string help;
    float bar = -1;  ///< 0..1: a thin bar below the number; negative: none
};

struct NumberRow {
    std::string name;
    int lane_id = -1;               ///< a lane's chip before the name; -1: none
    ImU32 swatch = 0;               ///< a colour square before the name; 0: none
    std::string probe;              ///< id of the row's rectangle for tests; empty: none
    std::vector<NumberCell> cells;  ///< as many as columns
};

/// How many leading ranks fit: columns of a higher rank are left out. `needs` are widths, `room` the width.
int shown_rank(const std::vector<NumberColumn>& columns, const std::vector<float>& needs, float room);

/// Draws at the cursor, as wide as the region.
void draw_number_table(const Theme& theme, UiProbe& probe, const char* id, const std::string& name_title,
                       const std::vector<NumberColumn>& columns, const std::vector<NumberRow>& rows);

}  // namespace halfscope
