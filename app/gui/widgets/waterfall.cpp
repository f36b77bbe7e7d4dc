#include "gui/widgets/waterfall.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/widgets/controls.h"
#include "gui/widgets/tensor_row.h"

namespace halfscope {
namespace {

constexpr std::size_t kStoredBins = kWaterfallHighest - kWaterfallLowest + 1;
// What follows the exponents in HistogramRow::share.
constexpr std::size_t kZeroShare = kStoredBins, kInfShare = kStoredBins + 1, kNanShare = kStoredBins + 2;

float share_at(const HistogramRow& row, std::size_t place) {
    return place < row.share.size() ? row.share[place] : 0.0f;
}

/// The rows as they are drawn: no more of them than pixels, the newest first.
struct Drawn {
    const WaterfallLook& look;
    const Theme& theme;
    std::vector<HistogramRow> rows;  ///< newest first
    float row_height = 1;

    float top_of(std::size_t index) const { return look.top + row_height * static_cast<float>(index); }
    std::size_t row_under(float y) const {
        const float along = std::max(0.0f, (y - look.top) / row_height);
        return std::min(static_cast<std::size_t>(along), rows.size() - 1);
    }
    /// The row of a step: its own probe, else the one before.
    std::size_t row_of(std::int64_t step) const {
        for (std::size_t index = 0; index < rows.size(); ++index)
            if (rows[index].step <= step) return index;
        return rows.size() - 1;
    }
    int low() const { return static_cast<int>(look.axis.low); }
    int bins() const { return static_cast<int>(look.axis.high - look.axis.low); }
};

HeatBlock shares_of(const Drawn& drawn) {
    HeatBlock block{drawn.bins(), static_cast<int>(drawn.rows.size()), {}};
    block.shares.reserve(static_cast<std::size_t>(block.width) * drawn.rows.size());
    for (const HistogramRow& row : drawn.rows) {
        const std::vector<float> bins = waterfall_bins(row, drawn.look.view, drawn.low(), drawn.bins());
        block.shares.insert(block.shares.end(), bins.begin(), bins.end());
    }
    return block;
}

/// Everything that changes the picture. The rows count by themselves, because a snapshot may be older than
/// the newest probe of the timeline.
std::int64_t version_of(const Drawn& drawn) {
    std::uint64_t hash = 1469598103934665603u;
    const auto mix = [&hash](std::int64_t value) {
        hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211u;
    };
    mix(drawn.look.run);
    mix(drawn.rows.front().last_step);
    mix(drawn.rows.back().step);
    mix(static_cast<std::int64_t>(drawn.rows.size()));
    mix(drawn.low());
    mix(drawn.bins());
    mix(static_cast<std::int64_t>(drawn.look.view));
    mix(drawn.theme.plot_background);
    return static_cast<std::int64_t>(hash);
}

/// A line down the rows at an exponent that depends on each row's loss scale; a row of several scales has a
/// bar from the one end to the other.
template <class ExponentOf>
void draw_path(ImDrawList* draw, const Drawn& drawn, ImU32 colour, float thickness,
               const ExponentOf& exponent_of) {
    const auto x_of = [&](double scale) { return drawn.look.axis.x(exponent_of(scale)); };
    float last_x = x_of(drawn.rows.front().scale), begin = drawn.look.top;
    const auto down_to = [&](float y) {
        draw->AddLine(ImVec2(last_x, begin), ImVec2(last_x, y), colour, thickness);
        begin = y;
    };
    for (std::size_t index = 0; index < drawn.rows.size(); ++index) {
        const HistogramRow& row = drawn.rows[index];
        const float x = x_of(row.scale), y = drawn.top_of(index);
        if (x != last_x) {
            down_to(y);
            draw->AddLine(ImVec2(last_x, y), ImVec2(x, y), colour, thickness);
            last_x = x;
        }
        if (row.lowest_scale != row.highest_scale) {
            const float middle = y + drawn.row_height * 0.5f;
            draw->AddLine(ImVec2(x_of(row.lowest_scale), middle), ImVec2(x_of(row.highest_scale), middle),
                          colour, thickness);
        }
    }
    down_to(drawn.look.bottom);
}

/// FP16's edges: what is flushed is decided on the stored value, so that in the unscaled view a growing scale
/// moves them to the left.
void draw_edges(ImDrawList* draw, const Drawn& drawn) {
    const BandEdges plain;
    for (const auto& [edge, band] :
         {std::pair{plain.subnormal, Band::flushed}, std::pair{plain.normal, Band::subnormal},
          std::pair{plain.overflow, Band::overflow}}) {
        draw_path(draw, drawn, drawn.theme.band(band).solid, drawn.theme.stroke(1.5f),
                  [&, at = edge](double scale) { return at + shown_shift(scale, drawn.look.view); });
    }
}

/// Where an unscaled 1 is stored: log2 S. On a dark rim, to be seen on every colour of the map.
void draw_scale(ImDrawList* draw, const Drawn& drawn) {
    const bool is_scaled = std::any_of(drawn.rows.begin(), drawn.rows.end(), [](const HistogramRow& row) {
        return row.lowest_scale != 1 || row.highest_scale != 1;
    });
    if (drawn.look.view == GradientView::unscaled || !is_scaled) return;
    const Theme& theme = drawn.theme;
    const auto exponent = [](double scale) { return contained_log2(scale); };
    draw_path(draw, drawn, theme.plot_background, theme.stroke(4), exponent);
    draw_path(draw, drawn, theme.text, theme.stroke(1.5f), exponent);
    // Beyond the axis: which way and how far.
    const double newest = exponent(drawn.rows.front().scale);
    const std::string power = theme.power_of_two(static_cast<int>(std::lround(newest)));
    const std::string text = newest >= drawn.look.axis.high  ? "S = " + power + " >"
                             : newest <= drawn.look.axis.low ? "< S = " + power
                                                             : "S";
    const ImVec2 size = ImGui::CalcTextSize(text.c_str());
    const float x = drawn.look.axis.x(newest) + theme.px(4);
    const ImVec2 at(std::clamp(x, drawn.look.axis.left + theme.px(2),
                               std::max(drawn.look.axis.left + theme.px(2),
                                        drawn.look.axis.right - size.x - theme.px(2))),
                    drawn.look.top + theme.px(1));
    draw->AddRectFilled(ImVec2(at.x - theme.px(2), at.y), ImVec2(at.x + size.x + theme.px(2), at.y + size.y),
                        with_opacity(theme.plot_background, 0.75f));
    draw->AddText(at, theme.text, text.c_str());
}

/// A bar at the right edge of every probe with NaN or inf, which no exponent can show.
void draw_nonfinite(ImDrawList* draw, const Drawn& drawn) {
    const float right = drawn.look.axis.right;
    for (std::size_t index = 0; index < drawn.rows.size(); ++index) {
        const HistogramRow& row = drawn.rows[index];
        if (share_at(row, kInfShare) <= 0 && share_at(row, kNanShare) <= 0) continue;
        const float y = drawn.top_of(index);
        draw->AddRectFilled(ImVec2(right - drawn.theme.px(5), y),
                            ImVec2(right, y + std::max(drawn.row_height, 1.0f)), drawn.theme.error);
    }
}

/// "2^-31 .. 2^-4": the smallest and the largest power of two that a row has.
std::string extent_text(const Drawn& drawn, const HistogramRow& row) {
    const std::vector<float> bins = waterfall_bins(row, drawn.look.view, drawn.low(), drawn.bins());
    const auto is_filled = [](float share) { return share > 0; };
    const auto first = std::find_if(bins.begin(), bins.end(), is_filled);
    if (first == bins.end()) return "no finite values but zeros";
    const auto last = std::find_if(bins.rbegin(), bins.rend(), is_filled);
    const int lowest = drawn.low() + static_cast<int>(first - bins.begin());
    const int highest = drawn.low() + drawn.bins() - 1 - static_cast<int>(last - bins.rbegin());
    return drawn.theme.power_of_two(lowest) + " .. " + drawn.theme.power_of_two(highest);
}

std::string step_text(const HistogramRow& row) {
    if (row.step == row.last_step) return "step " + count_text(row.step);
    return "steps " + count_text(row.step) + " .. " + count_text(row.last_step);
}

/// The cursor of all time plots; where the mouse is in another one, with what this one has there.
void draw_cursor(ImDrawList* draw, const Drawn& drawn, bool is_hovered, UiState& ui) {
    if (!ui.hovered_step || *ui.hovered_step < drawn.rows.back().step) return;
    const Theme& theme = drawn.theme;
    const std::size_t index = drawn.row_of(*ui.hovered_step);
    const HistogramRow& row = drawn.rows[index];
    const float y = drawn.top_of(index) + drawn.row_height * 0.5f, left = drawn.look.axis.left;
    draw->AddLine(ImVec2(left, y), ImVec2(drawn.look.axis.right, y), theme.plot_background, theme.px(3));
    draw->AddLine(ImVec2(left, y), ImVec2(drawn.look.axis.right, y), theme.text, theme.px(1));
    ui.probe.value("gradients/waterfall/cursor", static_cast<double>(row.step));
    if (is_hovered) return;
    const std::string text = step_text(row) + ": " + extent_text(drawn, row);
    ui.probe.value("gradients/waterfall/extent", text);
    const ImVec2 size = ImGui::CalcTextSize(text.c_str());
    const float below = y + theme.px(2), above = y - size.y - theme.px(4);
    const ImVec2 at(left + theme.px(6), below + size.y < drawn.look.bottom ? below : above);
    draw->AddRectFilled(ImVec2(at.x - theme.px(3), at.y), ImVec2(at.x + size.x + theme.px(3), at.y + size.y),
                        with_opacity(theme.plot_background, 0.85f));
    draw->AddText(at, theme.text, text.c_str());
}

void draw_tooltip(const Drawn& drawn, const HistogramRow& row, float mouse_x) {
    const ExponentAxis& axis = drawn.look.axis;
    const Theme& theme = drawn.theme;
    const double along = static_cast<double>((mouse_x - axis.left) / (axis.right - axis.left));
    const int bin = std::clamp(static_cast<int>(along * drawn.bins()), 0, drawn.bins() - 1);
    const int exponent = drawn.low() + bin;
    const std::vector<float> bins = waterfall_bins(row, drawn.look.view, drawn.low(), drawn.bins());
    const double share = std::min(1.0, static_cast<double>(bins[static_cast<std::size_t>(bin)]));
    const bool is_one = row.probes == 1;
    const char* up_to = is_one ? "" : "up to ";
    begin_tooltip(theme);
    std::string scale = scale_label(theme, row.lowest_scale);
    if (row.lowest_scale != row.highest_scale) scale += " .. " + scale_label(theme, row.highest_scale);
    ImGui::Text("%s, S = %s", step_text(row).c_str(), scale.c_str());
    ImGui::Text("%s%.3g%% of all elements in [%s, %s)", up_to, 100.0 * share,
                theme.power_of_two(exponent).c_str(), theme.power_of_two(exponent + 1).c_str());
    ImGui::Text("true zeros %s%.3g%%, came in as inf %.3g%%, NaN %.3g%%", up_to,
                100.0 * static_cast<double>(share_at(row, kZeroShare)),
                100.0 * static_cast<double>(share_at(row, kInfShare)),
                100.0 * static_cast<double>(share_at(row, kNanShare)));
    if (!is_one)
        dim_text(theme, ("the most of any of " + count_text(row.probes) + " probes in this line").c_str());
    dim_text(theme,
             "colour: log of the share, brightest at 25% and more; red bar at the right: NaN or inf; line S: "
             "where an unscaled 1 is stored");
    end_tooltip();
}

/// What tests compare with their own counts.
void report(const Drawn& drawn, const HeatMaps& heat_maps, UiState& ui) {
    if (!ui.probe.enabled()) return;
    ui.probe.value("gradients/waterfall/drawn_by", heat_maps.drawn_by());
    ui.probe.rectangle("gradients/waterfall", ImVec2(drawn.look.axis.left, drawn.look.top),
                       ImVec2(drawn.look.axis.right, drawn.look.bottom));
    ui.probe.value("gradients/waterfall/rows", static_cast<double>(drawn.rows.size()));
    ui.probe.value("gradients/waterfall/newest", static_cast<double>(drawn.rows.front().last_step));
    ui.probe.value("gradients/waterfall/low", drawn.look.axis.low);
    ui.probe.value("gradients/waterfall/high", drawn.look.axis.high);
}

}  // namespace

std::vector<float> waterfall_bins(const HistogramRow& row, GradientView view, int low, int bins) {
    std::vector<float> shares(static_cast<std::size_t>(std::max(bins, 1)), 0.0f);
    const bool has_own = view == GradientView::unscaled && !row.unscaled.empty();
    const int shift = view == GradientView::unscaled && !has_own ? unscaling_shift(row.scale) : 0;
    const int offset = (has_own ? kUnscaledLowest : kWaterfallLowest) + shift - low;
    const std::size_t stored = has_own ? row.unscaled.size() : kStoredBins;
    for (std::size_t place = 0; place < stored; ++place) {
        const int bin = std::clamp(static_cast<int>(place) + offset, 0, static_cast<int>(shares.size()) - 1);
        shares[static_cast<std::size_t>(bin)] += has_own ? row.unscaled[place] : share_at(row, place);
    }
    return shares;
}

void draw_waterfall(const WaterfallLook& look, std::vector<HistogramRow> rows, const Theme& theme,
                    HeatMaps& heat_maps, TextureCache& textures, UiState& ui) {
    const ImVec2 min(look.axis.left, look.top), max(look.axis.right, look.bottom);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(min, max, theme.plot_background);
    if (rows.empty() || look.bottom - look.top < 1) return;
    Drawn drawn{look, theme, merged_rows(std::move(rows), static_cast<std::size_t>(look.bottom - look.top))};
    std::reverse(drawn.rows.begin(), drawn.rows.end());
    drawn.row_height = (look.bottom - look.top) / static_cast<float>(drawn.rows.size());
    draw->PushClipRect(min, max, true);
    heat_maps.draw(draw, textures, look.key, version_of(drawn), [&] { return shares_of(drawn); }, min, max,
                   {theme.plot_background, theme.heat_floor});
    draw_edges(draw, drawn);
    draw_scale(draw, drawn);
    draw_nonfinite(draw, drawn);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool is_inside = mouse.x >= min.x && mouse.x < max.x && mouse.y >= min.y && mouse.y < max.y;
    const bool is_hovered = is_inside && ImGui::IsWindowHovered();
    draw_cursor(draw, drawn, is_hovered, ui);
    draw->PopClipRect();
    report(drawn, heat_maps, ui);
    if (!is_hovered) return;
    const HistogramRow& row = drawn.rows[drawn.row_under(mouse.y)];
    ui.next_hovered_step = row.step;
    draw_tooltip(drawn, row, mouse.x);
}

}  // namespace halfscope
