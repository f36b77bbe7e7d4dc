#include "gui/widgets/format_look.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/format_choice.h"
#include "gui/widgets/range_histogram.h"
#include "gui/widgets/tensor_row.h"
#include "gui/widgets/what_if.h"
#include "program/percent.h"

namespace halfscope {
namespace {

/// Values that the error is measured of in a frame: about a millisecond.
constexpr std::size_t kMeasuredPerFrame = std::size_t{1} << 17;

/// One scale of the table: what the format makes of the values under it.
struct Column {
    float scale = 1;
    std::string title;
    const char* id;
    FormatClasses found;
    std::string error_rms, error_largest;
};

std::string error_text(double error) {
    if (std::isinf(error)) return "infinite";
    if (error == 0) return "none";
    char text[32];
    std::snprintf(text, sizeof text, "%.2e", error);
    return text;
}

/// Goes on with the measurement of that column, or begins it.
void measure(UiState& ui, const FormatLook& look, FormatWhatIf& what_if, std::size_t index, Column& column) {
    const NumberFormat format = format_of(what_if.choice);
    ErrorMeasurement& measurement = what_if.errors[index];
    if (!measurement.is_of(look.values, format, column.scale))
        measurement = ErrorMeasurement(look.values, format, column.scale);
    measurement.advance(kMeasuredPerFrame);
    if (!measurement.is_complete()) {
        ui.requests.another_frame = true;
        column.error_rms = column.error_largest = "measuring...";
        return;
    }
    const RepresentationError error = measurement.error();
    column.error_rms = error_text(error.relative_rms);
    column.error_largest = error_text(error.largest);
    if (!ui.probe.enabled()) return;
    ui.probe.value(look.id + "/" + column.id + "/error_rms", error.relative_rms);
    ui.probe.value(look.id + "/" + column.id + "/error_largest", error.largest);
}

std::vector<Column> columns_of(const Theme& theme, UiState& ui, const FormatLook& look, FormatWhatIf& what_if,
                               std::optional<int> dragged) {
    const NumberFormat format = format_of(what_if.choice);
    std::vector<Column> columns;
    const auto add = [&](float scale, const std::string& word, const char* id) {
        Column& column = columns.emplace_back();
        column.scale = scale;
        column.title = word + scale_label(theme, static_cast<double>(scale));
        column.id = id;
        column.found = classes_under(*look.values, format, scale);
        measure(ui, look, what_if, columns.size() - 1, column);
    };
    add(look.now_scale, "S = ", "now");
    if (dragged) add(std::ldexp(1.0f, *dragged), "if S = ", "dragged");
    return columns;
}

/// A line of the table, with the band's chip where it is one's.
struct Line {
    const char* name;
    const char* id;
    std::optional<Band> band;
    std::uint64_t (*count)(const FormatClasses&);
};
constexpr auto kLines = std::to_array<Line>({
    {"true zeros", "true_zero", {}, [](const FormatClasses& f) { return f.classes.true_zero; }},
    {"flushed", "flushed", Band::flushed, [](const FormatClasses& f) { return f.classes.flushed; }},
    {"subnormal", "subnormal", Band::subnormal, [](const FormatClasses& f) { return f.classes.subnormal; }},
    {"normal", "normal", Band::normal, [](const FormatClasses& f) { return f.classes.normal; }},
    {"infinite", "inf", Band::overflow, [](const FormatClasses& f) { return f.classes.inf; }},
    {"NaN", "nan", {}, [](const FormatClasses& f) { return f.classes.nan; }},
});

void report(UiState& ui, const FormatLook& look, const std::vector<Column>& columns) {
    if (!ui.probe.enabled()) return;
    for (const Column& column : columns) {
        for (const Line& line : kLines)
            ui.probe.value(look.id + "/" + column.id + "/" + line.id,
                           static_cast<double>(line.count(column.found)));
        ui.probe.value(look.id + "/" + column.id + "/saturated", static_cast<double>(column.found.saturated));
        ui.probe.value(look.id + "/" + column.id + "/scale", static_cast<double>(column.scale));
    }
}

/// A heading, the classes, two errors.
constexpr int kTableLines = static_cast<int>(kLines.size()) + 3;
constexpr float kNamesWidth = 92;  // pixels at scale 1

/// "1,234  56.7%", the share of the elements that are not zero, or of all.
std::string cell_text(std::uint64_t count, const FormatClasses& found, ShareOf share_of, bool has_share) {
    std::string text = count_text(static_cast<std::int64_t>(count));
    if (!has_share) return text;
    const std::uint64_t all = found.classes.count();
    const std::uint64_t whole = share_of == ShareOf::nonzero ? all - found.classes.true_zero : all;
    return text + "  " + (whole == 0 ? "-" : percent_text(percent_of(count, whole)) + "%");
}

/// Where there is no infinity, what is too large is told in its place.
Line shown_line(const Line& line, NumberFormat format) {
    if (line.band != Band::overflow || format.beyond == Beyond::infinity) return line;
    return {"saturated", line.id, line.band, [](const FormatClasses& f) { return f.saturated; }};
}

void draw_table(const Theme& theme, const UiState& ui, NumberFormat format,
                const std::vector<Column>& columns, ImVec2 min, ImVec2 max) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float names = theme.px(kNamesWidth);
    const float width = std::max(1.0f, max.x - min.x - names) / static_cast<float>(columns.size());
    float y = min.y;
    const auto row = [&](const std::string& name, ImU32 colour, const auto& text_of, const auto& colour_of) {
        draw_clipped_text(draw, ImVec2(min.x, y), names - theme.px(2), colour, name);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const std::string text = text_of(columns[i]);
            const float right = min.x + names + width * static_cast<float>(i + 1);
            const float length = std::min(ImGui::CalcTextSize(text.c_str()).x, width - theme.px(4));
            draw_clipped_text(draw, ImVec2(right - length, y), width, colour_of(columns[i]), text);
        }
        y += ImGui::GetTextLineHeight();
    };
    const auto plain = [&](const Column&) { return theme.text; };
    row(
        ui.share_of == ShareOf::nonzero ? "of non-zero" : "of all", theme.text_dim,
        [](const Column& column) { return column.title; }, [&](const Column&) { return theme.text_dim; });
    for (const Line& line : kLines) {
        const Line shown = shown_line(line, format);
        const ImU32 colour = shown.band ? theme.band(*shown.band).solid : theme.text;
        const std::string letter = shown.band ? std::string(1, theme.band(*shown.band).letter) + " " : "";
        const bool has_share = shown.band.has_value() || ui.share_of == ShareOf::all;
        row(
            letter + shown.name, colour,
            [&](const Column& column) {
                return cell_text(shown.count(column.found), column.found, ui.share_of, has_share);
            },
            [&](const Column& column) {
                const bool matters = shown.count(column.found) > 0 && shown.band != Band::normal;
                return matters ? colour : theme.text;
            });
    }
    row(
        "relative error", theme.text, [](const Column& column) { return column.error_rms; }, plain);
    row(
        "largest of one", theme.text, [](const Column& column) { return column.error_largest; }, plain);
}

