#include "train/ablation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// What is collected step by step of one run.
class RunTally {
  public:
    RunTally(std::int64_t steps, std::int64_t bucket_steps) : steps_(steps), bucket_steps_(bucket_steps) {}

    void add(const StepResult& result, bool is_probed) {
        const double loss = result.record.loss;
        bucket_sum_ += loss;
        if (++bucket_count_ == bucket_steps_ || done_ + 1 == steps_) {
            curve_.push_back(bucket_sum_ / static_cast<double>(bucket_count_));
            bucket_sum_ = 0;
            bucket_count_ = 0;
        }
        if (done_ >= steps_ - kFinalLossSteps) final_sum_ += loss;
        (is_probed ? probed_ms_ : plain_ms_).push_back(static_cast<float>(result.record.step_ms));
        for (const Probe& probe : result.probes) count(probe);
        ++done_;
    }

    void finish(AblationRun& run) {
        run.final_loss = final_sum_ / static_cast<double>(std::min(steps_, kFinalLossSteps));
        run.flushed = flushed_;
        run.nonzero = nonzero_;
        run.swallowed = swallowed_;
        run.updates = updates_;
        std::vector<float>& times = plain_ms_.empty() ? probed_ms_ : plain_ms_;
        const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
        std::nth_element(times.begin(), middle, times.end());
        run.step_ms = static_cast<double>(*middle);
        run.curve = std::move(curve_);
    }

  private:
    void count(const Probe& probe) {
        if (probe.kind == ProbeKind::weight_gradient || probe.kind == ProbeKind::activation_gradient) {
            flushed_ += probe.counts.own.flushed;
            nonzero_ += probe.counts.own.count() - probe.counts.own.true_zero;
        }
        swallowed_ += probe.swallowed;
        updates_ += probe.updates;
    }

    std::int64_t steps_, bucket_steps_, done_ = 0, bucket_count_ = 0;
    double bucket_sum_ = 0, final_sum_ = 0;
    std::uint64_t flushed_ = 0, nonzero_ = 0, swallowed_ = 0, updates_ = 0;
    std::vector<float> plain_ms_, probed_ms_;
    std::vector<double> curve_;
};

/// run_ablation() with what it carries along.
class AblationRunner {
  public:
    AblationRunner(Backend& backend, const AblationPlan& plan, const AblationWatch& watch)
        : backend_(backend), plan_(plan), watch_(watch), results_(planned_ablation(plan)) {}

    AblationResults run() {
        report();
        for (const std::uint64_t seed : plan_.seeds) {
            if (is_cancelled()) break;
            try {
                train_seed(seed);
            } catch (const CancelledError&) {
                is_cancelled_ = true;
            }
        }
        results_.state = is_cancelled_ ? AblationState::cancelled : AblationState::done;
        results_.doing.clear();
        report();
        return std::move(results_);
    }

  private:
    void report() {
        results_.elapsed_ms = ms_since(start_);
        if (watch_.changed) watch_.changed(results_);
    }
    bool is_cancelled() {
        is_cancelled_ = is_cancelled_ || (watch_.cancelled && watch_.cancelled());
        return is_cancelled_;
    }

    std::shared_ptr<const Workload> workload_of(std::uint64_t seed) {
        if (plan_.workload && seed == plan_.settings.seed) return plan_.workload;
        const Scenario& scenario = find_scenario(plan_.scenario);
        ScenarioSettings settings = plan_.settings;
        settings.seed = seed;
        Preparation preparation;
        preparation.threads = backend_.host_threads();
        preparation.report = [this](const LoadingProgress& reached) {
            results_.doing = reached.text;
            report();
            return !is_cancelled();
        };
        std::shared_ptr<const Workload> workload =
            scenario.prepare(resolve_settings(scenario.info(), settings), preparation);
        results_.doing.clear();
        return workload;
    }

    /// All combinations under one seed.
    void train_seed(std::uint64_t seed) {
        std::shared_ptr<const Workload> workload;
        std::string problem;
        describe_failure(problem, [&] { workload = workload_of(seed); });
        for (AblationRow& row : results_.rows) {
            if (!row.refusal.empty()) continue;
            auto run = std::make_shared<AblationRun>();
            run->seed = seed;
            run->problem = problem;
            const std::int64_t before = results_.steps_done;
            if (problem.empty()) describe_failure(run->problem, [&] { train(row, workload, *run); });
            if (is_cancelled_) return;
            results_.steps_done = before + plan_.steps;  // a run that failed has none left
            row.runs.push_back(std::move(run));
            report();
        }
    }

    /// Only what one run cannot do becomes its sentence; a lost device ends everything.
    template <class Work>
    static void describe_failure(std::string& problem, const Work& work) {
        try {
            work();
        } catch (const std::bad_alloc&) {
            problem = "there is not enough memory; choose a smaller batch or width";
        } catch (const InputError& error) {
            problem = error.what();
        }
    }

