// One line of the gradients panel: name, exponent histogram over FP16's bands, shares of the classes in
// tabular digits, and the tooltip with exact counts. Draws on a draw list; keeps no state.
#pragma once

#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/range_histogram.h"
#include "session/snapshot.h"

namespace halfscope {

/// How wide the parts of all rows are, so that their axes and columns align.
struct RowColumns {
    float name = 0;          ///< width of the names
    float number = 0;        ///< width of one column of numbers
    bool all_bands = false;  ///< F, S, N and O, else F and O alone
    bool zeros = false;      ///< share of true zeros
    bool errors = false;     ///< relative error and cosine against the shadow pass
    bool swallowed = false;  ///< share of swallowed updates
    int count() const {
        return (all_bands ? 4 : 2) + (zeros ? 1 : 0) + (errors ? 2 : 0) + (swallowed ? 1 : 0);
    }
};

RowColumns choose_columns(float width, float longest_name, ProbeKind kind, const Theme& theme);

/// What the exponents of a probe are shown with: nothing in the scaled view, -log2 S in the unscaled one.
double shown_shift(const Probe& probe, GradientView view);

/// The header over the columns of numbers: letters of the bands, err, cos, lost.
void draw_column_titles(ImDrawList* draw, const Theme& theme, const RowColumns& columns, float right,
                        float top);

/// `axis` gives left and right of the histogram; the numbers end at `right`.
void draw_tensor_row(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                     const RowColumns& columns, GradientView view, ShareOf share_of, ImVec2 min, ImVec2 max);

/// Exact counts, one line each.
void tensor_tooltip(const Theme& theme, const Probe& probe, std::int64_t step);

/// Percentages as the window writes them: "0", "<0.1", "31.2", "100".
std::string percent_text(double percent);

}  // namespace halfscope