void table_tooltip(const Theme& theme, const RetainedValues& values, NumberFormat format, ImVec2 min,
                   ImVec2 max) {
    if (!ImGui::IsWindowHovered() || !ImGui::IsMouseHoveringRect(min, max)) return;
    begin_tooltip(theme);
    ImGui::TextUnformatted("Counted value by value: x times S, rounded once, nearest even.");
    ImGui::TextUnformatted(
        "relative error: ||round(x S) / S - x|| / ||x|| over the finite values that are not zero. largest of "
        "one: the same of the single value that fares worst; 1 where it was flushed.");
    if (format.beyond == Beyond::largest)
        dim_text(theme, "No infinity: what is beyond the largest number is stored as that, and is in N too.");
    if (values.infinities > 0) {
        const std::string count = count_text(static_cast<std::int64_t>(values.infinities));
        dim_text(theme,
                 format.beyond == Beyond::largest
                     ? (count + " values were infinite already: stored as the largest number, in N.").c_str()
                     : (count + " of the infinite ones were so already.").c_str());
    }
    end_tooltip();
}

/// The values times the shown scale over the format's bands.
void draw_histogram(const Theme& theme, const FormatLook& look, NumberFormat format, float scale, ImVec2 min,
                    ImVec2 max) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    ExponentAxis axis;
    axis.left = min.x;
    axis.right = max.x;
    const BandEdges edges = band_edges(format);
    const float header = 2 * ImGui::GetTextLineHeight() + theme.px(6);
    draw_exponent_axis(draw, theme, axis, edges, min.y, min.y + header);
    const float top = min.y + header;
    draw_bands(draw, theme, axis, edges, top, max.y);
    draw->PushClipRect(ImVec2(axis.left, top), max, true);
    draw_bars(draw, theme, axis, edges, look.counts->histogram, contained_log2(static_cast<double>(scale)),
              top + theme.px(2), max.y);
    draw->PopClipRect();
}

