#include "gui/widgets/plot_cursor.h"

#include <algorithm>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

struct CursorLine {
    int lane_id = 0;
    std::string text;
};

/// "A 0.0312" for each visible lane that has a value there.
std::vector<CursorLine> lines_at(const PlotSpec& spec, const std::vector<PlotCurve>& curves,
                                 std::int64_t step, UiState& ui, const Theme& theme) {
    std::vector<CursorLine> lines;
    for (const PlotCurve& curve : curves) {
        const SeriesPoint* point = curve.at_or_before(step);
        if (!point) continue;
        const std::string value = point_text(spec, *point, theme);
        ui.probe.value(spec.id + "/cursor/" + curve.series->label, value);
        const int id = curve.series->lane_id;
        lines.push_back({id, std::string(1, theme.lane(id).letter) + " " + value});
    }
    return lines;
}

bool is_stacked(const PlotFrame& frame, const std::vector<CursorLine>& lines, const Theme& theme) {
    return ImGui::GetTextLineHeight() * static_cast<float>(lines.size()) + theme.px(4) < frame.height();
}

float width_of(const std::vector<CursorLine>& lines, bool stacked, float gap) {
    float width = 0;
    for (const CursorLine& one : lines) {
        const float text = ImGui::CalcTextSize(one.text.c_str()).x;
        width = stacked ? std::max(width, text) : width + text + gap;
    }
    return width;
}

/// One below the other where there is room, else side by side; beside the line where it leaves room, never
/// out of the plot, and small where it would be wider than that.
void draw_lines(const PlotFrame& frame, const PlotSpec& spec, const std::vector<CursorLine>& lines, float x,
                UiState& ui, const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float gap = theme.px(8);
    const bool stacked = is_stacked(frame, lines, theme);
    const bool is_wide = width_of(lines, stacked, gap) > frame.width() - theme.px(6);
    ImFont* const small = is_wide ? theme.small_font : nullptr;
    if (small) compat::push_font(small);
    const float line = ImGui::GetTextLineHeight(), width = width_of(lines, stacked, gap);
    const float height = stacked ? line * static_cast<float>(lines.size()) : line;
    const bool fits_right = x + width + theme.px(12) < frame.max.x;
    const float left = fits_right ? x + theme.px(6) : x - theme.px(6) - width;
    ImVec2 at(std::max(left, frame.min.x + theme.px(3)), frame.min.y + theme.px(2));
    ui.probe.rectangle(spec.id + "/cursor", at, ImVec2(at.x + width, at.y + height));
    draw->AddRectFilled(ImVec2(at.x - theme.px(3), at.y), ImVec2(at.x + width + theme.px(3), at.y + height),
                        with_opacity(theme.plot_background, 0.85f));
    for (const CursorLine& one : lines) {
        draw->AddText(at, theme.lane(one.lane_id).colour, one.text.c_str());
        stacked ? at.y += line : at.x += ImGui::CalcTextSize(one.text.c_str()).x + gap;
    }
    if (small) ImGui::PopFont();
}

}  // namespace

std::string point_text(const PlotSpec& spec, const SeriesPoint& point, const Theme& theme) {
    const auto last = static_cast<double>(point.last);
    if (spec.labels == AxisLabels::powers_of_two) return scale_label(theme, last);
    if (point.first_step == point.last_step || !std::isfinite(point.minimum)) return number_text(last, 5);
    return number_text(static_cast<double>(point.minimum), 4) + " .. " +
           number_text(static_cast<double>(point.maximum), 4);
}

void draw_plot_cursor(const PlotFrame& frame, const PlotSpec& spec, const std::vector<PlotCurve>& curves,
                      CursorPlace place, UiState& ui, const Theme& theme) {
    if (!ui.hovered_step) return;
    const auto step = static_cast<double>(*ui.hovered_step);
    if (step < frame.steps.first || step > frame.steps.last) return;
    const float x = frame.x(step);
    ImGui::GetWindowDrawList()->AddLine(ImVec2(x, frame.min.y), ImVec2(x, frame.max.y), theme.cursor,
                                        theme.stroke(1));
    ui.probe.value(spec.id + "/cursor", step);
    if (place == CursorPlace::under_mouse) return;
    const std::vector<CursorLine> lines = lines_at(spec, curves, *ui.hovered_step, ui, theme);
    if (!lines.empty()) draw_lines(frame, spec, lines, x, ui, theme);
}

}  // namespace halfscope
