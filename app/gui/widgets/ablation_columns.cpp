#include "gui/widgets/ablation_columns.h"

#include <algorithm>
#include <cstdlib>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/preset_match.h"

namespace halfscope {
namespace {

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

std::vector<GridColumn> columns_of(const AblationResults& results) {
    std::vector<GridColumn> columns(1);
    columns.front().title = "##curve";
    columns.front().help = "Line style and letter of the curve below. A click on a row hides or shows it.";
    columns.front().probe = "curve";
    for (std::size_t factor = 0; factor < results.factors.size(); ++factor) {
        const std::string& key = results.factors[factor].key;
        const bool is_varied = results.factors[factor].values.size() > 1 || results.factors.size() == 1;
        if (!is_varied) continue;
        columns.push_back({GridColumn::Kind::factor,
                           factor,
                           {},
                           in_two_lines(spaced(key)),
                           "The value of " + key + " that was tried.",
                           key});
    }
    for (int index = 0; index < kAblationMeasureCount; ++index) {
        const auto measure = static_cast<AblationMeasure>(index);
        const MeasureLook look = look_of(results, measure);
        columns.push_back(
            {GridColumn::Kind::measure, 0, measure,
             look.unit.empty() ? in_two_lines(look.title) : look.title + "\n(" + look.unit + ")", look.help,
             look.key});
    }
    columns.push_back({GridColumn::Kind::seeds,
                       0,
                       {},
                       "seeds",
                       "How many seeds are done. Mean and sample standard deviation are over those whose "
                       "value is finite.",
                       "seeds"});
    return columns;
}

void measure_widths(const Theme& theme, GridTexts& texts) {
    // What ImGui keeps free beside a title for the arrow of sorting.
    const float arrow = ImGui::GetFontSize() * 0.65f + ImGui::GetStyle().FramePadding.x + 1;
    for (std::size_t index = 0; index < texts.columns.size(); ++index) {
        GridColumn& column = texts.columns[index];
        const bool is_chip = column.kind == GridColumn::Kind::chip;
        column.wide = is_chip ? theme.px(44) : ImGui::CalcTextSize(column.title.c_str()).x + arrow;
        column.narrow = column.wide;
        for (const std::vector<std::string>& row : texts.cells) {
            column.wide = std::max(column.wide, mono_width(theme, row[index]));
            column.narrow = std::max(column.narrow, mono_width(theme, folded(row[index])));
        }
    }
}

bool is_of_set(const GridColumn& column, AblationColumns set) {
    switch (column.kind) {
        case GridColumn::Kind::chip:
        case GridColumn::Kind::factor:
            return true;
        case GridColumn::Kind::seeds:
            return set == AblationColumns::learning;
        case GridColumn::Kind::measure:
            break;
    }
    switch (column.measure) {
        case AblationMeasure::final_loss:
        case AblationMeasure::metric:
            return set == AblationColumns::learning;
        case AblationMeasure::flushed:
        case AblationMeasure::swallowed:
        case AblationMeasure::skipped:
            return set == AblationColumns::losses;
        case AblationMeasure::step_ms:
        case AblationMeasure::bytes:
            break;
    }
    return set == AblationColumns::cost;
}

}  // namespace

std::string value_label(const Theme& theme, const std::string& key, const std::string& value) {
    for (const TechniqueKey& known : technique_keys()) {
        if (known.name != key || known.kind != TechniqueKey::Kind::number || value == "none") continue;
        return scale_label(theme, std::strtod(value.c_str(), nullptr));
    }
    return value;
}

std::string folded(std::string text) {
    for (const char* part : {" ± ", " (", ", "}) {
        const std::size_t at = text.find(part);
        if (at == std::string::npos) continue;
        text[text.find(' ', at)] = '\n';
    }
    return text;
}

const GridTexts& grid_texts(const Theme& theme, UiState& ui,
                            const std::shared_ptr<const AblationResults>& results) {
    const std::shared_ptr<const GridTexts>& kept = ui.ablation.texts;
    const float pixels = ImGui::GetFontSize();
    if (kept && kept->results == results && kept->text_pixels == pixels) return *kept;
    auto texts = std::make_shared<GridTexts>();
    texts->results = results;
    texts->text_pixels = pixels;
    texts->columns = columns_of(*results);
    for (const AblationRow& row : results->rows) {
        std::vector<std::string>& cells = texts->cells.emplace_back();
        for (const GridColumn& column : texts->columns)
            cells.push_back(cell_text(theme, *results, row, column));
    }
    for (const AblationFactor& factor : results->factors)
        if (factor.values.size() == 1 && results->factors.size() > 1)
            texts->same.push_back(factor.key + "=" + value_label(theme, factor.key, factor.values.front()));
    measure_widths(theme, *texts);
    ui.ablation.texts = std::move(texts);
    return *ui.ablation.texts;
}

GridFit fit_of(const GridTexts& texts, float room, float gap) {
    float wide = 0, narrow = 0;
    for (const GridColumn& column : texts.columns) {
        wide += column.wide + gap;
        narrow += column.narrow + gap;
    }
    return wide <= room ? GridFit::one_line : narrow <= room ? GridFit::folded : GridFit::one_set;
}

std::vector<std::size_t> shown_columns(const GridTexts& texts, GridFit fit, AblationColumns chosen) {
    std::vector<std::size_t> shown;
    for (std::size_t index = 0; index < texts.columns.size(); ++index)
        if (fit != GridFit::one_set || is_of_set(texts.columns[index], chosen)) shown.push_back(index);
    return shown;
}

}  // namespace halfscope
