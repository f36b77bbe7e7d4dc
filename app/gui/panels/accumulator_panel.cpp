#include "gui/panels/accumulator_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/asked_look.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/plot_frame.h"
#include "numerics/summation.h"

namespace halfscope {
namespace {

struct WayLook {
    Summation way;
    const char* name;
    const char* help;
    LineStyle style;
};
constexpr std::array<WayLook, kSummationCount> kWays{{
    {Summation::exact, "exact", "in double precision: the reference", LineStyle::solid},
    {Summation::fp32, "FP32", "one chain of FP32 multiply-adds: accumulate=fp32 (paper, section 3.3)",
     LineStyle::dashed},
    {Summation::blocks, "blocks of 16",
     "rounded after every 16th addend: accumulate=fp16, reductions=storage", LineStyle::dash_dot},
    {Summation::each, "every addend", "rounded after every addend: a plain loop in the lane's format",
     LineStyle::solid},
    {Summation::pairwise, "pairwise", "a balanced tree of rounded sums", LineStyle::dotted},
    {Summation::kahan, "Kahan", "every addend, with a compensation in the same format (Kahan 1965)",
     LineStyle::dotted},
}};

ImU32 way_colour(const Theme& theme, Summation way) {
    switch (way) {
        case Summation::exact:
            return theme.text;
        case Summation::fp32:
            return theme.lane(0).colour;
        case Summation::blocks:
            return theme.lane(1).colour;
        case Summation::each:
            return theme.band(Band::flushed).solid;
        case Summation::pairwise:
            return theme.lane(3).colour;
        case Summation::kahan:
            break;
    }
    return theme.lane(2).colour;
}

/// The chosen sum, else the longest one: there is most to see.
const DotSource* chosen_source(const Snapshot& snapshot, AccumulatorLab& lab) {
    if (!snapshot.dot_sources || snapshot.dot_sources->empty()) return nullptr;
    const std::vector<DotSource>& sources = *snapshot.dot_sources;
    if (lab.source < 0 || lab.source >= static_cast<int>(sources.size())) {
        // The last of the longest, which is nearest to the loss: its gradients are the last to be flushed.
        const auto longest =
            std::max_element(sources.rbegin(), sources.rend(),
                             [](const DotSource& a, const DotSource& b) { return a.length < b.length; });
        lab.source = static_cast<int>(sources.rend() - longest) - 1;
    }
    const DotSource& source = sources[static_cast<std::size_t>(lab.source)];
    lab.row = std::clamp(lab.row, 0, static_cast<int>(source.rows) - 1);
    lab.column = std::clamp(lab.column, 0, static_cast<int>(source.columns) - 1);
    return &source;
}

/// All sums, under the names of their layers.
void draw_source_choice(const PanelContext& context, const DotSource& chosen) {
    UiState& ui = context.ui;
    const float width = std::min(ImGui::GetContentRegionAvail().x, context.theme.px(290));
    ImGui::SetNextItemWidth(width);
    if (ImGui::BeginCombo("##sum", chosen.name().c_str(), ImGuiComboFlags_HeightLarge)) {
        const std::vector<DotSource>& sources = *context.snapshot.dot_sources;
        for (std::size_t i = 0; i < sources.size(); ++i) {
            if (i == 0 || sources[i].layer != sources[i - 1].layer)
                dim_text(context.theme, sources[i].layer.c_str());
            ImGui::PushID(static_cast<int>(i));
            ImGui::Indent(context.theme.px(12));
            const std::string text = sources[i].formula() + " (" + count_text(sources[i].length) + ")";
            if (combo_entry(text.c_str(), static_cast<int>(i) == ui.accumulator.source))
                ui.accumulator.source = static_cast<int>(i);
            ImGui::Unindent(context.theme.px(12));
            ImGui::PopID();
            ui.probe.item("accumulator/choice/" + std::to_string(i));
        }
        ImGui::EndCombo();
    }
    ui.probe.item("accumulator/sum");
    item_tooltip(context.theme,
                 "which sum of the network is taken: a product, a gradient, a statistic of a norm or a "
                 "softmax's denominator, with what k runs over and how many addends that is");
}

/// A slider for each axis that a row or a column is counted by.
void draw_place(const PanelContext& context, const std::vector<DotAxis>& axes, int& index) {
    int behind = 1, rest = index, next = 0;
    for (std::size_t a = axes.size(); a-- > 1;) behind *= static_cast<int>(axes[a].extent);
    for (std::size_t a = 0; a < axes.size(); ++a) {
        const DotAxis& axis = axes[a];
        int value = rest / behind;
        rest %= behind;
        if (axis.extent > 1) {
            const float slider = context.theme.px(96);
            flow_to(slider + ImGui::CalcTextSize(axis.name.c_str()).x + context.theme.px(10));
            ImGui::SetNextItemWidth(slider);
            ImGui::SliderInt(axis.name.c_str(), &value, 0, static_cast<int>(axis.extent) - 1, "%d",
                             ImGuiSliderFlags_AlwaysClamp);
            context.ui.probe.item("accumulator/" + axis.name);
            item_tooltip(context.theme, "which of the sums: 0 to " + count_text(axis.extent - 1) +
                                            "; Ctrl and a click to type it");
        }
        next += value * behind;
        if (a + 1 < axes.size()) behind /= static_cast<int>(axes[a + 1].extent);
    }
    index = next;
}

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane, const DotSource& source) {
    AccumulatorLab& lab = context.ui.accumulator;
    draw_lane_choice(context.theme, context.ui, context.snapshot, lane, "accumulator");
    draw_source_choice(context, source);
    draw_place(context, source.row_axes, lab.row);
    draw_place(context, source.column_axes, lab.column);
}

struct SumArea {
    ImVec2 min, max;
    double low, high;
    std::size_t length;
    float x(std::size_t k) const {
        return min.x + static_cast<float>(k + 1) / static_cast<float>(length) * (max.x - min.x);
    }
    float y(double value) const {
        return max.y -
               static_cast<float>(std::clamp((value - low) / (high - low), -0.5, 1.5)) * (max.y - min.y);
    }
};

/// At most two points a pixel column: the extremes of the partial sums in it.
void draw_partial_sums(ImDrawList* draw, const Theme& theme, const SumArea& area,
                       const std::vector<double>& partial, ImU32 colour, LineStyle style) {
    const auto columns = static_cast<std::size_t>(std::max(1.0f, area.max.x - area.min.x));
    const std::size_t per_column = std::max<std::size_t>(1, partial.size() / columns);
    std::vector<ImVec2> line;
    for (std::size_t first = 0; first < partial.size(); first += per_column) {
        const std::size_t end = std::min(partial.size(), first + per_column);
        const auto [low, high] = std::minmax_element(partial.begin() + static_cast<std::ptrdiff_t>(first),
                                                     partial.begin() + static_cast<std::ptrdiff_t>(end));
        if (!std::isfinite(*low) || !std::isfinite(*high)) break;
        const bool rises = low <= high;
        line.emplace_back(area.x(first), area.y(rises ? *low : *high));
        if (end - first > 1) line.emplace_back(area.x(end - 1), area.y(rises ? *high : *low));
    }
    if (line.size() > 1)
        draw_styled_line(draw, line.data(), static_cast<int>(line.size()), colour, theme.px(1.8f), style,
                         theme.scale);
}

std::vector<AxisTick> ticks_of(const Theme& theme, const SumArea& area) {
    const PlotFrame frame{area.min, area.max, {}, area.low, area.high, AxisScale::linear};
    return value_ticks(frame, AxisLabels::numbers, theme, ImGui::GetTextLineHeight() * 1.7f);
}

float widest_label(const std::vector<AxisTick>& ticks) {
    float width = 0;
    for (const AxisTick& tick : ticks) width = std::max(width, ImGui::CalcTextSize(tick.label.c_str()).x);
    return width;
}

void draw_axes(ImDrawList* draw, const Theme& theme, const SumArea& area,
               const std::vector<AxisTick>& ticks) {
    draw->AddRectFilled(area.min, area.max, theme.plot_background);
    const float line = ImGui::GetTextLineHeight();
    for (const AxisTick& tick : ticks) {
        const float y = area.y(tick.position);
        draw->AddLine(ImVec2(area.min.x, y), ImVec2(area.max.x, y), theme.grid);
        draw->AddText(ImVec2(area.min.x - ImGui::CalcTextSize(tick.label.c_str()).x - theme.px(4),
                             std::clamp(y - line * 0.5f, area.min.y - theme.px(2), area.max.y - line * 0.8f)),
                      theme.text_dim, tick.label.c_str());
    }
    // From the right, where the axis has its name; one that would touch its neighbour is left out.
    float free_until = area.max.x + theme.px(6);
    for (int part = 4; part >= 0; --part) {
        const std::size_t k = area.length * static_cast<std::size_t>(part) / 4;
        const float x = area.min.x + (area.max.x - area.min.x) * static_cast<float>(part) / 4;
        const std::string label = part == 4 ? "k = " + count_text(static_cast<std::int64_t>(k))
                                            : count_text(static_cast<std::int64_t>(k));
        const float width = ImGui::CalcTextSize(label.c_str()).x;
        const float left = std::clamp(x - width * 0.5f, area.min.x, area.max.x - width);
        if (left + width + theme.px(6) > free_until) continue;
        free_until = left;
        draw->AddText(ImVec2(left, area.max.y + theme.px(2)), theme.text_dim, label.c_str());
    }
}

void draw_sums(const PanelContext& context, const std::array<SummedUp, kSummationCount>& sums, float height) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    double low = 0, high = 0;
    for (const SummedUp& sum : sums) {
        for (const double value : sum.partial) {
            if (!std::isfinite(value)) continue;
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    const bool is_all_zero = low == high;
    if (is_all_zero) high = low + 1;
    const double margin = 0.05 * (high - low);
    SumArea area{
        ImVec2(origin.x + theme.px(62), origin.y + theme.px(4)),
        ImVec2(origin.x + width - theme.px(6), origin.y + height - ImGui::GetTextLineHeight() - theme.px(6)),
        low - margin, high + margin, std::max<std::size_t>(1, sums[0].partial.size())};
    // No label is cut: it would be another number.
    const std::vector<AxisTick> ticks = ticks_of(theme, area);
    const float labels = widest_label(ticks);
    area.min.x = std::max(area.min.x, origin.x + labels + theme.px(4));
    context.ui.probe.rectangle("accumulator/labels", ImVec2(area.min.x - labels - theme.px(4), area.min.y),
                               ImVec2(area.min.x - theme.px(4), area.max.y));
    context.ui.probe.value("accumulator/labels", static_cast<double>(labels));
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_axes(draw, theme, area, ticks);
    draw->PushClipRect(area.min, area.max, true);
    for (std::size_t i = 0; i < kWays.size(); ++i)
        draw_partial_sums(draw, theme, area, sums[i].partial, way_colour(theme, kWays[i].way),
                          kWays[i].style);
    const std::int64_t first = sums[static_cast<std::size_t>(Summation::each)].first_swallowed;
    if (first >= 0) {
        const float x = area.x(static_cast<std::size_t>(first));
        draw->AddLine(ImVec2(x, area.min.y), ImVec2(x, area.max.y), theme.band(Band::flushed).solid,
                      theme.px(1));
        draw_clipped_text(
            draw, ImVec2(std::min(x + theme.px(4), area.max.x - theme.px(150)), area.min.y + theme.px(2)),
            theme.px(150), theme.band(Band::flushed).solid, "first swallowed, k = " + count_text(first));
    }
    draw->PopClipRect();
    if (is_all_zero) {
        draw->AddText(ImGui::GetFont(), ImGui::GetFontSize(),
                      ImVec2(area.min.x + theme.px(10), area.min.y + theme.px(8)), theme.text_dim,
                      "every addend is zero here: choose another sum, row or column", nullptr,
                      std::max(theme.px(40), area.max.x - area.min.x - theme.px(20)));
    }
    compat::add_rectangle(draw, area.min, area.max, theme.panel_border, 0, 1);
    ImGui::Dummy(ImVec2(width, height));
    context.ui.probe.rectangle("accumulator/plot", area.min, area.max);
}

/// Over the columns of numbers, which are those of draw_table().
void draw_table_titles(const Theme& theme, float results) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float right = at.x + results + ImGui::CalcTextSize("-0.000000e-00").x;
    if (theme.mono_font) ImGui::PopFont();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddText(ImVec2(right - ImGui::CalcTextSize("sum").x, at.y), theme.text_dim, "sum");
    draw->AddText(ImVec2(right + theme.px(14), at.y), theme.text_dim, "relative error");
    ImGui::Dummy(ImVec2(ImGui::GetContentRegionAvail().x, ImGui::GetTextLineHeight()));
}

/// One line a way: its look, the result, how far it is from the exact sum, what was swallowed.
void draw_table(const PanelContext& context, const DotCapture& dot) {
    const Theme& theme = context.theme;
    const std::array<SummedUp, kSummationCount>& sums = dot.sums;
    const double exact = sums[0].result;
    const float row = ImGui::GetTextLineHeight() + theme.px(3), names = theme.px(36);
    // The lane's own way is marked.
    const auto name_of = [&](const WayLook& way) {
        return std::string(way.name) + (dot.own == way.way ? " (this lane)" : "");
    };
    float longest = 0;
    for (const WayLook& way : kWays) longest = std::max(longest, ImGui::CalcTextSize(name_of(way).c_str()).x);
    const float results = names + longest + theme.px(6);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_table_titles(theme, results);
    for (std::size_t i = 0; i < kWays.size(); ++i) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float width = ImGui::GetContentRegionAvail().x;
        ImGui::Dummy(ImVec2(width, row));
        item_tooltip(theme, std::string(kWays[i].help) + "; error: relative to the exact sum");
        const ImVec2 sample[2] = {ImVec2(at.x + theme.px(2), at.y + row * 0.5f),
                                  ImVec2(at.x + theme.px(28), at.y + row * 0.5f)};
        draw_styled_line(draw, sample, 2, way_colour(theme, kWays[i].way), theme.px(2), kWays[i].style,
                         theme.scale);
        draw->AddText(ImVec2(at.x + names, at.y), theme.text, name_of(kWays[i]).c_str());
        const double error = std::fabs(sums[i].result - exact) / std::max(std::fabs(exact), 1e-300);
        char text[96];
        std::snprintf(text, sizeof text, "%13.7g", sums[i].result);
        if (theme.mono_font) compat::push_font(theme.mono_font);
        draw->AddText(ImVec2(at.x + results, at.y), theme.text, text);
        const float after = at.x + results + ImGui::CalcTextSize(text).x + theme.px(14);
        if (i > 0) {
            std::snprintf(text, sizeof text, sums[i].result == exact ? "0" : "%.1e", error);
            draw->AddText(ImVec2(after, at.y), error < 0.01 ? theme.text_dim : theme.error, text);
        }
        if (theme.mono_font) ImGui::PopFont();
        if (kWays[i].way == Summation::each) {
            const std::string lost = count_text(sums[i].swallowed) + " swallowed";
            draw_clipped_text(draw, ImVec2(after + theme.px(110), at.y), at.x + width - after - theme.px(110),
                              theme.text_dim, lost);
            context.ui.probe.value("accumulator/swallowed", static_cast<double>(sums[i].swallowed));
        }
        context.ui.probe.value(std::string("accumulator/") + kWays[i].name, sums[i].result);
    }
}

