// An ablation: every combination of some values of some techniques, each trained alone under several seeds,
// and what came of it. Made from a command by the session or the command line; run_ablation() trains on a
// backend of its own, so that a visible run beside it stays what it is. No thread here
// (session/background_ablation.h), and no text for people (program/ablation_table.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "train/lane_record.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {

/// A technique that is varied, and its values as text.
struct AblationFactor {
    std::string key;
    std::vector<std::string> values;
    bool operator==(const AblationFactor&) const = default;
};

/// A lane's present state, from which all combinations go on.
struct AblationStart {
    LaneRecord record;
    Techniques techniques;  ///< under which it was taken
    std::int64_t step = 0;
};

struct AblationPlan {
    std::string scenario;
    ScenarioSettings settings;  ///< the seed in it is that of `workload`, and of `start`
    Techniques base;            ///< of every key that is not varied
    std::vector<AblationFactor> factors;
    std::vector<std::uint64_t> seeds;
    std::int64_t steps = 0;                         ///< of each run
    std::shared_ptr<const AblationStart> start;     ///< null: from scratch
    std::shared_ptr<const Workload> workload = {};  ///< of `settings`, where there is one already
};

inline constexpr std::size_t kMostCombinations = 256, kMostAblationSeeds = 64;
inline constexpr std::int64_t kMostAblationSteps = 1'000'000;
/// The final loss is the mean training loss of so many last steps (of all, where there are fewer).
inline constexpr std::int64_t kFinalLossSteps = 10;
/// Every tensor is probed each so many steps, the first among them: at least 20 times in a run of as many
/// steps.
std::int64_t ablation_probe_interval(std::int64_t steps);
inline constexpr std::int64_t kMostCurvePoints = 256;

/// Throws InputError, one sentence: an unknown key or value, nothing to vary, too much of it, seeds twice, or
/// other seeds than its own for a state that is gone on from.
void check_ablation(const AblationPlan& plan);

/// What one seed made of one combination.
struct AblationRun {
    std::uint64_t seed = 0;
    std::string problem;          ///< one sentence where it could not be trained; empty: it was
    double final_loss = 0;        ///< see kFinalLossSteps; NaN where one of these is
    Metric validation;            ///< at the end
    std::uint64_t flushed = 0;    ///< of the probed gradients (activations' and weights'), when stored
    std::uint64_t nonzero = 0;    ///< of these, all but true zeros
    std::uint64_t swallowed = 0;  ///< probed updates too small for their weight in its storage format
    std::uint64_t updates = 0;    ///< all probed ones: neither update nor weight is zero
    std::int64_t skipped = 0;     ///< steps, of the run's
    double step_ms = 0;           ///< the median of steps without a probe (of all, where each has one)
    std::uint64_t bytes = 0;      ///< of the lane's tensors, all categories
    std::string signature;        ///< Lane::signature at the end
    std::vector<double> curve;    ///< mean training loss of each AblationResults::bucket_steps steps

    double flushed_percent() const;
    double swallowed_percent() const;
    /// Trained, but its final loss or its metric is no number.
    bool has_diverged() const;
};

/// One combination, and the runs done so far in the order of the seeds.
struct AblationRow {
    std::vector<std::string> values;  ///< of the factors, as technique_value() writes them
    Techniques techniques;
    std::string refusal;  ///< why it makes no sense; empty: it is trained
    std::vector<std::shared_ptr<const AblationRun>> runs;
};

enum class AblationState : std::uint8_t { running, ending, done, cancelled, failed };

struct AblationResults {
    std::string scenario, metric_name;
    bool higher_is_better = true;
    ScenarioSettings settings;
    Techniques base;
    std::vector<AblationFactor> factors;  ///< values as technique_value() writes them
    std::vector<std::uint64_t> seeds;
    std::int64_t first_step = 0, steps = 0;  ///< first_step > 0: from a state
    std::int64_t bucket_steps = 1;           ///< of a curve's points; the last one may have fewer
    std::vector<AblationRow> rows;
    AblationState state = AblationState::running;
    std::string problem;                         ///< why it failed as a whole, one sentence
    std::string doing;                           ///< what it waits for before it trains; empty: it trains
    std::int64_t steps_done = 0, steps_all = 0;  ///< of all runs together; refused ones do not count
    double elapsed_ms = 0;

    std::size_t runs_done() const;
    std::size_t runs_all() const;
    /// From the time that the steps so far took; negative: not known yet.
    double left_ms() const;
};

/// The rows before anything was trained: the product of all values, the last factor varying fastest. Refused
/// combinations are rows too. Throws as check_ablation().
AblationResults planned_ablation(const AblationPlan& plan);

struct AblationWatch {
    /// Called after every step with the results so far.
    std::function<void(const AblationResults&)> changed;
    /// Asked after every step; true ends it.
    std::function<bool()> cancelled;
};

/// Trains every combination that is not refused under every seed, each alone; all combinations of one seed
/// before the next. A run that fails keeps its sentence and the others go on. NaN and infinity are results.
/// Throws as check_ablation().
AblationResults run_ablation(Backend& backend, const AblationPlan& plan, const AblationWatch& watch);

/// Mean and spread over seeds.
struct Spread {
    double mean = 0;       ///< of the finite values; NaN: there is none
    double deviation = 0;  ///< of the sample (n - 1); NaN: fewer than two finite values
    std::size_t finite = 0, nonfinite = 0;
};
Spread spread_of(const std::vector<double>& values);

/// What is compared.
enum class AblationMeasure : std::uint8_t { final_loss, metric, flushed, swallowed, skipped, step_ms, bytes };
inline constexpr int kAblationMeasureCount = 7;
double measure_of(const AblationRun& run, AblationMeasure measure);
/// Over the runs of a row that could be trained.
Spread spread_of(const AblationRow& row, AblationMeasure measure);
/// Over its curves, point by point; as many points as the longest has.
std::vector<Spread> curve_of(const AblationRow& row);

}  // namespace halfscope
