// Ablations beside a run: the run stays what it is, and the ablation is what Experiments by hand give.
#include <gtest/gtest.h>

#include <thread>

#include "session/session_fixture.h"
#include "session/trainer.h"

namespace halfscope {
namespace {

using std::chrono::milliseconds;

const std::vector<AblationFactor> kFactors{{"master_weights", {"on", "off"}},
                                           {"loss_scaling", {"off", "dynamic"}}};

bool is_over(const Snapshot& snapshot) {
    return snapshot.ablation && snapshot.ablation->state != AblationState::running &&
           snapshot.ablation->state != AblationState::ending;
}

/// A session without a trainer thread.
struct PausedRun {
    std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Timeline timeline;
    std::atomic<int> news{0};
    Session session{*backend, timeline, [](int, const StepRecord&) {}, [] {}, {}, [this] { ++news; }};

    explicit PausedRun(int steps) {
        session.begin(small_scenario(), RunState::paused);
        this->steps(steps);
    }
    void steps(int count) {
        if (count == 0) return;
        session.apply(StepCommand{count});
        while (session.running()) session.step();
    }
    std::shared_ptr<const AblationResults> finish() {
        const auto end = SteadyClock::now() + std::chrono::seconds(60);
        while (!is_over(session.make_snapshot()) && SteadyClock::now() < end)
            std::this_thread::sleep_for(milliseconds(1));
        return session.make_snapshot().ablation;
    }
    std::string last_message() {
        const Snapshot now = session.make_snapshot();
        return now.messages.empty() ? "" : now.messages.back().text;
    }
};

TEST(SessionAblation, FromScratchItIsEveryExperimentByHand) {
    PausedRun run(7);
    const std::string signature = run.session.make_snapshot().lanes[1].signature;
    run.session.apply(StartAblationCommand{"mixed", kFactors, {0, 3}, 25, AblationFrom::scratch});
    const auto results = run.finish();
    ASSERT_TRUE(results);
    EXPECT_EQ(results->state, AblationState::done) << results->problem;
    EXPECT_GT(run.news, 0);
    ASSERT_EQ(results->rows.size(), 4u);
    for (const AblationRow& row : results->rows) {
        for (const auto& one : row.runs) {
            DirectRun direct(one->seed, {{"alone", row.techniques}});
            direct.steps(25);
            EXPECT_EQ(one->signature, direct.signature(0));
        }
        EXPECT_EQ(row.runs.size(), 2u);
    }
    EXPECT_EQ(run.session.make_snapshot().lanes[1].signature, signature) << "the run beside it stands still";
}

TEST(SessionAblation, FromThePresentStateItIsTheLaneGoingOn) {
    PausedRun run(9);
    run.session.apply(StartAblationCommand{"mixed", kFactors, {0}, 14, AblationFrom::present_state});
    run.steps(14);  // meanwhile the run goes on
    const auto results = run.finish();
    ASSERT_TRUE(results);
    ASSERT_EQ(results->state, AblationState::done) << results->problem;
    EXPECT_EQ(results->first_step, 9);
    for (const AblationRow& row : results->rows) {
        PausedRun other(9);
        other.session.apply(SetTechniqueCommand{"mixed", "master_weights", row.values[0]});
        other.session.apply(SetTechniqueCommand{"mixed", "loss_scaling", row.values[1]});
        other.steps(14);
        EXPECT_EQ(row.runs.at(0)->signature, other.session.make_snapshot().lanes[1].signature);
    }
    EXPECT_EQ(results->rows[1].runs.at(0)->signature, run.session.make_snapshot().lanes[1].signature);
}

TEST(SessionAblation, WhatCannotBeIsAMessageAndNothingStarts) {
    PausedRun run(3);
    const auto refused = [&](const StartAblationCommand& command, const char* words) {
        run.session.apply(command);
        EXPECT_FALSE(run.session.make_snapshot().ablation) << words;
        EXPECT_NE(run.last_message().find(words), std::string::npos) << run.last_message();
    };
    refused({"mixd", kFactors, {0}, 10, AblationFrom::scratch}, "did you mean 'mixed'");
    refused({"mixed", {}, {0}, 10, AblationFrom::scratch}, "nothing is varied");
    refused({"mixed", kFactors, {0, 1}, 10, AblationFrom::present_state}, "its own seed 0");
    refused({"mixed", kFactors, {0}, 0, AblationFrom::scratch}, "0 steps");
}

TEST(SessionAblation, OneAtATimeAndCancelledBetweenTwoSteps) {
    PausedRun run(0);
    const StartAblationCommand longest{"mixed", kFactors, {0}, kMostAblationSteps, AblationFrom::scratch};
    run.session.apply(longest);
    while (run.session.make_snapshot().ablation->steps_done == 0)
        std::this_thread::sleep_for(milliseconds(1));
    run.session.apply(longest);
    EXPECT_NE(run.last_message().find("an ablation is going on"), std::string::npos);
    run.session.apply(CancelAblationCommand{});
    const auto results = run.finish();
    EXPECT_EQ(results->state, AblationState::cancelled);
    EXPECT_EQ(results->runs_done(), 0u);
    run.session.apply(StartAblationCommand{"mixed", kFactors, {0}, 2, AblationFrom::scratch});
    EXPECT_EQ(run.finish()->state, AblationState::done);
}

TEST(SessionAblation, EndsWithItsSession) {
    PausedRun run(0);
    run.session.apply(
        StartAblationCommand{"mixed", kFactors, {0}, kMostAblationSteps, AblationFrom::scratch});
    // Leaving joins its thread after one step: the test's time limit tells.
}

TEST(TrainerAblation, APausedRunPublishesItAndARunningOneGoesOn) {
    TrainerOptions options;
    options.scenario = kSmallScenario;
    options.settings = small_settings();
    options.lanes = small_lanes();
    options.start_running = false;
    std::atomic<int> published{0};
    options.wake = [&published] { ++published; };
    Trainer trainer(make_cpu_backend(1), options);
    const auto wait_for = [&](auto wanted) {
        const auto end = SteadyClock::now() + std::chrono::seconds(60);
        while (!wanted(*trainer.snapshot()) && SteadyClock::now() < end)
            std::this_thread::sleep_for(milliseconds(1));
        return trainer.snapshot();
    };
    trainer.send(StartAblationCommand{"mixed", kFactors, {0}, 300, AblationFrom::scratch});
    const auto paused = wait_for(is_over);
    ASSERT_TRUE(is_over(*paused));
    EXPECT_EQ(paused->next_step, 0);
    EXPECT_EQ(paused->ablation->state, AblationState::done);
    DirectRun direct(0, {{"alone", paused->ablation->rows[3].techniques}});
    direct.steps(300);
    EXPECT_EQ(paused->ablation->rows[3].runs.at(0)->signature, direct.signature(0));
    // It tells of itself, but not with every step.
    EXPECT_LT(published, 1200 / 2);

    trainer.send(StartAblationCommand{"mixed", kFactors, {0}, kMostAblationSteps, AblationFrom::scratch});
    trainer.send(RunCommand{});
    const auto running = wait_for([](const Snapshot& now) {
        return now.next_step >= 50 && now.ablation->state == AblationState::running &&
               now.ablation->steps_done > 0;
    });
    EXPECT_GE(running->next_step, 50);
    trainer.send(CancelAblationCommand{});
    EXPECT_EQ(wait_for(is_over)->ablation->state, AblationState::cancelled);
}

}  // namespace
}  // namespace halfscope