    Experiment experiment_of(const AblationRow& row, std::shared_ptr<const Workload> workload) {
        const AblationStart* start = plan_.start.get();
        Experiment experiment(backend_, std::move(workload),
                              {{"ablation", start ? start->techniques : row.techniques}});
        if (!start) return experiment;
        Lane& lane = experiment.lanes().front();
        lane.restore(start->record);
        experiment.go_on_from(start->step);
        if (row.techniques != start->techniques) lane.set_techniques(row.techniques, start->step);
        return experiment;
    }

    void train(const AblationRow& row, const std::shared_ptr<const Workload>& workload, AblationRun& run) {
        Experiment experiment = experiment_of(row, workload);
        Lane& lane = experiment.lanes().front();
        const std::int64_t skipped_before = lane.skipped_steps();
        const std::int64_t probe_every = ablation_probe_interval(plan_.steps);
        RunTally tally(plan_.steps, results_.bucket_steps);
        for (std::int64_t step = 0; step < plan_.steps; ++step) {
            StepRequest request;
            request.probe = step % probe_every == 0;
            tally.add(experiment.step(request).front(), request.probe);
            ++results_.steps_done;
            report();
            if (is_cancelled()) return;
        }
        tally.finish(run);
        run.validation = lane.validate();
        run.skipped = lane.skipped_steps() - skipped_before;
        run.bytes = lane.memory().total();
        run.signature = lane.signature();
    }

    Backend& backend_;
    const AblationPlan& plan_;
    const AblationWatch& watch_;
    AblationResults results_;
    Clock::time_point start_ = Clock::now();
    bool is_cancelled_ = false;
};

}  // namespace

std::int64_t ablation_probe_interval(std::int64_t steps) {
    constexpr std::int64_t kProbes = 20;
    return std::max<std::int64_t>(1, steps / kProbes);
}

double AblationRun::flushed_percent() const { return percent(flushed, nonzero); }
double AblationRun::swallowed_percent() const { return percent(swallowed, updates); }
bool AblationRun::has_diverged() const {
    return problem.empty() && !(std::isfinite(final_loss) && std::isfinite(validation.metric));
}

std::size_t AblationResults::runs_done() const {
    std::size_t done = 0;
    for (const AblationRow& row : rows) done += row.runs.size();
    return done;
}

std::size_t AblationResults::runs_all() const {
    const auto trained =
        std::count_if(rows.begin(), rows.end(), [](const AblationRow& row) { return row.refusal.empty(); });
    return static_cast<std::size_t>(trained) * seeds.size();
}

double AblationResults::left_ms() const {
    if (steps_done == 0) return -1;
    return elapsed_ms * static_cast<double>(steps_all - steps_done) / static_cast<double>(steps_done);
}

AblationResults run_ablation(Backend& backend, const AblationPlan& plan, const AblationWatch& watch) {
    return AblationRunner(backend, plan, watch).run();
}

Spread spread_of(const std::vector<double>& values) {
    Spread spread;
    double sum = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        ++spread.finite;
    }
    spread.nonfinite = values.size() - spread.finite;
    const auto count = static_cast<double>(spread.finite);
    spread.mean = spread.finite > 0 ? sum / count : kNaN;
    if (spread.finite < 2) {
        spread.deviation = kNaN;
        return spread;
    }
    double squares = 0;
    for (const double value : values) {
        if (std::isfinite(value)) squares += (value - spread.mean) * (value - spread.mean);
    }
    spread.deviation = std::sqrt(squares / (count - 1));
    return spread;
}

double measure_of(const AblationRun& run, AblationMeasure measure) {
    switch (measure) {
        case AblationMeasure::final_loss:
            return run.final_loss;
        case AblationMeasure::metric:
            return run.validation.metric;
        case AblationMeasure::flushed:
            return run.flushed_percent();
        case AblationMeasure::swallowed:
            return run.swallowed_percent();
        case AblationMeasure::skipped:
            return static_cast<double>(run.skipped);
        case AblationMeasure::step_ms:
            return run.step_ms;
        case AblationMeasure::bytes:
            return static_cast<double>(run.bytes);
    }
    return kNaN;
}

Spread spread_of(const AblationRow& row, AblationMeasure measure) {
    std::vector<double> values;
    for (const auto& run : row.runs) {
        if (run->problem.empty()) values.push_back(measure_of(*run, measure));
    }
    return spread_of(values);
}

std::vector<Spread> curve_of(const AblationRow& row) {
    std::vector<Spread> points;
    std::vector<double> values;
    for (std::size_t point = 0;; ++point) {
        values.clear();
        for (const auto& run : row.runs) {
            if (point < run->curve.size()) values.push_back(run->curve[point]);
        }
        if (values.empty()) return points;
        points.push_back(spread_of(values));
    }
}

}  // namespace halfscope
