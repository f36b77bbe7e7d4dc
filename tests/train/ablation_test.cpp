// Ablations against runs made by hand, and their statistics against plain formulas.
#include "train/ablation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/cpu_backend.h"
#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ScenarioSettings small_settings(std::uint64_t seed) {
    ScenarioSettings settings;
    settings.parameters = {{"points", 64}, {"width", 8}, {"layers", 2}, {"batch", 16}};
    settings.seed = seed;
    return settings;
}

std::shared_ptr<const Workload> small_workload(std::uint64_t seed) {
    const Scenario& scenario = find_scenario("spiral-mlp");
    return scenario.create(resolve_settings(scenario.info(), small_settings(seed)));
}

AblationPlan small_plan() {
    AblationPlan plan;
    plan.scenario = "spiral-mlp";
    plan.settings = small_settings(0);
    plan.base = parse_techniques("mixed");
    plan.factors = {{"loss_scaling", {"off", "dynamic"}}, {"master_weights", {"on", "off"}}};
    plan.seeds = {0, 5};
    plan.steps = 30;
    return plan;
}

/// One run as anybody would make it: an experiment of one lane, nothing measured on the way but the steps
/// that `probe_every` asks for.
struct ByHand {
    ByHand(const Techniques& techniques, std::uint64_t seed)
        : experiment(*backend, small_workload(seed), {{"by hand", techniques}}) {}

    void steps(std::int64_t count, std::int64_t probe_every = 0) {
        for (std::int64_t step = 0; step < count; ++step) {
            StepRequest request;
            request.probe = probe_every > 0 && step % probe_every == 0;
            const StepResult result = experiment.step(request).front();
            losses.push_back(result.record.loss);
            for (const Probe& probe : result.probes) {
                if (probe.kind == ProbeKind::update) {
                    swallowed += probe.swallowed;
                    updates += probe.updates;
                } else if (probe.kind == ProbeKind::weight_gradient ||
                           probe.kind == ProbeKind::activation_gradient) {
                    const ClassCounts& own = probe.counts.own;
                    flushed += own.flushed;
                    nonzero += own.flushed + own.subnormal + own.normal + own.inf + own.nan;
                }
            }
        }
    }
    Lane& lane() { return experiment.lanes().front(); }

    std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Experiment experiment;
    std::vector<double> losses;
    std::uint64_t flushed = 0, nonzero = 0, swallowed = 0, updates = 0;
};

/// The same but for NaN, which equals itself here.
void expect_same(double a, double b) {
    EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << a << " " << b;
}

AblationResults ablation_of(const AblationPlan& plan, const AblationWatch& watch = {}) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    return run_ablation(*backend, plan, watch);
}

TEST(Ablation, EveryRunIsTheExperimentMadeByHand) {
    const AblationPlan plan = small_plan();
    const AblationResults results = ablation_of(plan);
    EXPECT_EQ(results.state, AblationState::done);
    ASSERT_EQ(results.rows.size(), 4u);
    EXPECT_EQ(results.steps_done, 4 * 2 * 30);
    EXPECT_EQ(results.runs_done(), 8u);
    const char* const expected[4][2] = {{"off", "on"}, {"off", "off"}, {"dynamic", "on"}, {"dynamic", "off"}};
    bool has_flushed = false, has_swallowed = false;
    for (std::size_t index = 0; index < 4; ++index) {
        const AblationRow& row = results.rows[index];
        EXPECT_EQ(row.values, (std::vector<std::string>{expected[index][0], expected[index][1]}));
        ASSERT_EQ(row.runs.size(), 2u);
        for (std::size_t seed = 0; seed < 2; ++seed) {
            const AblationRun& run = *row.runs[seed];
            Techniques techniques = parse_techniques("mixed");
            set_technique(techniques, "loss_scaling", expected[index][0]);
            set_technique(techniques, "master_weights", expected[index][1]);
            ByHand plain(techniques, plan.seeds[seed]), probed(techniques, plan.seeds[seed]);
            plain.steps(30);
            EXPECT_EQ(run.signature, plain.lane().signature()) << "probing changes nothing";
            EXPECT_EQ(run.seed, plan.seeds[seed]);
            double last = 0;
            for (std::size_t step = 20; step < 30; ++step) last += plain.losses[step];
            expect_same(run.final_loss, last / 10);
            EXPECT_EQ(run.curve, plain.losses) << "30 steps need no merging";
            expect_same(run.validation.metric, plain.lane().validate().metric);
            EXPECT_EQ(run.skipped, plain.lane().skipped_steps());
            EXPECT_EQ(run.bytes, plain.lane().memory().total());
            EXPECT_GT(run.step_ms, 0.0);
            probed.steps(30, 1);  // 30 / 20 probes: each step
            EXPECT_EQ(run.flushed, probed.flushed);
            EXPECT_EQ(run.nonzero, probed.nonzero);
            EXPECT_EQ(run.swallowed, probed.swallowed);
            EXPECT_EQ(run.updates, probed.updates);
            has_flushed = has_flushed || run.flushed > 0;
            has_swallowed = has_swallowed || run.swallowed > 0;
        }
    }
    EXPECT_TRUE(has_flushed && has_swallowed) << "else nothing was compared";
}

