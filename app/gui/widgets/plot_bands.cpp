#include "gui/widgets/plot_bands.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/plot_frame.h"
#include "program/ablation_table.h"

namespace halfscope {
namespace {

constexpr std::size_t kColours = 4;  // of lanes

double middle_of(const BandPlot& plot, std::size_t point) {
    return (first_step_of(plot, point) + last_step_of(plot, point)) * 0.5;
}

/// What a point's band spans; the mean alone where there is no spread.
struct Ends {
    double low, high;
};
Ends ends_of(const Spread& point) {
    const double deviation = std::isfinite(point.deviation) ? point.deviation : 0.0;
    return {point.mean - deviation, point.mean + deviation};
}

void choose_range(PlotFrame& frame, const BandPlot& plot) {
    AxisExtent extent;
    for (const BandCurve& curve : plot.curves) {
        for (const Spread& point : curve.points) {
            const Ends ends = ends_of(point);
            for (const double value : {point.mean, ends.low, ends.high}) extent.take(frame.axis_value(value));
        }
    }
    const auto [low, high] = extent.or_default(frame.scale);
    const double margin = std::max((high - low) * 0.06, 1e-6 + std::abs(high) * 1e-3);
    frame.y_low = low - margin;
    frame.y_high = high + margin;
}

void draw_spread(const PlotFrame& frame, const BandPlot& plot, const BandCurve& curve) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImU32 fill = with_opacity(curve.look.colour, 0.15f);
    for (std::size_t point = 0; point + 1 < curve.points.size(); ++point) {
        const Spread &a = curve.points[point], &b = curve.points[point + 1];
        if (!std::isfinite(a.deviation) || !std::isfinite(b.deviation)) continue;
        const float left = frame.x(middle_of(plot, point)), right = frame.x(middle_of(plot, point + 1));
        draw->AddQuadFilled(ImVec2(left, frame.y(ends_of(a).high)), ImVec2(right, frame.y(ends_of(b).high)),
                            ImVec2(right, frame.y(ends_of(b).low)), ImVec2(left, frame.y(ends_of(a).low)),
                            fill);
    }
}

/// The line through the means, and a cross where seeds left it as NaN or infinity. Returns its end.
std::optional<ImVec2> draw_means(const PlotFrame& frame, const BandPlot& plot, const BandCurve& curve,
                                 const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    std::vector<ImVec2> line;
    std::size_t lost = 0;
    for (std::size_t point = 0; point < curve.points.size(); ++point) {
        const Spread& spread = curve.points[point];
        const ImVec2 at(frame.x(middle_of(plot, point)), frame.y(spread.finite > 0 ? spread.mean : INFINITY));
        if (spread.finite > 0 && std::isfinite(frame.axis_value(spread.mean))) line.push_back(at);
        if (spread.nonfinite > lost) {
            const ImVec2 cross = line.empty() ? at : line.back();
            draw_marker(draw, cross, theme.px(5), MarkerShape::cross, curve.look.colour);
        }
        lost = spread.nonfinite;
    }
    if (line.empty()) return std::nullopt;
    draw_styled_line(draw, line.data(), static_cast<int>(line.size()), curve.look.colour, theme.px(2),
                     curve.look.style, theme.scale);
    return line.back();
}

/// A curve's letter beside its end.
struct EndLetter {
    ImVec2 at;
    LaneLook look;
};

/// Letters one below the other where curves end close together.
void draw_letters(std::vector<EndLetter> letters, const PlotFrame& frame, const Theme& theme) {
    const float line = ImGui::GetTextLineHeight(), gap = line * 0.8f;
    std::stable_sort(letters.begin(), letters.end(),
                     [](const EndLetter& a, const EndLetter& b) { return a.at.y < b.at.y; });
    float highest = frame.max.y - gap * static_cast<float>(letters.size());
    float free_from = -INFINITY;
    for (const EndLetter& letter : letters) {
        // From above downwards, but so that those below find room too.
        const float y =
            std::max(free_from, std::min(letter.at.y - line * 0.5f, std::max(highest, frame.min.y)));
        const char text[2] = {letter.look.letter, '\0'};
        ImGui::GetWindowDrawList()->AddText(ImVec2(letter.at.x + theme.px(4), y), letter.look.colour, text);
        free_from = y + gap;
        highest += gap;
    }
}

void draw_tooltip(const BandPlot& plot, std::size_t point, const Theme& theme) {
    begin_tooltip(theme);
    const auto first = static_cast<std::int64_t>(first_step_of(plot, point)),
               last = static_cast<std::int64_t>(last_step_of(plot, point));
    const std::string steps = first == last
                                  ? "step " + count_text(first)
                                  : "steps " + count_text(first) + " to " + count_text(last) + ", mean";
    ImGui::TextUnformatted(steps.c_str());
    for (const BandCurve& curve : plot.curves) {
        if (point >= curve.points.size()) continue;
        const std::string text =
            std::string(1, curve.look.letter) + "  " + curve.label + "  " + spread_text(curve.points[point]);
        coloured_text(curve.look.colour, text.c_str());
    }
    end_tooltip();
}

}  // namespace

