// An ablation as people read it: titles and units, "mean ± spread", a Markdown table and CSV. Used by the
// window's ablation panel and by `halfscope-cli ablate`. It trains nothing (train/ablation.h).
#pragma once

#include <string>

#include "train/ablation.h"

namespace halfscope {

/// How one measure is written.
struct MeasureLook {
    std::string key;    ///< "final_loss": the stem of its CSV columns
    std::string title;  ///< "accuracy", with the unit apart
    std::string unit;   ///< "%", "ms", or empty
    std::string help;   ///< how it is made, one or two sentences
    double factor = 1;  ///< what a value is multiplied by in text; CSV has it as it is
    /// Whether less of it is better; of bytes and time too.
    bool is_less_better = true;
};
MeasureLook look_of(const AblationResults& results, AblationMeasure measure);

/// "0.5123 ± 0.0041": the spread in two digits, the mean as far. Without a spread the mean alone. What was
/// left out is said: "0.51 ± 0.02 (1 of 3 not finite)"; "NaN or inf (3 of 3)" where nothing is left, "-"
/// where there was nothing.
std::string spread_text(const Spread& spread, double factor = 1);

/// "3 runs", "2 of 3 runs, 1 failed", "refused": how far a row is, and what to know about its numbers.
std::string row_state_text(const AblationResults& results, const AblationRow& row);

/// "spiral-mlp, mixed, 500 steps from scratch, seeds 0, 1, 2". `base`: the techniques that were not varied.
std::string ablation_heading(const AblationResults& results, const std::string& base);

/// One table with all rows, its heading above and reasons of refusals and failures below.
std::string ablation_markdown(const AblationResults& results, const std::string& base);
/// One line a combination: mean, sample standard deviation and number of finite seeds of every measure.
std::string ablation_csv(const AblationResults& results);
/// One line a run: every combination under every seed, with the counts behind the shares and the signature.
std::string ablation_runs_csv(const AblationResults& results);

}  // namespace halfscope
