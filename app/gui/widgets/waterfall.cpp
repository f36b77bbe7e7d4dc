#include "gui/widgets/waterfall.h"

#include <algorithm>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

constexpr int kBins = kWaterfallHighest - kWaterfallLowest + 1;

double shift_of(const HistogramRow& row, GradientView view) {
    return view == GradientView::unscaled && row.scale > 0 ? -std::log2(row.scale) : 0.0;
}

/// Newest row on top; a share of 25% of all elements in one power of two is the brightest.
PixelBlock pixels_of(const std::vector<HistogramRow>& rows, GradientView view, ImU32 background) {
    constexpr float kBrightest = 0.25f;
    PixelBlock block{kBins, static_cast<int>(rows.size()), {}};
    block.pixels.assign(static_cast<std::size_t>(kBins) * rows.size(), background);
    for (std::size_t index = 0; index < rows.size(); ++index) {
        const HistogramRow& row = rows[rows.size() - 1 - index];
        const int shift = static_cast<int>(std::lround(shift_of(row, view)));
        for (int bin = 0; bin < kBins; ++bin) {
            const int from = bin - shift;
            if (from < 0 || from >= kBins) continue;
            const float share = row.share[static_cast<std::size_t>(from)];
            // A root, so that rare exponents are seen at all.
            if (share > 0) {
                block.pixels[index * kBins + static_cast<std::size_t>(bin)] =
                    viridis(std::sqrt(std::min(1.0f, share / kBrightest)));
            }
        }
    }
    return block;
}

/// FP16's edges; in the unscaled view they move with the loss scale.
void draw_edges(ImDrawList* draw, const Theme& theme, const std::vector<HistogramRow>& rows,
                const ExponentAxis& axis, GradientView view, float top, float bottom) {
    const float height = (bottom - top) / static_cast<float>(rows.size());
    const BandEdges plain;
    for (const auto& [edge, band] : {std::pair{plain.subnormal, Band::flushed},
                                     {plain.normal, Band::subnormal},
                                     {plain.overflow, Band::overflow}}) {
        float last_x = -1;
        for (std::size_t index = 0; index < rows.size(); ++index) {
            const HistogramRow& row = rows[rows.size() - 1 - index];
            const float x = axis.x(edge + std::lround(shift_of(row, view)));
            const float y = top + height * static_cast<float>(index);
            const ImU32 colour = theme.band(band).solid;
            if (last_x >= 0 && x != last_x) draw->AddLine(ImVec2(last_x, y), ImVec2(x, y), colour);
            draw->AddLine(ImVec2(x, y), ImVec2(x, y + height), colour);
            last_x = x;
        }
    }
}

}  // namespace

void draw_waterfall(ImDrawList* draw, const Theme& theme, TextureCache& textures, std::string_view key,
                    std::int64_t version, const std::vector<HistogramRow>& rows, const ExponentAxis& axis,
                    GradientView view, float top, float bottom) {
    draw->AddRectFilled(ImVec2(axis.left, top), ImVec2(axis.right, bottom), theme.plot_background);
    if (rows.empty()) return;
    const ImTextureID texture =
        textures.picture(key, version, [&] { return pixels_of(rows, view, theme.plot_background); });
    draw->PushClipRect(ImVec2(axis.left, top), ImVec2(axis.right, bottom), true);
    draw->AddImage(texture, ImVec2(axis.x(kWaterfallLowest), top),
                   ImVec2(axis.x(kWaterfallHighest + 1), bottom));
    draw_edges(draw, theme, rows, axis, view, top, bottom);
    draw->PopClipRect();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (mouse.x < axis.left || mouse.x >= axis.right || mouse.y < top || mouse.y >= bottom) return;
    const auto index =
        static_cast<std::size_t>((mouse.y - top) / (bottom - top) * static_cast<float>(rows.size()));
    if (index >= rows.size() || !ImGui::IsWindowHovered()) return;
    const HistogramRow& row = rows[rows.size() - 1 - index];
    const int exponent = static_cast<int>(
        std::floor(axis.low + static_cast<double>((mouse.x - axis.left) / (axis.right - axis.left)) *
                                  (axis.high - axis.low)));
    const int bin = exponent - static_cast<int>(std::lround(shift_of(row, view))) - kWaterfallLowest;
    begin_tooltip(theme);
    const double share =
        bin >= 0 && bin < kBins ? 100.0 * static_cast<double>(row.share[static_cast<std::size_t>(bin)]) : 0;
    ImGui::Text("step %s: %.2f%% of all elements in [%s, %s)", count_text(row.step).c_str(), share,
                theme.power_of_two(exponent).c_str(), theme.power_of_two(exponent + 1).c_str());
    end_tooltip();
}

}  // namespace halfscope
