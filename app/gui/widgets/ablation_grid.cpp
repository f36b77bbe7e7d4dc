#include "gui/widgets/ablation_grid.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/ablation_columns.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/plot_bands.h"

namespace halfscope {
namespace {

constexpr float kCellPadding = 2;  // pixels at text scale 1, left and right

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

/// Takes a click on a title over. A table that was not shown before sorts by nothing; what was sorted by in
/// another one stays.
void take_sorting(AblationView& view, int table, const GridTexts& texts,
                  const std::vector<std::size_t>& shown) {
    ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs();
    if (!specs || !specs->SpecsDirty) return;
    specs->SpecsDirty = false;
    if (std::exchange(view.sorting_table, table) != table) return;
    view.sorted_by.clear();
    if (specs->SpecsCount == 0) return;
    view.sorted_by = texts.columns[shown[static_cast<std::size_t>(specs->Specs[0].ColumnIndex)]].probe;
    view.is_descending = specs->Specs[0].SortDirection == ImGuiSortDirection_Descending;
}

std::vector<std::size_t> sorted_rows(const AblationView& view, const GridTexts& texts) {
    std::vector<std::size_t> order(texts.cells.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto column = std::find_if(texts.columns.begin(), texts.columns.end(),
                                     [&](const GridColumn& one) { return one.probe == view.sorted_by; });
    if (column == texts.columns.end()) return order;
    std::vector<double> keys;
    keys.reserve(order.size());
    for (const std::size_t row : order) keys.push_back(sort_key(*texts.results, row, *column));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const double x = keys[a], y = keys[b];
        if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
        return view.is_descending ? x > y : x < y;
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

/// Lines one below the other, at the right end where they are numbers; the spread is dim.
void draw_cell(const Theme& theme, const AblationResults& results, const AblationRow& row,
               const GridColumn& column, const std::string& text) {
    const bool is_number = column.kind != GridColumn::Kind::factor;
    const bool is_lost =
        column.kind == GridColumn::Kind::measure && spread_of(row, column.measure).nonfinite > 0;
    const ImU32 colour = !row.refusal.empty() ? theme.text_dim : is_lost ? theme.error : theme.text;
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float room = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    float y = at.y;
    for (std::size_t from = 0; from <= text.size(); y += line) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        const std::string part = text.substr(from, end - from);
        const float left = is_number ? std::max(0.0f, room - ImGui::CalcTextSize(part.c_str()).x) : 0.0f;
        ImGui::GetWindowDrawList()->AddText(ImVec2(at.x + left, y),
                                            from > 0 && !is_lost ? theme.text_dim : colour, part.c_str());
        from = end + 1;
    }
    if (theme.mono_font) ImGui::PopFont();
    ImGui::Dummy(ImVec2(room, y - at.y));
    item_tooltip(theme, ImGui::IsItemHovered() ? cell_help(results, row, column) : std::string());
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

/// What one drawing of the table goes by.
struct Grid {
    const Theme& theme;
    UiState& ui;
    const GridTexts& texts;
    GridFit fit = GridFit::one_line;
    std::vector<std::size_t> shown;  ///< columns
    float row_height = 0;

    std::string text(std::size_t row, std::size_t column) const {
        const std::string& whole = texts.cells[row][column];
        return fit == GridFit::one_line ? whole : folded(whole);
    }
};

Grid grid_of(const Theme& theme, UiState& ui, const std::shared_ptr<const AblationResults>& results) {
    const GridTexts& texts = grid_texts(theme, ui, results);
    const float room = ImGui::GetContentRegionAvail().x - ImGui::GetStyle().ScrollbarSize;
    Grid grid{theme, ui, texts, fit_of(texts, room, 2 * theme.px(kCellPadding)), {}, 0};
    grid.shown = shown_columns(texts, grid.fit, ui.ablation.columns);
    std::ptrdiff_t lines = 1;
    for (std::size_t row = 0; row < texts.cells.size(); ++row)
        for (const std::size_t column : grid.shown) {
            const std::string text = grid.text(row, column);
            lines = std::max(lines, 1 + std::count(text.begin(), text.end(), '\n'));
        }
    grid.row_height =
        ImGui::GetTextLineHeight() * static_cast<float>(lines) + 2 * ImGui::GetStyle().CellPadding.y;
    return grid;
}

void draw_titles(const Grid& grid) {
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
    for (const std::size_t index : grid.shown) {
        const GridColumn& column = grid.texts.columns[index];
        ImGui::TableNextColumn();
        ImGui::TableHeader(column.title.c_str());
        grid.ui.probe.item("ablation/sort/" + column.probe);
        item_tooltip(grid.theme, column.help + " Click: sort.");
    }
}

void draw_row(const Grid& grid, std::size_t index) {
    const AblationResults& results = *grid.texts.results;
    const AblationRow& row = results.rows[index];
    AblationView& view = grid.ui.ablation;
    const bool is_shown = view.hidden_rows.count(index) == 0 && row.refusal.empty();
    ImGui::TableNextRow(0, grid.row_height);
    ImGui::PushID(static_cast<int>(index));
    for (const std::size_t number : grid.shown) {
        const GridColumn& column = grid.texts.columns[number];
        ImGui::TableNextColumn();
        if (column.kind != GridColumn::Kind::chip) {
            draw_cell(grid.theme, results, row, column, grid.text(index, number));
            continue;
        }
        const ImVec2 at = ImGui::GetCursorPos();
        const ImVec2 size(0, grid.row_height - 2 * ImGui::GetStyle().CellPadding.y);
        if (ImGui::Selectable("##row", false, ImGuiSelectableFlags_SpanAllColumns, size) &&
            view.hidden_rows.erase(index) == 0)
            view.hidden_rows.insert(index);
        grid.ui.probe.item("ablation/row/" + std::to_string(index));
        item_tooltip(grid.theme, row.refusal.empty() ? "" : "Refused: " + row.refusal);
        ImGui::SetCursorPos(at);
        draw_chip(grid.theme, index, is_shown);
    }
    ImGui::PopID();
}

void draw_rows(const Grid& grid) {
    const std::vector<std::size_t> order = sorted_rows(grid.ui.ablation, grid.texts);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(order.size()));
    while (clipper.Step())
        for (int place = clipper.DisplayStart; place < clipper.DisplayEnd; ++place)
            draw_row(grid, order[static_cast<std::size_t>(place)]);
    if (!grid.ui.probe.enabled()) return;
    for (std::size_t place = 0; place < order.size(); ++place)
        report_row(grid.ui.probe, *grid.texts.results, order[place], place);
}

/// Which columns are shown where there is no room for all of them.
void draw_column_sets(const Grid& grid) {
    struct Choice {
        AblationColumns set;
        const char *title, *id, *help;
    };
    constexpr Choice kChoices[] = {
        {AblationColumns::learning, "what it learnt", "ablation/columns/learning",
         "Final loss, the scenario's own measure, and how many seeds are done."},
        {AblationColumns::losses, "what got lost", "ablation/columns/losses",
         "Flushed gradients, swallowed updates, skipped steps."},
        {AblationColumns::cost, "what it took", "ablation/columns/cost", "Time of a step, and memory."}};
    for (const Choice& choice : kChoices) {
        if (&choice != kChoices) flow_to(ImGui::CalcTextSize(choice.title).x + grid.theme.px(8));
        const bool is_shown = grid.ui.ablation.columns == choice.set;
        if (toggle_button(grid.theme, choice.title, is_shown ? ToggleLook::on : ToggleLook::off))
            grid.ui.ablation.columns = choice.set;
        grid.ui.probe.item(choice.id);
        item_tooltip(grid.theme, choice.help);
    }
}

}  // namespace

std::string row_label_of(const Theme& theme, const AblationResults& results, const AblationRow& row) {
    std::string text;
    for (std::size_t factor = 0; factor < row.values.size(); ++factor)
        text +=
            (factor == 0 ? "" : ", ") + value_label(theme, results.factors[factor].key, row.values[factor]);
    return text;
}

void draw_ablation_grid(const Theme& theme, UiState& ui,
                        const std::shared_ptr<const AblationResults>& results, float most_height) {
    ImGui::PushStyleVar(ImGuiStyleVar_CellPadding,
                        ImVec2(theme.px(kCellPadding), ImGui::GetStyle().CellPadding.y));
    const Grid grid = grid_of(theme, ui, results);
    if (!grid.texts.same.empty()) {
        std::string same = "all with ";
        for (const std::string& value : grid.texts.same) same += (same.back() == ' ' ? "" : ", ") + value;
        wrapped_dim_text(theme, same.c_str());
        ui.probe.value("ablation/same", same);
    }
    if (grid.fit == GridFit::one_set) draw_column_sets(grid);
    ui.probe.value("ablation/fit", grid.fit == GridFit::one_line ? "one line"
                                   : grid.fit == GridFit::folded ? "folded"
                                                                 : "one set");
    constexpr ImGuiTableFlags kFlags = ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY |
                                       ImGuiTableFlags_Sortable | ImGuiTableFlags_SortTristate |
                                       ImGuiTableFlags_BordersInnerH | ImGuiTableFlags_RowBg |
                                       ImGuiTableFlags_NoSavedSettings | ImGuiTableFlags_SizingFixedFit;
    const float titles = 2 * ImGui::GetTextLineHeight() + 2 * ImGui::GetStyle().CellPadding.y;
    const float rows = grid.row_height * static_cast<float>(grid.texts.cells.size());
    const float height = std::min(titles + rows + 4, most_height);
    // Another set of columns is another table to ImGui.
    const int table = static_cast<int>(grid.shown.size()) * 8 + static_cast<int>(ui.ablation.columns) + 1;
    ImGui::PushID(table);
    if (ImGui::BeginTable("ablation_grid", static_cast<int>(grid.shown.size()), kFlags, ImVec2(0, height))) {
        // What tells rows apart stays in sight where it leaves room for the rest.
        float names = 0;
        int frozen = 1;
        for (const std::size_t index : grid.shown) {
            const GridColumn& column = grid.texts.columns[index];
            if (column.kind != GridColumn::Kind::factor) continue;
            names += grid.fit == GridFit::one_line ? column.wide : column.narrow;
            ++frozen;
        }
        ImGui::TableSetupScrollFreeze(names < ImGui::GetContentRegionAvail().x * 0.4f ? frozen : 1, 1);
        for (const std::size_t index : grid.shown) {
            const GridColumn& column = grid.texts.columns[index];
            ImGui::TableSetupColumn(column.title.c_str(), ImGuiTableColumnFlags_WidthFixed,
                                    grid.fit == GridFit::one_line ? column.wide : column.narrow);
        }
        draw_titles(grid);
        take_sorting(ui.ablation, table, grid.texts, grid.shown);
        draw_rows(grid);
        ui.probe.value("ablation/scrolls", ImGui::GetScrollMaxX() > 0 ? "yes" : "no");
        ImGui::EndTable();
    }
    ImGui::PopID();
    ImGui::PopStyleVar();
}

}  // namespace halfscope
