// Alert rules: each fires at exactly the steps that brute force over the step records and probes finds, once;
// a rule that pauses pauses there; and training is the same with them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "session/alert_rules.h"
#include "session/session_fixture.h"

namespace halfscope {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
using Fired = std::vector<std::pair<std::int64_t, int>>;  // step, lane id

/// Lanes in which every kind of rule has something to see.
OpenScenarioCommand eventful_scenario() {
    return {
        kSmallScenario,
        small_settings(),
        {{"fp32", parse_techniques("fp32")},
         {"steep", parse_techniques("mixed,loss_scale=16777216,growth_interval=4,max_scale=67108864,"
                                    "min_scale=1024")},
         {"faint", parse_techniques("fp16,loss_scaling=static,loss_scale=0.000030517578125")},
         {"broken", parse_techniques("fp16,loss_scaling=static,loss_scale=16777216,on_nonfinite=apply")}}};
}

struct WatchedRun {
    FailingBackend backend;
    Timeline timeline;
    std::vector<std::vector<StepRecord>> records = std::vector<std::vector<StepRecord>>(4);
    Session session{backend, timeline,
                    [this](int lane, const StepRecord& record) {
                        records[static_cast<std::size_t>(lane)].push_back(record);
                    },
                    [] {}};
    /// [lane][step]; empty where none was taken.
    std::vector<std::vector<std::vector<Probe>>> probes = std::vector<std::vector<std::vector<Probe>>>(4);

