#include "gui/widgets/range_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "gui/widgets/draw.h"
#include "program/percent.h"

namespace halfscope {
namespace {

/// Values in [2^exponent, 2^(exponent+1)) by bin of the axis; what lies outside is in the first or last bin.
std::vector<double> binned(const ExponentAxis& axis, const ExponentSpan& histogram, double shift) {
    const int bins = static_cast<int>(axis.high - axis.low);
    std::vector<double> values(static_cast<std::size_t>(bins), 0.0);
    const int offset = static_cast<int>(std::lround(shift - axis.low));
    for (int exponent = -149; exponent <= 127; ++exponent) {
        const auto count = static_cast<double>(histogram.at(exponent));
        if (count > 0) values[static_cast<std::size_t>(std::clamp(exponent + offset, 0, bins - 1))] += count;
    }
    return values;
}

double largest(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

/// What of a shift is not a whole number of bins: bars move by it, so that they stay where their values are.
float fraction(double shift) { return static_cast<float>(shift - std::lround(shift)); }

/// Ticks of the log2 axis. The bands' edges come first: in the unscaled view they are elsewhere, and what the
/// reader looks for. Then multiples of 8, where a label still fits.
void draw_ticks(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, const BandEdges& edges,
                float bottom) {
    std::vector<int> exponents;
    for (const double edge : {edges.subnormal, edges.normal, edges.overflow}) {
        exponents.push_back(static_cast<int>(std::lround(edge)));
    }
    for (int exponent = static_cast<int>(std::floor(axis.low / 8)) * 8; exponent <= axis.high;
         exponent += 8) {
        exponents.push_back(exponent);
    }
    std::vector<std::pair<float, float>> taken;
    const float line = ImGui::GetTextLineHeight(), gap = theme.px(4);
    for (const int exponent : exponents) {
        if (exponent < axis.low || exponent > axis.high) continue;
        const std::string label = theme.power_of_two(exponent);
        const float width = ImGui::CalcTextSize(label.c_str()).x, at = axis.x(exponent);
        draw->AddLine(ImVec2(at, bottom - theme.px(3)), ImVec2(at, bottom), theme.axis);
        const float from = at - width * 0.5f, to = at + width * 0.5f;
        const bool is_free =
            std::none_of(taken.begin(), taken.end(), [&](const std::pair<float, float>& other) {
                return from < other.second + gap && to + gap > other.first;
            });
        if (!is_free || to > axis.right + theme.px(8) || from < axis.left - theme.px(12)) continue;
        draw->AddText(ImVec2(from, bottom - line - theme.px(3)), theme.text_dim, label.c_str());
        taken.emplace_back(from, to);
    }
}

}  // namespace

Band BandEdges::at(double exponent) const {
    if (exponent < subnormal) return Band::flushed;
    if (exponent < normal) return Band::subnormal;
    return exponent < overflow ? Band::normal : Band::overflow;
}

ClassShares class_shares(const ClassCounts& counts, ShareOf share_of) {
    ClassShares shares;
    shares.true_zero = percent_of(counts.true_zero, counts.count());
    shares.denominator = counts.count() - (share_of == ShareOf::nonzero ? counts.true_zero : 0);
    shares.flushed = percent_of(counts.flushed, shares.denominator);
    shares.subnormal = percent_of(counts.subnormal, shares.denominator);
    shares.normal = percent_of(counts.normal, shares.denominator);
    shares.overflow = percent_of(counts.inf, shares.denominator);
    shares.nan = percent_of(counts.nan, shares.denominator);
    return shares;
}

double lost_percent(const ClassCounts& counts) {
    return percent_of(counts.flushed + counts.inf + counts.nan, counts.count() - counts.true_zero);
}

void draw_bands(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges, float top,
                float bottom) {
    const double borders[] = {axis.low, edges.subnormal, edges.normal, edges.overflow, axis.high};
    for (int band = 0; band < kBandCount; ++band) {
        const double from = std::clamp(borders[band], axis.low, axis.high);
        const double to = std::clamp(borders[band + 1], axis.low, axis.high);
        if (to <= from) continue;
        draw_band(draw, ImVec2(axis.x(from), top), ImVec2(axis.x(to), bottom),
                  theme.band(static_cast<Band>(band)), theme.scale);
    }
}

void draw_bars(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges,
               const ExponentSpan& histogram, double shift, float top, float bottom) {
    const std::vector<double> values = binned(axis, histogram, shift);
    const double highest = largest(values);
    if (highest <= 0) return;
    const float rest = fraction(shift);
    for (std::size_t bin = 0; bin < values.size(); ++bin) {
        if (values[bin] <= 0) continue;
        const double exponent = axis.low + static_cast<double>(bin) + rest;
        // At least a pixel: a single value in a million is still there.
        const float height = std::max(1.0f, static_cast<float>(values[bin] / highest) * (bottom - top));
        const float left = std::max(axis.x(exponent), axis.left),
                    right = std::min(axis.x(exponent + 1), axis.right);
        draw->AddRectFilled(ImVec2(left + 0.5f, bottom - height), ImVec2(right - 0.5f, bottom),
                            theme.band(edges.at(exponent + 1e-6)).solid);
    }
}

void draw_outline(ImDrawList* draw, ImU32 colour, const ExponentAxis& axis, const ExponentSpan& histogram,
                  double shift, float top, float bottom, float thickness) {
    const std::vector<double> values = binned(axis, histogram, shift);
    const double highest = largest(values);
    if (highest <= 0) return;
    const float rest = fraction(shift);
    std::vector<ImVec2> points;
    for (std::size_t bin = 0; bin < values.size(); ++bin) {
        const float y = bottom - static_cast<float>(values[bin] / highest) * (bottom - top);
        const double exponent = axis.low + static_cast<double>(bin) + rest;
        points.emplace_back(std::clamp(axis.x(exponent), axis.left, axis.right), y);
        points.emplace_back(std::clamp(axis.x(exponent + 1), axis.left, axis.right), y);
    }
    draw->AddPolyline(points.data(), static_cast<int>(points.size()), colour, 0, thickness);
}

void draw_exponent_axis(ImDrawList* draw, const Theme& theme, const ExponentAxis& axis, BandEdges edges,
                        float top, float bottom) {
    const double borders[] = {axis.low, edges.subnormal, edges.normal, edges.overflow, axis.high};
    for (int index = 0; index < kBandCount; ++index) {
        const BandLook look = theme.band(static_cast<Band>(index));
        const double from = std::clamp(borders[index], axis.low, axis.high),
                     to = std::clamp(borders[index + 1], axis.low, axis.high);
        const float width = axis.x(to) - axis.x(from);
        char text[32];
        std::snprintf(text, sizeof text, "%c %s", look.letter, look.name);
        if (ImGui::CalcTextSize(text).x > width - theme.px(6)) text[1] = '\0';
        const float text_width = ImGui::CalcTextSize(text).x;
        if (text_width < width) {
            draw->AddText(ImVec2(axis.x(from) + (width - text_width) * 0.5f, top), look.solid, text);
        }
    }
    draw_ticks(draw, theme, axis, edges, bottom);
}

}  // namespace halfscope