TEST(Ablation, FromAStateItIsTheLaneGoingOn) {
    // So large a scale that steps are skipped before and after.
    const Techniques mixed = parse_techniques("mixed,max_scale=none,loss_scale=2^30");
    ByHand lane(mixed, 5);
    lane.steps(17);
    AblationPlan plan = small_plan();
    plan.settings = small_settings(5);
    plan.workload = small_workload(5);
    plan.base = mixed;
    plan.seeds = {5};
    plan.steps = 12;
    plan.start = std::make_shared<const AblationStart>(AblationStart{lane.lane().record(), mixed, 17});
    const AblationResults results = ablation_of(plan);
    EXPECT_EQ(results.first_step, 17);
    const std::int64_t skipped_before = lane.lane().skipped_steps();
    EXPECT_GT(skipped_before, 0);
    for (const AblationRow& row : results.rows) {
        ByHand other(mixed, 5);
        other.steps(17);
        other.lane().set_techniques(row.techniques, 17);
        other.losses.clear();
        other.steps(12);
        EXPECT_EQ(row.runs.at(0)->signature, other.lane().signature());
        EXPECT_EQ(row.runs.at(0)->curve, other.losses);
        EXPECT_EQ(row.runs.at(0)->skipped, other.lane().skipped_steps() - skipped_before);
    }
    lane.steps(12);
    EXPECT_EQ(results.rows[2].values, (std::vector<std::string>{"dynamic", "on"}));
    EXPECT_EQ(results.rows[2].runs.at(0)->signature, lane.lane().signature()) << "itself, not changed";
    plan.seeds = {5, 6};
    EXPECT_THROW(check_ablation(plan), InputError);
}

TEST(Ablation, RefusedCombinationsStayInTheTableWithTheirReason) {
    AblationPlan plan = small_plan();
    plan.factors = {{"storage", {"fp16", "fp32"}}, {"accumulate", {"fp32", "fp16"}}};
    plan.seeds = {0};
    plan.steps = 3;
    const AblationResults results = ablation_of(plan);
    ASSERT_EQ(results.rows.size(), 4u);
    for (const AblationRow& row : results.rows) {
        const bool is_nonsense = row.values == std::vector<std::string>{"fp32", "fp16"};
        EXPECT_EQ(row.refusal, is_nonsense ? refusal(row.techniques) : "");
        EXPECT_EQ(row.runs.size(), is_nonsense ? 0u : 1u);
        EXPECT_EQ(row.refusal.empty(), !is_nonsense);
    }
    EXPECT_EQ(results.runs_all(), 3u);
    EXPECT_EQ(results.steps_all, 9);
}

TEST(Ablation, WhatIsFlushedIsSeenAgainstTheLanesOwnFormat) {
    AblationPlan plan = small_plan();
    plan.base = parse_techniques("mixed,loss_scaling=static,loss_scale=2^-10");
    plan.factors = {{"storage", {"fp16", "bf16", "fp32"}}};
    plan.steps = 30;
    const AblationResults results = ablation_of(plan);
    for (const AblationRow& row : results.rows) {
        ByHand probed(row.techniques, 0);
        probed.steps(30, 1);
        EXPECT_EQ(row.runs.at(0)->flushed, probed.flushed) << row.values[0];
        EXPECT_EQ(row.runs.at(0)->nonzero, probed.nonzero) << row.values[0];
        EXPECT_EQ(row.runs.at(0)->flushed > 0, row.values[0] == "fp16") << row.values[0];
    }
}

TEST(Ablation, TheFrameworkIsSetBeforeItsKeysInWhateverOrderTheyAreVaried) {
    AblationPlan plan = small_plan();
    plan.factors = {{"growth_interval", {"7", "2000"}}, {"scaler", {"pytorch", "megatron"}}};
    for (const AblationRow& row : planned_ablation(plan).rows) {
        EXPECT_EQ(technique_value(row.techniques, "growth_interval"), row.values[0]);
        EXPECT_EQ(technique_value(row.techniques, "scaler"), row.values[1]);
    }
}

TEST(Ablation, WhatMakesNoPlanIsSaidInASentence) {
    const auto sentence = [](auto change) -> std::string {
        AblationPlan plan = small_plan();
        change(plan);
        try {
            check_ablation(plan);
        } catch (const InputError& error) {
            return error.what();
        }
        return {};
    };
    EXPECT_EQ(sentence([](AblationPlan&) {}), "");
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.factors.clear(); }).find("nothing is varied"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) {
                  plan.factors[0].key = "loss_scalin";
              }).find("did you mean 'loss_scaling'"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.factors[0].values = {"of"}; }).find("loss_scaling"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.factors[0].values.clear(); }).find("no value"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) {
                  plan.factors = {{"loss_scale", {"1024", "2^10"}}};
              }).find("twice"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.factors[1].key = "loss_scaling"; }).find("twice"),
              std::string::npos);
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.seeds.clear(); }), "");
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.seeds = {1, 1}; }), "");
    EXPECT_NE(sentence([](AblationPlan& plan) { plan.steps = 0; }), "");
    EXPECT_NE(sentence([](AblationPlan& plan) {
                  plan.factors.clear();
                  for (const char* key : {"loss_scale", "min_scale", "max_scale"}) {
                      AblationFactor factor{key, {}};
                      for (int value = 1; value <= 7; ++value) factor.values.push_back(std::to_string(value));
                      plan.factors.push_back(factor);
                  }
              }).find("256"),
              std::string::npos);
}

