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

/// Row 0 is the newest.
const HistogramRow& row_at(const std::vector<HistogramRow>& rows, std::size_t index) {
    return rows[rows.size() - 1 - index];
}

PixelBlock pixels_of(const std::vector<HistogramRow>& rows, GradientView view, int low, int bins,
                     ImU32 background) {
    PixelBlock block{bins, static_cast<int>(rows.size()), {}};
    block.pixels.reserve(static_cast<std::size_t>(bins) * rows.size());
    for (std::size_t index = 0; index < rows.size(); ++index) {
        for (const float share : waterfall_bins(row_at(rows, index), view, low, bins)) {
            // A root, so that rare exponents are seen at all.
            const float light = std::sqrt(std::min(1.0f, share / kWaterfallBrightest));
            block.pixels.push_back(share > 0 ? viridis(light) : background);
        }
    }
    return block;
}

/// FP16's edges as steps down the rows: what is flushed is decided on the stored value, so that in the
/// unscaled view a growing scale moves them to the left.
void draw_edges(ImDrawList* draw, const Theme& theme, const std::vector<HistogramRow>& rows,
                const ExponentAxis& axis, GradientView view, float top, float height) {
    const BandEdges plain;
    for (const auto& [edge, band] :
         {std::pair{plain.subnormal, Band::flushed}, std::pair{plain.normal, Band::subnormal},
          std::pair{plain.overflow, Band::overflow}}) {
        const ImU32 colour = theme.band(band).solid;
        float last_x = axis.x(edge + shown_shift(rows.back().scale, view));
        float begin = top;
        for (std::size_t index = 1; index < rows.size(); ++index) {
            const float x = axis.x(edge + shown_shift(row_at(rows, index).scale, view));
            if (x == last_x) continue;
            const float y = top + height * static_cast<float>(index);
            draw->AddLine(ImVec2(last_x, begin), ImVec2(last_x, y), colour, theme.px(1.5f));
            draw->AddLine(ImVec2(last_x, y), ImVec2(x, y), colour, theme.px(1.5f));
            begin = y;
            last_x = x;
        }
        const float bottom = top + height * static_cast<float>(rows.size());
        draw->AddLine(ImVec2(last_x, begin), ImVec2(last_x, bottom), colour, theme.px(1.5f));
    }
}

/// A bar at the right edge of every probe with NaN or inf, which no exponent can show.
void draw_nonfinite(ImDrawList* draw, const Theme& theme, const std::vector<HistogramRow>& rows,
                    const ExponentAxis& axis, float top, float height) {
    for (std::size_t index = 0; index < rows.size(); ++index) {
        const HistogramRow& row = row_at(rows, index);
        if (share_at(row, kInfShare) <= 0 && share_at(row, kNanShare) <= 0) continue;
        const float y = top + height * static_cast<float>(index);
        draw->AddRectFilled(ImVec2(axis.right - theme.px(5), y),
                            ImVec2(axis.right, y + std::max(height, 1.0f)), theme.error);
    }
}

void draw_tooltip(const Theme& theme, const HistogramRow& row, const ExponentAxis& axis, GradientView view,
                  float mouse_x) {
    const int low = static_cast<int>(axis.low), bins = static_cast<int>(axis.high - axis.low);
    const double along = static_cast<double>((mouse_x - axis.left) / (axis.right - axis.left));
    const int bin = std::clamp(static_cast<int>(along * bins), 0, bins - 1), exponent = low + bin;
    const double share =
        static_cast<double>(waterfall_bins(row, view, low, bins)[static_cast<std::size_t>(bin)]);
    begin_tooltip(theme);
    ImGui::Text("step %s, S = %s", count_text(row.step).c_str(), scale_label(theme, row.scale).c_str());
    ImGui::Text("%.3g%% of all elements in [%s, %s)", 100.0 * share, theme.power_of_two(exponent).c_str(),
                theme.power_of_two(exponent + 1).c_str());
    ImGui::Text("true zeros %.3g%%, came in as inf %.3g%%, NaN %.3g%%",
                100.0 * static_cast<double>(share_at(row, kZeroShare)),
                100.0 * static_cast<double>(share_at(row, kInfShare)),
                100.0 * static_cast<double>(share_at(row, kNanShare)));
    dim_text(theme, "brightest: 25% or more in one power of two; red bar at the right: NaN or inf");
    end_tooltip();
}

}  // namespace

std::vector<float> waterfall_bins(const HistogramRow& row, GradientView view, int low, int bins) {
    std::vector<float> shares(static_cast<std::size_t>(std::max(bins, 1)), 0.0f);
    const int offset = kWaterfallLowest + static_cast<int>(std::lround(shown_shift(row.scale, view))) - low;
    for (std::size_t stored = 0; stored < kStoredBins; ++stored) {
        const int bin = std::clamp(static_cast<int>(stored) + offset, 0, static_cast<int>(shares.size()) - 1);
        shares[static_cast<std::size_t>(bin)] += share_at(row, stored);
    }
    return shares;
}

void draw_waterfall(ImDrawList* draw, const Theme& theme, TextureCache& textures, std::string_view key,
                    std::int64_t version, const std::vector<HistogramRow>& rows, const ExponentAxis& axis,
                    GradientView view, float top, float bottom) {
    draw->AddRectFilled(ImVec2(axis.left, top), ImVec2(axis.right, bottom), theme.plot_background);
    if (rows.empty() || bottom <= top) return;
    const int low = static_cast<int>(axis.low), bins = static_cast<int>(axis.high - axis.low);
    const ImTextureID texture = textures.picture(
        key, version, [&] { return pixels_of(rows, view, low, bins, theme.plot_background); });
    const float height = (bottom - top) / static_cast<float>(rows.size());
    draw->PushClipRect(ImVec2(axis.left, top), ImVec2(axis.right, bottom), true);
    draw->AddImage(texture, ImVec2(axis.left, top), ImVec2(axis.right, bottom));
    draw_edges(draw, theme, rows, axis, view, top, height);
    draw_nonfinite(draw, theme, rows, axis, top, height);
    draw->PopClipRect();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool hovered = mouse.x >= axis.left && mouse.x < axis.right && mouse.y >= top && mouse.y < bottom;
    if (!hovered || !ImGui::IsWindowHovered()) return;
    const auto index = std::min(static_cast<std::size_t>((mouse.y - top) / height), rows.size() - 1);
    draw_tooltip(theme, row_at(rows, index), axis, view, mouse.x);
}

}  // namespace halfscope