/// What is added up, and what the layer made of it.
void draw_captions(const PanelContext& context, const DotCapture& dot) {
    const std::string addends = "k over " + dot.source.over + ": " +
                                count_text(static_cast<std::int64_t>(dot.a.size())) +
                                " addends, sums rounded to " + format_info(dot.sum_format).name +
                                (dot.format == Format::fp32 ? " (this layer reads fp32)" : "");
    caption_line(context.theme, addends);
    std::string stored = "partial sums before step " + count_text(dot.step) + "; the layer stored " +
                         (dot.stored_as.empty() ? "" : dot.stored_as + " = ") + number_text(dot.stored, 5);
    if (dot.source.kind == DotKind::denominator) {
        stored += ", the largest being " + number_text(dot.bias, 4);
    } else if (dot.bias != 0) {
        stored += ", with a bias of " + number_text(dot.bias, 4);
    }
    caption_line(context.theme, stored);
    context.ui.probe.value("accumulator/addends", addends);
    context.ui.probe.value("accumulator/stored", stored);
}

}  // namespace

void draw_accumulator_panel(const PanelContext& context) {
    const Theme& theme = context.theme;
    const LaneSnapshot* lane = lane_to_show(theme, context.ui, context.snapshot);
    if (!lane) return;
    const DotSource* source = chosen_source(context.snapshot, context.ui.accumulator);
    if (!source) {
        empty_state(theme, "This network makes no sum that can be taken.");
        return;
    }
    draw_toolbar(context, *lane, *source);
    AccumulatorLab& lab = context.ui.accumulator;
    const std::string what =
        source->name() + "[" + std::to_string(lab.row) + ", " + std::to_string(lab.column) + "]";
    if (is_look_due(lab.asked, context.snapshot, *lane, what))
        context.commands.send(CaptureDotCommand{lane->name, *source, lab.row, lab.column});
    if (!lane->dot || lane->dot->source != *source) {
        empty_state(theme, "Taking the sum from the next step ...");
        return;
    }
    const DotCapture& dot = *lane->dot;
    draw_captions(context, dot);
    const float table =
        (ImGui::GetTextLineHeight() + theme.px(7)) * static_cast<float>(kWays.size() + 1) + theme.px(6);
    draw_sums(context, dot.sums, std::max(theme.px(90), ImGui::GetContentRegionAvail().y - table));
    draw_table(context, dot);
}

}  // namespace halfscope