TEST(Ablation, EndsBetweenTwoStepsAndKeepsWhatIsDone) {
    const AblationPlan plan = small_plan();
    std::int64_t reached = 0, reports = 0;
    AblationWatch watch;
    watch.changed = [&](const AblationResults& results) {
        EXPECT_GE(results.steps_done, reached);
        reached = results.steps_done;
        ++reports;
    };
    watch.cancelled = [&] { return reached >= 75; };  // in the third run
    const AblationResults results = ablation_of(plan, watch);
    EXPECT_EQ(results.state, AblationState::cancelled);
    EXPECT_EQ(results.steps_done, 75);
    EXPECT_EQ(results.runs_done(), 2u);
    EXPECT_GT(reports, 75);
    // What is done of it is the same as of a whole one.
    const AblationResults whole = ablation_of(plan);
    EXPECT_EQ(results.rows[1].runs.at(0)->signature, whole.rows[1].runs.at(0)->signature);
}

TEST(Ablation, LongCurvesAreMeansOverBuckets) {
    AblationPlan plan = small_plan();
    plan.factors = {{"loss_scaling", {"off"}}};
    plan.seeds = {0};
    plan.steps = 700;  // 3 steps a point, and one is left over
    const AblationResults results = ablation_of(plan);
    EXPECT_EQ(results.bucket_steps, 3);
    const std::vector<double>& curve = results.rows[0].runs.at(0)->curve;
    ASSERT_EQ(curve.size(), 234u);
    ByHand plain(results.rows[0].techniques, 0);
    plain.steps(700);
    for (std::size_t point = 0; point + 1 < curve.size(); ++point) {
        const double sum =
            plain.losses[3 * point] + plain.losses[3 * point + 1] + plain.losses[3 * point + 2];
        EXPECT_EQ(curve[point], sum / 3);
    }
    EXPECT_EQ(curve.back(), plain.losses.back());
    ByHand probed(results.rows[0].techniques, 0);
    probed.steps(700, 35);
    EXPECT_EQ(results.rows[0].runs[0]->flushed, probed.flushed);
    EXPECT_EQ(results.rows[0].runs[0]->nonzero, probed.nonzero);
}

TEST(Ablation, ANaNIsAResult) {
    AblationPlan plan = small_plan();
    // A scale that FP16 cannot hold, and steps that are made all the same.
    plan.base = parse_techniques("mixed,loss_scaling=static,on_nonfinite=apply");
    plan.factors = {{"loss_scale", {"8", "2^40"}}};
    plan.steps = 12;
    const AblationResults results = ablation_of(plan);
    EXPECT_FALSE(results.rows[0].runs.at(0)->has_diverged());
    EXPECT_TRUE(results.rows[1].runs.at(0)->has_diverged());
    const Spread spread = spread_of(results.rows[1], AblationMeasure::final_loss);
    EXPECT_EQ(spread.finite, 0u);
    EXPECT_EQ(spread.nonfinite, 2u);
    EXPECT_TRUE(std::isnan(spread.mean));
    const std::vector<Spread> curve = curve_of(results.rows[1]);
    ASSERT_EQ(curve.size(), 12u);
    EXPECT_EQ(curve.front().finite, 2u) << "the first loss comes before the first update";
    EXPECT_EQ(curve.back().nonfinite, 2u);
}

TEST(AblationSpread, IsTheSamplesOwnAndLeavesNothingOutInSilence) {
    Spread spread = spread_of({2.0, 4.0, 9.0});
    EXPECT_EQ(spread.mean, 5.0);
    EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt((9.0 + 1.0 + 16.0) / 2.0));
    EXPECT_EQ(spread.finite, 3u);
    EXPECT_EQ(spread.nonfinite, 0u);
    spread = spread_of({2.0, kNaN, 4.0, std::numeric_limits<double>::infinity()});
    EXPECT_EQ(spread.mean, 3.0);
    EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt(2.0));
    EXPECT_EQ(spread.finite, 2u);
    EXPECT_EQ(spread.nonfinite, 2u);
    spread = spread_of({7.0});
    EXPECT_EQ(spread.mean, 7.0);
    EXPECT_TRUE(std::isnan(spread.deviation)) << "one value has no spread";
    EXPECT_TRUE(std::isnan(spread_of(std::vector<double>{}).mean));
}

}  // namespace
}  // namespace halfscope