void draw_curves(const Theme& theme, UiState& ui, const FormatLook& look, const Column& now,
                 NumberFormat format, const std::string& name, std::optional<int>& dragged, ImVec2 min,
                 ImVec2 max) {
    const float line = ImGui::GetTextLineHeight();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_clipped_text(draw, min, max.x - min.x, theme.text, "% F flushed, O overflow");
    const ScaleArea area{ImVec2(min.x + theme.px(42), min.y + line + theme.px(6)),
                         ImVec2(max.x - theme.px(6), max.y - line - theme.px(4))};
    if (area.max.y - area.min.y < theme.px(24) || area.max.x - area.min.x < theme.px(60)) return;
    WhatIfCurves curves;
    curves.points = what_if(*look.values, format);
    curves.now_scale = static_cast<double>(look.now_scale);
    curves.now_word = look.now_word;
    const std::uint64_t whole =
        look.values->magnitudes.size() + look.values->lost_to_infinity + look.values->lost_to_zero;
    curves.now_flushed = percent_of(now.found.classes.flushed, whole);
    curves.now_overflow = percent_of(now.found.overflowed(), whole);
    curves.exactness =
        "Exact for " + name + ", nearest even, subnormals kept, value by value. " + look.origin;
    draw_what_if_curves(draw, theme, curves, dragged, area);
    drag_what_if_scale(ui, area, dragged, look.id + "/curves");
    if (!ui.probe.enabled()) return;
    for (const WhatIfPoint& point : curves.points) {
        const std::string id = look.id + "/at/" + std::to_string(point.exponent);
        ui.probe.value(id + "/flushed", point.flushed);
        ui.probe.value(id + "/overflow", point.overflow);
    }
}

/// The largest static scale without overflow, and what is flushed under it.
std::string best_scale_text(const Theme& theme, const FormatLook& look, NumberFormat format) {
    if (look.values->magnitudes.empty()) return "nothing but zeros, infinities and NaN: no scale matters";
    const std::optional<int> best = best_scale_log2(*look.values, format);
    if (!best) return "best static scale: none, everything overflows";
    const FormatClasses found = classes_under(*look.values, format, std::ldexp(1.0f, *best));
    const std::uint64_t whole = found.classes.count() - found.classes.true_zero;
    return "best static scale " + theme.power_of_two(*best) + ": no overflow, " +
           percent_text(percent_of(found.classes.flushed, whole)) + "% of non-zero flushed";
}

/// Where the parts stand, from top to bottom.
struct Parts {
    std::string words;  ///< of the format and of the values
    float words_height = 0, table_width = 0, table_height = 0;
    bool is_beside = false;  ///< the curves beside the table
    float least_height = 0;  ///< of all parts
};

Parts parts_of(const Theme& theme, const FormatLook& look, const WhatIfFormat& choice, float width) {
    constexpr float kLeastHistogram = 30, kLeastCurves = 120;  // pixels at scale 1
    const float line = ImGui::GetTextLineHeight(), gap = theme.px(10);
    Parts parts;
    parts.words = format_name(choice) + ": " + format_limits(theme, format_of(choice)) + ". " + look.origin;
    parts.words_height = ImGui::CalcTextSize(parts.words.c_str(), nullptr, false, width).y;
    parts.is_beside = width > theme.px(420);
    parts.table_width =
        parts.is_beside ? std::max(width * 0.5f, theme.px(kNamesWidth + 170)) - gap * 0.5f : width;
    parts.table_height = static_cast<float>(kTableLines) * line;
    parts.least_height = 2 * line + parts.words_height + 2 * line + theme.px(kLeastHistogram + 14) +
                         parts.table_height + (parts.is_beside ? 0 : theme.px(kLeastCurves));
    return parts;
}

