#include "gui/widgets/tensor_row.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "program/percent.h"

namespace halfscope {
namespace {

constexpr double kAlarmingPercent = 50;  // a whole layer is about to be lost (scenarios.md)

/// Text that ends at `right`.
void draw_right(ImDrawList* draw, float right, float top, ImU32 colour, const std::string& text) {
    draw->AddText(ImVec2(right - ImGui::CalcTextSize(text.c_str()).x, top), colour, text.c_str());
}

std::vector<std::pair<Band, double>> shown_shares(const ClassShares& shares, bool all_bands) {
    if (!all_bands) return {{Band::flushed, shares.flushed}, {Band::overflow, shares.overflow}};
    return {{Band::flushed, shares.flushed},
            {Band::subnormal, shares.subnormal},
            {Band::normal, shares.normal},
            {Band::overflow, shares.overflow}};
}

std::string error_text(double relative_error) {
    if (relative_error < 0) return "-";
    char text[32];
    std::snprintf(text, sizeof text, relative_error >= 0.01 && relative_error < 100 ? "%.3f" : "%.0e",
                  relative_error);
    return std::isnan(relative_error) ? "NaN" : relative_error == 0 ? "0" : text;
}

std::string cosine_text(double cosine) {
    if (std::isnan(cosine)) return "NaN";
    if (cosine < -1.5) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", cosine);
    return text;
}

void draw_numbers(ImDrawList* draw, const Theme& theme, const Probe& probe, const RowColumns& columns,
                  const ClassShares& shares, ImVec2 min, ImVec2 max) {
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float top = (min.y + max.y - ImGui::GetTextLineHeight()) * 0.5f;
    float right = max.x - columns.number * static_cast<float>(columns.count() - 1);
    for (const auto& [band, percent] : shown_shares(shares, columns.all_bands)) {
        const bool matters = percent > 0 && band != Band::normal;
        // A share of nothing is not zero.
        draw_right(draw, right, top, matters ? theme.band(band).solid : theme.text_dim,
                   shares.denominator == 0 ? "-" : percent_text(percent));
        right += columns.number;
    }
    if (columns.zeros) {
        draw_right(draw, right, top, theme.text_dim, percent_text(shares.true_zero));
        right += columns.number;
    }
    if (columns.errors) {
        const bool bad = !(probe.relative_error < 0.1);
        draw_right(draw, right, top, bad && probe.relative_error >= 0 ? theme.error : theme.text,
                   error_text(probe.relative_error));
        draw_right(draw, right + columns.number, top, theme.text, cosine_text(probe.cosine));
        right += 2 * columns.number;
    }
    if (columns.swallowed) {
        const double lost = percent_of(probe.swallowed, probe.updates);
        draw_right(draw, right, top, lost > 0 ? theme.band(Band::flushed).solid : theme.text_dim,
                   percent_text(lost));
    }
    if (theme.mono_font) ImGui::PopFont();
}

/// "NaN 3%" and "inf 12%" over the bars: values that no axis can show.
void draw_nonfinite(ImDrawList* draw, const Theme& theme, const ClassCounts& counts, const ExponentAxis& axis,
                    ImVec2 min) {
    std::string text;
    if (counts.nan > 0) text += "NaN " + percent_text(percent_of(counts.nan, counts.count())) + "%  ";
    if (counts.inf_incoming > 0) {
        text += "inf came in " + percent_text(percent_of(counts.inf_incoming, counts.count())) + "%";
    }
    if (text.empty()) return;
    if (ImGui::CalcTextSize(text.c_str()).x + theme.px(10) > axis.right - axis.left)
        text = counts.inf_incoming == 0 ? "NaN" : counts.nan == 0 ? "inf" : "NaN, inf";
    const ImVec2 size = ImGui::CalcTextSize(text.c_str());
    const ImVec2 at(axis.right - size.x - theme.px(6), min.y + theme.px(2));
    draw->AddRectFilled(ImVec2(at.x - theme.px(4), at.y), ImVec2(axis.right, at.y + size.y),
                        theme.panel_background, theme.px(3));
    draw->AddText(at, theme.error, text.c_str());
}

}  // namespace

RowColumns choose_columns(float width, float longest_name, ProbeKind kind, const Theme& theme) {
    RowColumns columns;
    // As wide as the names need, but histograms come first.
    columns.all_bands = width >= theme.px(470);
    // Two columns of numbers leave room for names that can be told apart.
    const float share = columns.all_bands ? 0.3f : 0.37f;
    columns.name =
        std::clamp(longest_name + theme.px(12), theme.px(78), std::max(theme.px(78), width * share));
    columns.short_names = longest_name > columns.name - theme.px(8);
    columns.number = theme.px(columns.all_bands ? 47 : 42);
    columns.zeros = width >= theme.px(540);
    columns.errors = kind == ProbeKind::weight_gradient && width >= theme.px(640);
    columns.swallowed = kind == ProbeKind::update;
    return columns;
}

bool is_gradient(ProbeKind kind) {
    return kind == ProbeKind::weight_gradient || kind == ProbeKind::activation_gradient;
}

bool is_all_zero(const Probe& probe) {
    const ClassCounts& counts = probe.counts.fp16;
    return counts.count() > 0 && counts.true_zero == counts.count();
}

double contained_log2(double scale) { return scale > 0 && std::isfinite(scale) ? std::log2(scale) : 0.0; }

double shown_shift(double scale, GradientView view) {
    return view == GradientView::unscaled ? -contained_log2(scale) : 0.0;
}

void draw_all_zero(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                   float top, float bottom) {
    if (!is_all_zero(probe)) return;
    const bool is_lost = is_gradient(probe.kind);
    const float room = axis.right - axis.left - theme.px(8);
    constexpr const char* kLost = "all zero: nothing arrives here any more";
    const char* text = is_lost && ImGui::CalcTextSize(kLost).x <= room ? kLost : "all zero";
    const float middle = (top + bottom - ImGui::GetTextLineHeight()) * 0.5f;
    draw_clipped_text(draw, ImVec2(axis.left + theme.px(6), middle), room,
                      is_lost ? theme.error : theme.text_dim, text);
}

void draw_column_titles(ImDrawList* draw, const Theme& theme, const RowColumns& columns, float right,
                        float top) {
    float at = right - columns.number * static_cast<float>(columns.count() - 1);
    const auto title = [&](ImU32 colour, const char* text) {
        draw_right(draw, at, top, colour, text);
        at += columns.number;
    };
    for (const auto& [band, unused] : shown_shares({}, columns.all_bands)) {
        const BandLook look = theme.band(band);
        title(look.solid, (std::string(1, look.letter) + " %").c_str());
    }
    if (columns.zeros) title(theme.text_dim, "zero %");
    if (columns.errors) {
        title(theme.text_dim, "error");
        title(theme.text_dim, "cos");
    }
    if (columns.swallowed) title(theme.text_dim, "lost %");
}

void draw_tensor_row(ImDrawList* draw, const Theme& theme, const Probe& probe, const ExponentAxis& axis,
                     const RowColumns& columns, GradientView view, ShareOf share_of, ImVec2 min, ImVec2 max) {
    const ClassShares shares = class_shares(probe.counts.fp16, share_of);
    const bool alarming = shares.flushed >= kAlarmingPercent;
    const double shift = shown_shift(probe.scale, view);
    const BandEdges edges = BandEdges{}.shifted(shift);
    const float line = ImGui::GetTextLineHeight(), middle = (min.y + max.y - line) * 0.5f;
    if (alarming) draw->AddRectFilled(min, max, with_opacity(theme.band(Band::flushed).solid, 0.08f));
    if (alarming && theme.bold_font) compat::push_font(theme.bold_font);
    draw_name_text(draw, ImVec2(min.x + theme.px(4), middle), columns.name - theme.px(8),
                   alarming ? theme.band(Band::flushed).solid : theme.text,
                   columns.short_names ? shortened_name(probe.tensor) : probe.tensor);
    if (alarming && theme.bold_font) ImGui::PopFont();
    draw_bands(draw, theme, axis, edges, min.y, max.y - 1);
    draw->PushClipRect(ImVec2(axis.left, min.y), ImVec2(axis.right, max.y), true);
    draw_bars(draw, theme, axis, edges, probe.counts.histogram, shift, min.y + theme.px(2), max.y - 1);
    draw_all_zero(draw, theme, probe, axis, min.y, max.y);
    draw_nonfinite(draw, theme, probe.counts.fp16, axis, min);
    draw->PopClipRect();
    draw_numbers(draw, theme, probe, columns, shares, min, max);
}

void count_lines(const Theme& theme, const KeptCounts& counted) {
    const ClassCounts& counts = counted.fp16;
    const auto line = [&](const char* name, std::uint64_t count) {
        const double share = percent_of(count, counts.count());
        char text[96];
        std::snprintf(text, sizeof text, "%-14s %12s  %6s%%", name,
                      count_text(static_cast<std::int64_t>(count)).c_str(), percent_text(share).c_str());
        mono_text(theme, text);
    };
    dim_text(theme, "against FP16, percent of all elements");
    line("elements", counts.count());
    line("true zeros", counts.true_zero);
    line("F flushed", counts.flushed);
    line("S subnormal", counts.subnormal);
    line("N normal", counts.normal);
    line("O infinite", counts.inf);
    line("  came in so", counts.inf_incoming);
    line("NaN", counts.nan);
    ImGui::Text("smallest |x| %s, largest |x| %s",
                number_text(static_cast<double>(counted.min_abs), 3).c_str(),
                number_text(static_cast<double>(counted.max_abs), 3).c_str());
}

void tensor_tooltip(const Theme& theme, const Probe& probe, std::int64_t step) {
    begin_tooltip(theme);
    ImGui::Text("%s, %s, step %s", probe.tensor.c_str(), probe_kind_name(probe.kind),
                count_text(step).c_str());
    count_lines(theme, probe.counts);
    if (probe.scale != 1.0)
        ImGui::Text("both contain the loss scale %s", scale_label(theme, probe.scale).c_str());
    if (probe.relative_error != -1) {
        ImGui::Text("against the shadow pass: error %s, cosine %s", error_text(probe.relative_error).c_str(),
                    cosine_text(probe.cosine).c_str());
    }
    if (probe.updates > 0) {
        ImGui::Text("%s of %s updates swallowed: w + u rounds back to w",
                    count_text(static_cast<std::int64_t>(probe.swallowed)).c_str(),
                    count_text(static_cast<std::int64_t>(probe.updates)).c_str());
    }
    ImGui::Text("stored as %s", std::string(format_info(probe.own_format).name).c_str());
    end_tooltip();
}

}  // namespace halfscope
