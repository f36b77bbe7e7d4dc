#include "gui/widgets/ablation_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/plot_bands.h"
#include "gui/widgets/preset_match.h"
#include "program/ablation_table.h"

namespace halfscope {
namespace {

/// One column: a factor (index in AblationResults::factors), a measure, or how many seeds are done.
struct GridColumn {
    enum class Kind : std::uint8_t { chip, factor, measure, seeds };
    Kind kind = Kind::chip;
    std::size_t factor = 0;
    AblationMeasure measure = AblationMeasure::final_loss;
    std::string title, help, probe;
    float width = 0;
};

std::string cell_text(const Theme& theme, const AblationResults& results, const AblationRow& row,
                      const GridColumn& column) {
    switch (column.kind) {
        case GridColumn::Kind::factor:
            return value_label(theme, results.factors[column.factor].key, row.values[column.factor]);
        case GridColumn::Kind::measure: {
            const bool is_first = column.measure == AblationMeasure::final_loss;
            if (!row.refusal.empty()) return is_first ? "refused" : "-";
            return spread_text(spread_of(row, column.measure), look_of(results, column.measure).factor);
        }
        case GridColumn::Kind::seeds:
            return row_state_text(results, row);
        case GridColumn::Kind::chip:
            break;
    }
    return {};
}

float mono_width(const Theme& theme, const std::string& text) {
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float width = ImGui::CalcTextSize(text.c_str()).x;
    if (theme.mono_font) ImGui::PopFont();
    return width;
}

/// A title on two lines: "master weights" takes no more room than its values need.
std::string in_two_lines(std::string title) {
    const std::size_t blank = title.find(' ');
    if (blank != std::string::npos) title[blank] = '\n';
    return title;
}

std::vector<GridColumn> columns_of(const Theme& theme, const AblationResults& results) {
    std::vector<GridColumn> columns(1);
    columns.front().title = "##curve";
    columns.front().help = "Line style and letter of the curve below. A click on a row hides or shows it.";
    columns.front().probe = "curve";
    for (std::size_t factor = 0; factor < results.factors.size(); ++factor) {
        const std::string& key = results.factors[factor].key;
        columns.push_back({GridColumn::Kind::factor,
                           factor,
                           {},
                           in_two_lines(spaced(key)),
                           "The value of " + key + " that was tried.",
                           key,
                           0});
    }
    for (int index = 0; index < kAblationMeasureCount; ++index) {
        const auto measure = static_cast<AblationMeasure>(index);
        const MeasureLook look = look_of(results, measure);
        columns.push_back(
            {GridColumn::Kind::measure, 0, measure,
             look.unit.empty() ? in_two_lines(look.title) : look.title + "\n(" + look.unit + ")", look.help,
             look.key, 0});
    }
    columns.push_back({GridColumn::Kind::seeds,
                       0,
                       {},
                       "seeds",
                       "How many seeds are done. Mean and sample standard deviation are over those whose "
                       "value is finite.",
                       "seeds",
                       0});
    // What ImGui keeps free beside a title for the arrow of sorting.
    const float arrow = ImGui::GetFontSize() * 0.65f + ImGui::GetStyle().FramePadding.x + 1;
    for (GridColumn& column : columns) {
        const bool is_chip = column.kind == GridColumn::Kind::chip;
        column.width = is_chip ? theme.px(44) : ImGui::CalcTextSize(column.title.c_str()).x + arrow;
        for (const AblationRow& row : results.rows)
            column.width = std::max(column.width, mono_width(theme, cell_text(theme, results, row, column)));
    }
    return columns;
}

/// What rows are sorted by; NaN comes last in both directions.
double sort_key(const AblationResults& results, std::size_t index, const GridColumn& column) {
    const AblationRow& row = results.rows[index];
    switch (column.kind) {
        case GridColumn::Kind::factor: {
            const std::vector<std::string>& values = results.factors[column.factor].values;
            return static_cast<double>(std::find(values.begin(), values.end(), row.values[column.factor]) -
                                       values.begin());
        }
        case GridColumn::Kind::measure:
            return spread_of(row, column.measure).mean;
        case GridColumn::Kind::seeds:
            return static_cast<double>(row.runs.size());
        case GridColumn::Kind::chip:
            break;
    }
    return static_cast<double>(index);
}

std::vector<std::size_t> sorted_rows(const AblationResults& results, const std::vector<GridColumn>& columns) {
    std::vector<std::size_t> order(results.rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs();
    if (!specs || specs->SpecsCount == 0) return order;
    const GridColumn& column = columns[static_cast<std::size_t>(specs->Specs[0].ColumnIndex)];
    const bool is_descending = specs->Specs[0].SortDirection == ImGuiSortDirection_Descending;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const double x = sort_key(results, a, column), y = sort_key(results, b, column);
        if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
        return is_descending ? x > y : x < y;
    });
    return order;
}

/// The letter and the line of a row's curve; dim where it is hidden.
void draw_chip(const Theme& theme, std::size_t index, bool is_shown) {
    const LaneLook look = row_look(theme, index);
    const float line = ImGui::GetTextLineHeight();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImU32 colour = is_shown ? look.colour : with_opacity(theme.text_dim, 0.6f);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const char letter[2] = {look.letter, '\0'};
    draw->AddText(ImVec2(at.x + theme.px(2), at.y), colour, letter);
    const ImVec2 ends[2] = {ImVec2(at.x + theme.px(16), at.y + line * 0.5f),
                            ImVec2(at.x + theme.px(42), at.y + line * 0.5f)};
    if (is_shown) draw_styled_line(draw, ends, 2, colour, theme.px(2), look.style, theme.scale * 0.8f);
}

/// Every seed's own value behind a mean.
std::string cell_help(const AblationResults& results, const AblationRow& row, const GridColumn& column) {
    if (!row.refusal.empty()) return "Refused: " + row.refusal;
    if (column.kind == GridColumn::Kind::chip || column.kind == GridColumn::Kind::factor) return {};
    const bool is_measure = column.kind == GridColumn::Kind::measure;
    std::string text = column.help;
    const MeasureLook look = look_of(results, column.measure);
    for (const auto& run : row.runs) {
        text += "\nseed " + std::to_string(run->seed) + ": ";
        if (!run->problem.empty()) {
            text += "failed: " + run->problem;
        } else if (is_measure) {
            text += number_text(measure_of(*run, column.measure) * look.factor) +
                    (look.unit.empty() ? "" : " " + look.unit);
        } else {
            text += run->has_diverged() ? "diverged, signature " : "signature ";
            text += run->signature;
        }
    }
    return text;
}

void draw_cell(const Theme& theme, const AblationResults& results, const AblationRow& row,
               const GridColumn& column) {
    const std::string text = cell_text(theme, results, row, column);
    const bool is_number = column.kind != GridColumn::Kind::factor;
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float room = ImGui::GetContentRegionAvail().x - ImGui::CalcTextSize(text.c_str()).x;
    if (is_number && room > 0) ImGui::SetCursorPosX(ImGui::GetCursorPosX() + room);
    const bool is_lost =
        column.kind == GridColumn::Kind::measure && spread_of(row, column.measure).nonfinite > 0;
    coloured_text(!row.refusal.empty() ? theme.text_dim : is_lost ? theme.error : theme.text, text.c_str());
    if (theme.mono_font) ImGui::PopFont();
    item_tooltip(theme, cell_help(results, row, column));
}

void report_row(UiProbe& probe, const AblationResults& results, std::size_t index, std::size_t place) {
    if (!probe.enabled()) return;
    const AblationRow& row = results.rows[index];
    const std::string id = "ablation/row/" + std::to_string(index) + "/";
    for (int number = 0; number < kAblationMeasureCount; ++number) {
        const auto measure = static_cast<AblationMeasure>(number);
        const Spread spread = spread_of(row, measure);
        const std::string key = look_of(results, measure).key;
        probe.value(id + key + "/mean", spread.mean);
        probe.value(id + key + "/sd", spread.deviation);
        probe.value(id + key + "/text", spread_text(spread, look_of(results, measure).factor));
    }
    probe.value(id + "place", static_cast<double>(place));
    probe.value(id + "seeds", row_state_text(results, row));
}

void draw_titles(const Theme& theme, UiProbe& probe, const std::vector<GridColumn>& columns) {
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
    for (const GridColumn& column : columns) {
        ImGui::TableNextColumn();
        ImGui::TableHeader(column.title.c_str());
        probe.item("ablation/sort/" + column.probe);
        item_tooltip(theme, column.help + " Click: sort.");
    }
}

}  // namespace