LaneLook row_look(const Theme& theme, std::size_t row) {
    LaneLook look = theme.lane(static_cast<int>(row % kColours));
    look.style = theme.lane(static_cast<int>((row + row / kColours) % kColours)).style;
    constexpr std::size_t kLetters = 26;
    look.letter =
        static_cast<char>((row / kLetters % 2 == 0 ? 'A' : 'a') + static_cast<char>(row % kLetters));
    return look;
}

double first_step_of(const BandPlot& plot, std::size_t point) {
    return static_cast<double>(plot.first_step + static_cast<std::int64_t>(point) * plot.bucket_steps);
}

double last_step_of(const BandPlot& plot, std::size_t point) {
    const std::int64_t end = (static_cast<std::int64_t>(point) + 1) * plot.bucket_steps;
    return static_cast<double>(plot.first_step + std::min(end, plot.steps) - 1);
}

void draw_band_plot(const BandPlot& plot, UiState& ui, const Theme& theme, ImVec2 size) {
    const float line = ImGui::GetTextLineHeight();
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    ImGui::Dummy(size);
    PlotFrame frame;
    frame.scale = plot.scale;
    frame.min = ImVec2(origin.x + theme.px(52), origin.y + line + theme.px(6));
    frame.max = ImVec2(origin.x + size.x - theme.px(18), origin.y + size.y - line - theme.px(4));
    frame.steps = {static_cast<double>(plot.first_step),
                   static_cast<double>(plot.first_step + std::max<std::int64_t>(1, plot.steps - 1))};
    if (frame.height() < theme.px(24) || frame.width() < theme.px(40)) return;
    choose_range(frame, plot);
    const std::string label = plot.y_label + (plot.scale == AxisScale::logarithmic ? ", log" : "");
    draw_clipped_text(ImGui::GetWindowDrawList(), origin, size.x, theme.text_dim, label);
    draw_axes(frame, AxisLabels::numbers, theme);
    ImGui::GetWindowDrawList()->PushClipRect(frame.min, ImVec2(origin.x + size.x, frame.max.y), true);
    for (const BandCurve& curve : plot.curves) draw_spread(frame, plot, curve);
    std::vector<EndLetter> letters;
    for (const BandCurve& curve : plot.curves) {
        if (const auto end = draw_means(frame, plot, curve, theme)) letters.push_back({*end, curve.look});
    }
    draw_letters(std::move(letters), frame, theme);
    ImGui::GetWindowDrawList()->PopClipRect();
    ui.probe.rectangle(plot.id, frame.min, frame.max);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (!frame.contains(mouse) || !ImGui::IsWindowHovered()) return;
    const double step = frame.step_at(mouse.x) - static_cast<double>(plot.first_step);
    const auto point = static_cast<std::size_t>(
        std::max(0.0, std::floor((step + 0.5) / static_cast<double>(plot.bucket_steps))));
    ImGui::GetWindowDrawList()->AddLine(ImVec2(mouse.x, frame.min.y), ImVec2(mouse.x, frame.max.y),
                                        theme.cursor);
    draw_tooltip(plot, point, theme);
}

}  // namespace halfscope