    explicit WatchedRun(const std::vector<AlertRule>& rules) {
        session.begin(eventful_scenario(), RunState::paused);
        session.apply(SetAlertRulesCommand{rules});
        session.apply(SetCadenceCommand{3, 0});
    }
    void steps(int count) {
        session.apply(StepCommand{count});
        while (session.running()) {
            session.step();
            const Snapshot now = session.make_snapshot();
            for (const LaneSnapshot& lane : now.lanes) {
                const bool is_probed = lane.probe_step == now.next_step - 1;
                probes[static_cast<std::size_t>(lane.id)].push_back(is_probed ? lane.probes.list()
                                                                              : std::vector<Probe>{});
            }
        }
    }
    Fired fired() const {
        Fired fired;
        for (int lane = 0; lane < 4; ++lane)
            for (const Event& event : timeline.events(lane, 0, kEnd))
                if (event.kind == EventKind::alert) fired.emplace_back(event.step, lane);
        std::sort(fired.begin(), fired.end());
        return fired;
    }
    Snapshot snapshot() { return session.make_snapshot(); }
};

/// What one lane's conditions read at a step, as a percentage or as 0 and 100; none: not measured.
using Reader = std::function<std::optional<double>(const WatchedRun&, std::size_t lane, std::size_t step)>;

/// Edges by brute force: above the threshold, and not since it was last at most 0.9 of it.
Fired edges(const WatchedRun& run, const Reader& read, double threshold) {
    Fired found;
    for (std::size_t lane = 0; lane < 4; ++lane) {
        bool is_armed = true;
        for (std::size_t step = 0; step < run.records[lane].size(); ++step) {
            const std::optional<double> value = read(run, lane, step);
            if (!value) continue;
            if (*value > threshold && is_armed) {
                found.emplace_back(static_cast<std::int64_t>(step), static_cast<int>(lane));
                is_armed = false;
            } else if (*value <= 0.9 * threshold) {
                is_armed = true;
            }
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::optional<double> nan_at(const WatchedRun& run, std::size_t lane, std::size_t step) {
    const StepRecord& record = run.records[lane][step];
    return std::isnan(record.loss) || std::isnan(record.grad_norm) ? 100.0 : 0.0;
}
std::optional<double> inf_at(const WatchedRun& run, std::size_t lane, std::size_t step) {
    const StepRecord& record = run.records[lane][step];
    return std::isinf(record.loss) || std::isinf(record.grad_norm) ? 100.0 : 0.0;
}
std::optional<double> flushed_at(const WatchedRun& run, std::size_t lane, std::size_t step) {
    std::optional<double> most;
    for (const Probe& probe : run.probes[lane][step]) {
        if (probe.kind != ProbeKind::weight_gradient && probe.kind != ProbeKind::activation_gradient)
            continue;
        const ClassCounts& own = probe.counts.own;
        const std::uint64_t nonzero = own.flushed + own.subnormal + own.normal + own.inf + own.nan;
        if (nonzero == 0) continue;
        const double percent = 100.0 * static_cast<double>(own.flushed) / static_cast<double>(nonzero);
        most = std::max(most.value_or(0), percent);
    }
    return most;
}
std::optional<double> swallowed_at(const WatchedRun& run, std::size_t lane, std::size_t step) {
    std::optional<double> most;
    for (const Probe& probe : run.probes[lane][step]) {
        if (probe.kind != ProbeKind::update || probe.updates == 0) continue;
        most = std::max(most.value_or(0),
                        100.0 * static_cast<double>(probe.swallowed) / static_cast<double>(probe.updates));
    }
    return most;
}
/// Lane 1 alone has a dynamic scale.
std::optional<double> floor_at(const WatchedRun& run, std::size_t lane, std::size_t step) {
    return lane == 1 && run.records[lane][step].loss_scale <= 1048576.0 ? 100.0 : 0.0;
}

void expect_fired(const AlertRule& rule, const Reader& read, double threshold) {
    WatchedRun run({rule});
    run.steps(60);
    const Fired expected = edges(run, read, threshold);
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(run.fired(), expected);
    const Snapshot now = run.snapshot();
    ASSERT_TRUE(now.alerts);
    EXPECT_EQ(now.alerts->size(), expected.size());
    EXPECT_EQ(now.state, RunState::paused);
    EXPECT_EQ(now.next_step, 60);
}

TEST(AlertRules, NanFiresWhereBruteForceFindsItOnce) { expect_fired({AlertKind::nan}, nan_at, 50); }
TEST(AlertRules, InfFiresWhereBruteForceFindsItOnce) { expect_fired({AlertKind::inf}, inf_at, 50); }
TEST(AlertRules, FlushedFiresWhereAProbeFindsIt) {
    for (const double threshold : {0.0, 20.0, 60.0, 95.0}) {
        SCOPED_TRACE(threshold);
        expect_fired({AlertKind::flushed, threshold}, flushed_at, threshold);
    }
}
TEST(AlertRules, SwallowedFiresWhereAProbeFindsIt) {
    for (const double threshold : {1.0, 5.0, 10.0}) {
        SCOPED_TRACE(threshold);
        expect_fired({AlertKind::swallowed, threshold}, swallowed_at, threshold);
    }
}
TEST(AlertRules, AScaleAtItsFloorFiresOncePerArrival) {
    expect_fired({AlertKind::scale_floor, 20}, floor_at, 50);
}

TEST(AlertRules, LanesApartFireOnceForThePairThatIsFarthest) {
    const double threshold = 0.5;
    WatchedRun run({{AlertKind::lanes_apart, threshold}});
    run.steps(150);
    Fired expected;
    bool is_armed = true;
    for (std::size_t step = 0; step < 150; ++step) {
        double most = -1;
        std::size_t larger = 0;
        for (std::size_t a = 0; a < 4; ++a) {
            for (std::size_t b = 0; b < 4; ++b) {
                const double x = run.records[a][step].loss, y = run.records[b][step].loss;
                if (a == b || !std::isfinite(x) || !std::isfinite(y) || x < y) continue;
                const double percent = 100.0 * (x - y) / x;
                if (percent > most) larger = a;
                most = std::max(most, percent);
            }
        }
        ASSERT_GE(most, 0);
        if (most > threshold && is_armed) {
            expected.emplace_back(static_cast<std::int64_t>(step), static_cast<int>(larger));
            is_armed = false;
        } else if (most <= 0.9 * threshold) {
            is_armed = true;
        }
    }
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(run.fired(), expected);
}

TEST(AlertRules, AValueThatDithersAboutTheThresholdIsOneAlert) {
    const std::vector<AlertRule> rules{{AlertKind::lanes_apart, 50}};
    std::vector<RaisedAlert> raised;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<std::size_t> fired;
    // Percentages by step; a loss that is not finite is no measurement.
    for (const double percent :
         {10.0, 60.0, 49.0, 55.0, 46.0, nan, 90.0, 45.0, 50.0, 51.0, nan, 44.0, 52.0}) {
        std::vector<WatchedLane> lanes(2);
        lanes[1].id = 1;
        lanes[0].record.loss = 1;
        lanes[1].record.loss = 1 - percent / 100;
        AlertOutcome outcome = evaluate_alerts(rules, raised, lanes);
        fired.push_back(outcome.fired.size());
        raised = std::move(outcome.raised);
    }
    EXPECT_EQ(fired, (std::vector<std::size_t>{0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1}));
}

TEST(AlertRules, ARuleOfOneLaneSeesThatLaneAlone) {
    WatchedRun run({{AlertKind::inf, 0, 1}});
    run.steps(40);
    ASSERT_FALSE(run.fired().empty());
    for (const auto& [step, lane] : run.fired()) EXPECT_EQ(lane, 1) << step;
}

TEST(AlertRules, WhatIsOffIsNotSeen) {
    AlertRule rule{AlertKind::inf};
    rule.is_on = false;
    WatchedRun run({rule});
    run.steps(20);
    EXPECT_TRUE(run.fired().empty());
    EXPECT_FALSE(run.snapshot().alerts);
}

TEST(AlertRules, PausesBeforeTheStepAfterTheOneThatFired) {
    WatchedRun reference({{AlertKind::inf, 0, 1, AlertAction::mark}});
    reference.steps(60);
    const Fired expected = reference.fired();
    ASSERT_GE(expected.size(), 2u);
    WatchedRun run({{AlertKind::inf, 0, 1, AlertAction::pause}});
    for (const auto& [step, lane] : expected) {
        run.session.apply(RunCommand{});
        for (int made = 0; run.session.running() && made < 100; ++made) run.session.step();
        const Snapshot now = run.snapshot();
        EXPECT_EQ(now.state, RunState::paused);
        EXPECT_EQ(now.next_step, step + 1);
        ASSERT_FALSE(now.messages.empty());
        EXPECT_NE(now.messages.back().text.find("; paused"), std::string::npos) << now.messages.back().text;
        EXPECT_FALSE(now.lanes[0].signature.empty());  // as after any pause
    }
}

TEST(AlertRules, OnlyNotifyAndPauseSayAWord) {
    WatchedRun quiet({{AlertKind::inf, 0, 1, AlertAction::mark}}),
        loud({{AlertKind::inf, 0, 1, AlertAction::notify}});
    quiet.steps(6);
    loud.steps(6);
    EXPECT_EQ(quiet.fired(), loud.fired());
    ASSERT_FALSE(loud.fired().empty());
    EXPECT_TRUE(quiet.snapshot().messages.empty());
    EXPECT_EQ(loud.snapshot().messages.size(), loud.fired().size());
}

TEST(AlertRules, DoNotChangeTraining) {
    std::vector<AlertRule> all = default_alert_rules();
    for (AlertRule& rule : all) {
        rule.is_on = true;
        rule.action = AlertAction::notify;
        rule.threshold = 0;
    }
    WatchedRun watched(all), plain({});
    watched.steps(40);
    plain.steps(40);
    EXPECT_FALSE(watched.fired().empty());
    for (std::size_t lane = 0; lane < 4; ++lane)
        EXPECT_EQ(watched.snapshot().lanes[lane].signature, plain.snapshot().lanes[lane].signature);
    EXPECT_TRUE(watched.session.changes().empty());
}

TEST(AlertRules, SurviveARestartAndFireAnew) {
    WatchedRun run({{AlertKind::nan, 0, std::nullopt, AlertAction::mark}});
    run.steps(20);
    const Fired before = run.fired();
    ASSERT_FALSE(before.empty());
    run.session.apply(RestartCommand{});
    EXPECT_TRUE(run.fired().empty());
    EXPECT_FALSE(run.snapshot().alerts);
    run.steps(20);
    EXPECT_EQ(run.fired(), before);
}

TEST(AlertRules, GoingBackAndOnGivesTheSameMarks) {
    // One condition that comes and goes, and one that stays once it is there.
    WatchedRun run({{AlertKind::inf, 0, std::nullopt, AlertAction::notify}, {AlertKind::nan}});
    run.steps(40);
    const Fired whole = run.fired();
    const std::size_t messages = run.snapshot().messages.size();
    for (const std::int64_t step : {25, 7, 30, 0}) {
        run.session.apply(GoToStepCommand{step});
        Fired expected;
        for (const auto& one : whole)
            if (one.first < step) expected.push_back(one);
        EXPECT_EQ(run.fired(), expected) << step;
        EXPECT_EQ(run.snapshot().alerts ? run.snapshot().alerts->size() : 0, expected.size()) << step;
    }
    EXPECT_EQ(run.snapshot().messages.size(), messages);  // the way back is silent
    run.session.apply(GoToStepCommand{40});
    EXPECT_EQ(run.fired(), whole);
}

TEST(AlertRules, AChangedRuleIsArmedAndOneLeftAloneIsNot) {
    WatchedRun run({{AlertKind::nan, 0, 3}, {AlertKind::flushed, 5, 2}});
    run.steps(20);
    const std::size_t before = run.fired().size();
    ASSERT_GE(before, 2u);
    run.session.apply(SetAlertRulesCommand{{{AlertKind::flushed, 6, 2}, {AlertKind::nan, 0, 3}}});
    run.steps(10);
    EXPECT_EQ(run.fired().size(), before + 1);  // at 6%
}

TEST(AlertRules, RefusesThresholdsThatMeanNothing) {
    WatchedRun run({});
    const auto message_after = [&](const std::vector<AlertRule>& rules) {
        run.session.apply(SetAlertRulesCommand{rules});
        const Snapshot now = run.snapshot();
        return now.messages.empty() ? std::string() : now.messages.back().text;
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(message_after({{AlertKind::flushed, 101}}),
              "the threshold of the alert rule 'flushed' must lie between 0 and 100 %");
    EXPECT_NE(message_after({{AlertKind::lanes_apart, nan}}).find("lanes_apart"), std::string::npos);
    EXPECT_NE(message_after(std::vector<AlertRule>(17)).find("at most 16"), std::string::npos);
    run.steps(20);
    EXPECT_TRUE(run.fired().empty());
}

TEST(AlertRules, KeysComeBack) {
    for (const AlertRule& rule : default_alert_rules())
        EXPECT_EQ(alert_kind_of(alert_kind_key(rule.kind)), rule.kind);
    for (int action = 0; action < kAlertActionCount; ++action) {
        const auto value = static_cast<AlertAction>(action);
        EXPECT_EQ(alert_action_of(alert_action_key(value)), value);
    }
    EXPECT_FALSE(alert_kind_of("overflow"));
    EXPECT_FALSE(alert_action_of(""));
    EXPECT_TRUE(refusal(default_alert_rules()).empty());
}

}  // namespace
}  // namespace halfscope
