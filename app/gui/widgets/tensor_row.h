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
    float name = 0;            ///< width of the names
    bool short_names = false;  ///< all of them as shortened_name(), because one is too wide
    float number = 0;          ///< width of one column of numbers
    bool all_bands = false;    ///< F, S, N and O, else F and O alone
    bool zeros = false;        ///< share of true zeros
    bool errors = false;       ///< relative error and cosine against the shadow pass
    bool swallowed = false;    ///< share of swallowed updates
    int count() const {
        return (all_bands ? 4 : 2) + (zeros ? 1 : 0) + (errors ? 2 : 0) + (swallowed ? 1 : 0);
    }
};

RowColumns choose_columns(float width, float longest_name, ProbeKind kind, const Theme& theme);

bool is_gradient(ProbeKind kind);
/// Whether every value is an exact zero. For a gradient that means that what came down from the layer above
/// was flushed before it got here.
bool is_all_zero(const Probe& probe);

/// log2 of the loss scale that values contain; 0 where there is none.
double contained_log2(double scale);
/// What the exponents of a probe are shown with: nothing in the scaled view, -log2 S in the unscaled one.
double shown_shift(double scale, GradientView view);

/// The header over the columns of numbers: letters of the bands, err, cos, lost.
void draw_column_titles(ImDrawList* draw, const Theme& theme, const RowColumns& columns, float right,
                        float top);

/// `axis` gives left and right of the histogram; the numbers end at `right`.
void draw_tensor_row(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                     const RowColumns& columns, GradientView view, ShareOf share_of, ImVec2 min, ImVec2 max);

/// Says so over the bars where every value is an exact zero.
void draw_all_zero(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                   float top, float bottom);

/// Exact counts, one line each, for a tooltip.
void count_lines(const Theme& theme, const KeptCounts& counts);
/// The same with what else a probe tells.
void tensor_tooltip(const Theme& theme, const Probe& probe, std::int64_t step);

}  // namespace halfscope
