// One tensor against FP16's range: the four bands behind, the exponent histogram before them, and the shares
// of each class. Used by the gradients panel and the tensor's detail. Draws on a draw list; keeps no state.
#pragma once

#include <imgui.h>

#include "gui/theme.h"
#include "train/lane.h"

namespace halfscope {

/// The log2 axis that all rows, the waterfall and the bands share.
struct ExponentAxis {
    float left = 0, right = 1;    ///< pixels
    double low = -44, high = 20;  ///< exponents at the two ends
    float x(double exponent) const {
        return left + static_cast<float>((exponent - low) / (high - low)) * (right - left);
    }
};

/// Where FP16's bands begin, in log2 of the stored value: at most 2^-25 is flushed, below 2^-14 subnormal,
/// 65520 and more overflows (drawn at 2^16).
struct BandEdges {
    double subnormal = -25, normal = -14, overflow = 16;
    BandEdges shifted(double by) const { return {subnormal + by, normal + by, overflow + by}; }
    Band at(double exponent) const;
};

/// What a row says beside its bars, as counted (never estimated).
struct ClassShares {
    double flushed = 0, subnormal = 0, normal = 0, overflow = 0, nan = 0;  ///< percent of the denominator
    double true_zero = 0;                                                  ///< percent of all elements
    std::uint64_t denominator = 0;
};
/// Shares of FP16's classes: of non-zero elements (NaN counts as non-zero), or of all. NaN is in none of the
/// four.
ClassShares class_shares(const ClassCounts& counts, ShareOf share_of);
/// Percent of the non-zero elements that the format does not hold: flushed, infinite or NaN.
double lost_percent(const ClassCounts& counts);

void draw_bands(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges, float top,
                float bottom);
/// Bars coloured by band; `shift` is added to every exponent (-log2 S in the unscaled view).
void draw_bars(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges,
               const ExponentSpan& histogram, double shift, float top, float bottom);
/// The same as an outline: the reference behind the bars.
void draw_outline(ImDrawList* draw, ImU32 colour, const ExponentAxis& axis, const ExponentSpan& histogram,
                  double shift, float top, float bottom, float thickness);
/// The bands' letters and names below `top`; above `bottom` ticks with labels: the bands' edges and multiples
/// of 8.
void draw_exponent_axis(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges,
                        float top, float bottom);

}  // namespace halfscope