void draw_parts(const Theme& theme, UiState& ui, const FormatLook& look, FormatWhatIf& what_if,
                std::optional<int>& dragged, const Parts& parts, ImVec2 min, ImVec2 max) {
    const NumberFormat format = format_of(what_if.choice);
    const std::string name = format_name(what_if.choice);
    const std::vector<Column> columns = columns_of(theme, ui, look, what_if, dragged);
    report(ui, look, columns);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float line = ImGui::GetTextLineHeight(), width = max.x - min.x;
    const std::string scale = columns.back().title.substr(columns.back().title.find("S = "));
    draw_clipped_text(draw, min, width, theme.text, look.title + " in " + name + ", " + scale);
    draw->AddText(ImGui::GetFont(), ImGui::GetFontSize(), ImVec2(min.x, min.y + line), theme.text_dim,
                  parts.words.c_str(), nullptr, width);
    float y = min.y + line + parts.words_height + theme.px(3);
    const float room = max.y - min.y - parts.least_height;
    const float histogram = 2 * line + theme.px(30) + std::clamp(room, 0.0f, theme.px(110));
    draw_histogram(theme, look, format, columns.back().scale, ImVec2(min.x, y), ImVec2(max.x, y + histogram));
    y += histogram + theme.px(4);
    const ImVec2 table_min(min.x, y), table_max(min.x + parts.table_width, y + parts.table_height);
    draw_table(theme, ui, format, columns, table_min, table_max);
    table_tooltip(theme, *look.values, format, table_min, table_max);
    const std::string best = best_scale_text(theme, look, format);
    ui.probe.value(look.id + "/best", best);
    // Beside the table the curves go on below it where there is room, and the best scale stays under it.
    const bool is_long = parts.is_beside && max.y - table_max.y > 4 * line;
    draw->AddText(ImGui::GetFont(), ImGui::GetFontSize(), ImVec2(min.x, table_max.y), theme.text,
                  best.c_str(), nullptr, is_long ? parts.table_width : width);
    const ImVec2 curves_min = parts.is_beside ? ImVec2(table_max.x + theme.px(10), y)
                                              : ImVec2(min.x, table_max.y + line + theme.px(4));
    const float long_end = std::min(max.y, y + theme.px(280));
    const ImVec2 curves_max(max.x, !parts.is_beside ? max.y : is_long ? long_end : table_max.y);
    draw_curves(theme, ui, look, columns.front(), format, name, dragged, curves_min, curves_max);
}

}  // namespace

void draw_format_look(const Theme& theme, UiState& ui, const FormatLook& look, FormatWhatIf& what_if,
                      std::optional<int>& dragged, ImVec2 min, ImVec2 max) {
    const ImVec2 size(std::max(1.0f, max.x - min.x), std::max(1.0f, max.y - min.y));
    ImGui::SetCursorScreenPos(min);
    compat::begin_child(look.id.c_str(), size, compat::ChildBorder::none);
    Parts parts = parts_of(theme, look, what_if.choice, size.x);
    float width = size.x;
    if (parts.least_height > size.y) {
        width -= ImGui::GetStyle().ScrollbarSize;
        parts = parts_of(theme, look, what_if.choice, width);
    }
    const ImVec2 top = ImGui::GetCursorScreenPos();
    const ImVec2 end(top.x + width, top.y + std::max(size.y, parts.least_height));
    draw_parts(theme, ui, look, what_if, dragged, parts, top, end);
    // So that it can be scrolled to its end.
    ImGui::SetCursorScreenPos(ImVec2(top.x, end.y - 1));
    ImGui::Dummy(ImVec2(1, 1));
    ImGui::EndChild();
}

}  // namespace halfscope