std::string value_label(const Theme& theme, const std::string& key, const std::string& value) {
    for (const TechniqueKey& known : technique_keys()) {
        if (known.name != key || known.kind != TechniqueKey::Kind::number || value == "none") continue;
        return scale_label(theme, std::strtod(value.c_str(), nullptr));
    }
    return value;
}

std::string row_label_of(const Theme& theme, const AblationResults& results, const AblationRow& row) {
    std::string text;
    for (std::size_t factor = 0; factor < row.values.size(); ++factor)
        text +=
            (factor == 0 ? "" : ", ") + value_label(theme, results.factors[factor].key, row.values[factor]);
    return text;
}

float ablation_grid_height(const AblationResults& results) {
    const float row = ImGui::GetTextLineHeight() + ImGui::GetStyle().CellPadding.y * 2 + 1;
    return row * static_cast<float>(results.rows.size() + 1) + ImGui::GetTextLineHeight() +
           ImGui::GetStyle().ScrollbarSize + 4;
}

void draw_ablation_grid(const Theme& theme, UiState& ui, const AblationResults& results, float height) {
    const std::vector<GridColumn> columns = columns_of(theme, results);
    constexpr ImGuiTableFlags kFlags = ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY |
                                       ImGuiTableFlags_Sortable | ImGuiTableFlags_SortTristate |
                                       ImGuiTableFlags_BordersInnerH | ImGuiTableFlags_RowBg |
                                       ImGuiTableFlags_NoSavedSettings | ImGuiTableFlags_SizingFixedFit;
    // Another set of columns is another table to ImGui.
    ImGui::PushStyleVar(ImGuiStyleVar_CellPadding, ImVec2(theme.px(2), ImGui::GetStyle().CellPadding.y));
    ImGui::PushID(static_cast<int>(columns.size()));
    if (ImGui::BeginTable("ablation_grid", static_cast<int>(columns.size()), kFlags, ImVec2(0, height))) {
        // What tells rows apart stays in sight where it leaves room for the rest.
        float names = 0;
        for (const GridColumn& column : columns)
            names += column.kind == GridColumn::Kind::factor ? column.width : 0;
        const bool fits = names < ImGui::GetContentRegionAvail().x * 0.4f;
        const int frozen = fits ? static_cast<int>(results.factors.size()) + 1 : 1;
        ImGui::TableSetupScrollFreeze(frozen, 1);
        for (const GridColumn& column : columns)
            ImGui::TableSetupColumn(column.title.c_str(), ImGuiTableColumnFlags_WidthFixed, column.width);
        draw_titles(theme, ui.probe, columns);
        const std::vector<std::size_t> order = sorted_rows(results, columns);
        for (std::size_t place = 0; place < order.size(); ++place) {
            const std::size_t index = order[place];
            const AblationRow& row = results.rows[index];
            const bool is_shown = ui.ablation.hidden_rows.count(index) == 0 && row.refusal.empty();
            ImGui::TableNextRow();
            ImGui::PushID(static_cast<int>(index));
            for (const GridColumn& column : columns) {
                ImGui::TableNextColumn();
                if (column.kind != GridColumn::Kind::chip) {
                    draw_cell(theme, results, row, column);
                    continue;
                }
                const ImVec2 at = ImGui::GetCursorPos();
                if (ImGui::Selectable("##row", false, ImGuiSelectableFlags_SpanAllColumns) &&
                    ui.ablation.hidden_rows.erase(index) == 0)
                    ui.ablation.hidden_rows.insert(index);
                ui.probe.item("ablation/row/" + std::to_string(index));
                item_tooltip(theme, row.refusal.empty() ? "" : "Refused: " + row.refusal);
                ImGui::SetCursorPos(at);
                draw_chip(theme, index, is_shown);
            }
            ImGui::PopID();
            report_row(ui.probe, results, index, place);
        }
        ImGui::EndTable();
    }
    ImGui::PopID();
    ImGui::PopStyleVar();
}

}  // namespace halfscope
