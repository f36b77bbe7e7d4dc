#include "program/ablation_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <type_traits>

#include "program/csv.h"

namespace halfscope {
namespace {

std::string decimals_text(double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string short_text(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    return text;
}

std::string plus_minus(double mean, double deviation) {
    constexpr int kMostDecimals = 4;
    constexpr double kLargestPlain = 1e7;
    if (!(deviation > 0) || std::isinf(deviation)) {
        const std::string text =
            short_text(mean, std::abs(mean) < kLargestPlain && mean == std::trunc(mean) ? 8 : 4);
        return std::isnan(deviation) ? text : text + " ± " + short_text(deviation, 2);
    }
    const int decimals = std::max(0, 1 - static_cast<int>(std::floor(std::log10(deviation))));
    if (decimals > kMostDecimals || std::abs(mean) >= kLargestPlain)
        return short_text(mean, std::abs(mean) < 1e-3 ? 2 : 4) + " ± " + short_text(deviation, 2);
    return decimals_text(mean, decimals) + " ± " + decimals_text(deviation, decimals);
}

/// "counted at every step", "counted at 20 steps, each 25 apart".
std::string probes_text(const AblationResults& results) {
    const std::int64_t interval = ablation_probe_interval(results.steps);
    if (interval == 1) return "counted at every step";
    return "counted at " + std::to_string((results.steps + interval - 1) / interval) + " steps, each " +
           std::to_string(interval) + " apart";
}

MeasureLook metric_look(const AblationResults& results) {
    MeasureLook look{results.metric_name,
                     results.metric_name,
                     "",
                     "The scenario's measure on its validation data after the last step.",
                     1,
                     !results.higher_is_better};
    if (results.metric_name == "accuracy") {
        look.unit = "%";
        look.factor = 100;
    }
    if (results.metric_name == "psnr_db") {
        look.title = "PSNR";
        look.unit = "dB";
    }
    return look;
}

template <class Value>
std::string joined(const std::vector<Value>& values, const char* separator) {
    std::string text;
    for (const Value& value : values) {
        if (!text.empty()) text += separator;
        if constexpr (std::is_same_v<Value, std::string>) {
            text += value;
        } else {
            text += std::to_string(value);
        }
    }
    return text;
}

/// A cell of a Markdown table: a bar would end it.
std::string markdown_cell(const std::string& text) {
    std::string cell;
    for (const char character : text) {
        if (character == '|') cell += '\\';
        cell += character == '\n' ? ' ' : character;
    }
    return cell;
}

template <class Visit>
void for_each_measure(const Visit& visit) {
    for (int index = 0; index < kAblationMeasureCount; ++index) visit(static_cast<AblationMeasure>(index));
}

std::string factor_titles(const AblationResults& results) {
    std::string line;
    for (const AblationFactor& factor : results.factors) line += csv_text(factor.key) + ",";
    return line;
}

std::string factor_cells(const AblationRow& row) {
    std::string line;
    for (const std::string& value : row.values) line += csv_text(value) + ",";
    return line;
}

std::size_t failed_of(const AblationRow& row) {
    return static_cast<std::size_t>(std::count_if(row.runs.begin(), row.runs.end(),
                                                  [](const auto& run) { return !run->problem.empty(); }));
}

std::string values_of(const AblationResults& results, const AblationRow& row) {
    std::vector<std::string> parts;
    for (std::size_t index = 0; index < row.values.size(); ++index)
        parts.push_back(results.factors[index].key + "=" + row.values[index]);
    return joined(parts, ", ");
}

}  // namespace

MeasureLook look_of(const AblationResults& results, AblationMeasure measure) {
    switch (measure) {
        case AblationMeasure::final_loss:
            return {"final_loss", "final loss", "",
                    "Mean training loss of the last " +
                        std::to_string(std::min(kFinalLossSteps, results.steps)) + " steps."};
        case AblationMeasure::metric:
            return metric_look(results);
        case AblationMeasure::flushed:
            return {"flushed_percent", "flushed", "%",
                    "Share of the non-zero elements of activation and weight gradients that became zero when "
                    "they were stored in the lane's format; " +
                        probes_text(results) + "."};
        case AblationMeasure::swallowed:
            return {
                "swallowed_percent", "swallowed", "%",
                "Share of the updates too small to move their weight in its storage format (paper, section "
                "3.1); with a master copy they are not lost, and this is what would be without it; " +
                    probes_text(results) + "."};
        case AblationMeasure::skipped:
            return {"skipped_steps", "skipped", "steps",
                    "Steps whose update was skipped because of NaN or infinite gradients, of " +
                        std::to_string(results.steps) + "."};
        case AblationMeasure::step_ms:
            return {"step_ms", "time", "ms/step",
                    "Median time of a step, without probes, on one thread of the CPU beside everything else "
                    "that runs: compare rows of one table only."};
        case AblationMeasure::bytes:
            return {"bytes", "memory", "MiB",
                    "Weights, master copies, activations, gradients and optimizer state.", 1.0 / (1 << 20)};
    }
    return {};
}

std::string spread_text(const Spread& spread, double factor) {
    const std::size_t all = spread.finite + spread.nonfinite;
    if (all == 0) return "-";
    const std::string parts = std::to_string(spread.nonfinite) + " of " + std::to_string(all);
    if (spread.finite == 0) return "NaN or inf (" + parts + ")";
    const std::string text = plus_minus(spread.mean * factor, spread.deviation * factor);
    return spread.nonfinite == 0 ? text : text + " (" + parts + " not finite)";
}

std::string row_state_text(const AblationResults& results, const AblationRow& row) {
    if (!row.refusal.empty()) return "refused";
    const std::size_t all = results.seeds.size(), failed = failed_of(row);
    std::string text = row.runs.size() == all
                           ? std::to_string(all)
                           : std::to_string(row.runs.size()) + " of " + std::to_string(all);
    if (failed > 0) text += ", " + std::to_string(failed) + " failed";
    return text;
}

std::string ablation_heading(const AblationResults& results, const std::string& base) {
    const std::string from = results.first_step > 0
                                 ? "from the lane's state after step " + std::to_string(results.first_step)
                                 : "from scratch";
    return results.scenario + ", " + base + ", " + std::to_string(results.steps) + " steps " + from +
           (results.seeds.size() == 1 ? ", seed " : ", seeds ") + joined(results.seeds, ", ");
}

std::string ablation_markdown(const AblationResults& results, const std::string& base) {
    std::string text =
        ablation_heading(results, base) + ". Mean ± sample standard deviation over seeds.\n\n|";
    std::string line = "|", notes;
    for (const AblationFactor& factor : results.factors) {
        text += " " + factor.key + " |";
        line += "---|";
    }
    for_each_measure([&](AblationMeasure measure) {
        const MeasureLook look = look_of(results, measure);
        text += " " + look.title + (look.unit.empty() ? "" : " (" + look.unit + ")") + " |";
        line += "---:|";
    });
    text += " seeds |\n" + line + "---:|\n";
    for (const AblationRow& row : results.rows) {
        text += "|";
        for (const std::string& value : row.values) text += " " + markdown_cell(value) + " |";
        for_each_measure([&](AblationMeasure measure) {
            text += " " + spread_text(spread_of(row, measure), look_of(results, measure).factor) + " |";
        });
        text += " " + row_state_text(results, row) + " |\n";
        if (!row.refusal.empty())
            notes += "- " + values_of(results, row) + " is refused: " + row.refusal + "\n";
        for (const auto& run : row.runs) {
            if (run->problem.empty()) continue;
            notes += "- " + values_of(results, row) + ", seed " + std::to_string(run->seed) +
                     " failed: " + markdown_cell(run->problem) + "\n";
        }
    }
    if (!notes.empty()) text += "\n" + notes;
    text += "\n";
    for (const AblationMeasure measure :
         {AblationMeasure::final_loss, AblationMeasure::flushed, AblationMeasure::swallowed}) {
        const MeasureLook look = look_of(results, measure);
        text += "- " + look.title + ": " + look.help + "\n";
    }
    return text;
}

std::string ablation_csv(const AblationResults& results) {
    std::string text = factor_titles(results) + "seeds,failed,refusal";
    for_each_measure([&](AblationMeasure measure) {
        const std::string key = csv_text(look_of(results, measure).key);
        text += "," + key + "_mean," + key + "_sd," + key + "_n";
    });
    text += "\n";
    for (const AblationRow& row : results.rows) {
        text += factor_cells(row) + std::to_string(row.runs.size()) + "," + std::to_string(failed_of(row)) +
                "," + csv_text(row.refusal);
        for_each_measure([&](AblationMeasure measure) {
            const Spread spread = spread_of(row, measure);
            const bool has_any = spread.finite + spread.nonfinite > 0;
            text += "," + (has_any ? csv_number(spread.mean) : "") + "," +
                    (spread.finite > 1 ? csv_number(spread.deviation) : "") + "," +
                    std::to_string(spread.finite);
        });
        text += "\n";
    }
    return text;
}

std::string ablation_runs_csv(const AblationResults& results) {
    std::string text = factor_titles(results) + "seed,final_loss,validation_loss," +
                       csv_text(results.metric_name) +
                       ",flushed,nonzero,flushed_percent,swallowed,updates,swallowed_percent,skipped_steps,"
                       "step_ms,bytes,signature,problem\n";
    for (const AblationRow& row : results.rows) {
        for (const auto& run : row.runs) {
            text += factor_cells(row) + std::to_string(run->seed) + ",";
            if (!run->problem.empty()) {
                constexpr std::size_t kEmptyCells = 13;  // up to the last one
                text += std::string(kEmptyCells, ',') + csv_text(run->problem) + "\n";
                continue;
            }
            text += csv_number(run->final_loss) + "," + csv_number(run->validation.validation_loss) + "," +
                    csv_number(run->validation.metric) + "," + std::to_string(run->flushed) + "," +
                    std::to_string(run->nonzero) + "," + csv_number(run->flushed_percent()) + "," +
                    std::to_string(run->swallowed) + "," + std::to_string(run->updates) + "," +
                    csv_number(run->swallowed_percent()) + "," + std::to_string(run->skipped) + "," +
                    csv_number(run->step_ms) + "," + std::to_string(run->bytes) + "," + run->signature +
                    ",\n";
        }
    }
    return text;
}

}  // namespace halfscope
