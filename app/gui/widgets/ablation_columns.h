// What the table of an ablation writes into its cells, and how much of it has room. Made anew where the
// results or the text size are others, not in every frame. Used by ablation_grid.cpp alone; it draws nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "program/ablation_table.h"
#include "train/ablation.h"

namespace halfscope {

/// One column: a factor (index in AblationResults::factors), a measure, or how many seeds are done.
struct GridColumn {
    enum class Kind : std::uint8_t { chip, factor, measure, seeds };
    Kind kind = Kind::chip;
    std::size_t factor = 0;
    AblationMeasure measure = AblationMeasure::final_loss;
    std::string title, help, probe;
    float wide = 0, narrow = 0;  ///< pixels, with the text on one line, and with the spread below the mean
};

/// one_line: "0.51 ± 0.02" of every measure. folded: all of them, the spread below the mean. one_set: the
/// same of the chosen columns.
enum class GridFit : std::uint8_t { one_line, folded, one_set };

struct GridTexts {
    std::shared_ptr<const AblationResults> results;
    float text_pixels = 0;
    std::vector<GridColumn> columns;              ///< all that differ between rows
    std::vector<std::vector<std::string>> cells;  ///< by row and column
    std::vector<std::string> same;                ///< "loss_scaling=static": factors of one value
};

/// Those of ui.ablation, made anew where they are of something else.
const GridTexts& grid_texts(const Theme& theme, UiState& ui,
                            const std::shared_ptr<const AblationResults>& results);

/// "0.51 ± 0.02 (1 of 3 not finite)" on three lines.
std::string folded(std::string text);

/// In `room` pixels, with so many between two columns.
GridFit fit_of(const GridTexts& texts, float room, float gap);
/// Indices of the columns that are shown then.
std::vector<std::size_t> shown_columns(const GridTexts& texts, GridFit fit, AblationColumns chosen);

/// "2^15" for "32768", where a key's values are numbers; else the value as it is.
std::string value_label(const Theme& theme, const std::string& key, const std::string& value);

}  // namespace halfscope
