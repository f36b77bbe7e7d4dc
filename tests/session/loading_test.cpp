// What takes long while a scenario opens: it is shown, it can be cancelled, and what was open before stays.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "session/session_fixture.h"
#include "session/trainer.h"
#include "train/weight_cache.h"

namespace halfscope {
namespace {

/// Neither this program's earlier tests nor earlier programs have anything ready.
void forget_everything() {
    setenv("XDG_CACHE_HOME", "/dev/null", 1);  // no folder can be made there
    forget_kept_weights();
}

/// A small network whose pretraining takes `steps` steps; nothing of it is kept yet.
OpenScenarioCommand pretrained(int steps, std::uint64_t seed = 0) {
    OpenScenarioCommand command;
    command.scenario = "gru-finetune";
    command.settings.parameters = {
        {"batch", 3}, {"time", 8}, {"hidden", 8}, {"embedding", 4}, {"pretrain_steps", steps}};
    command.settings.seed = seed;
    command.lanes = {{"fp32", parse_techniques("fp32")}};
    return command;
}
constexpr int kForever = 10000;  // steps: seconds, and nobody waits for their end

class LoadingTest : public ::testing::Test {
  protected:
    void SetUp() override { forget_everything(); }

    FailingBackend backend_;
    Timeline timeline_;
    std::vector<Snapshot> shown_;
    std::size_t cancel_after_ = 1000000;
    Session session_{backend_, timeline_, [](int, const StepRecord&) {},
                     [this] { shown_.push_back(session_.make_snapshot()); },
                     [this] { return shown_.size() > cancel_after_; }};
};

TEST_F(LoadingTest, PretrainingIsShownStepByStep) {
    session_.begin(pretrained(10), RunState::paused);
    ASSERT_EQ(shown_.size(), 11u);  // at once, and before each step
    EXPECT_EQ(shown_[0].state, RunState::loading);
    EXPECT_EQ(shown_[0].loading.text, "");
    for (std::size_t step = 0; step < 10; ++step) {
        const Snapshot& shown = shown_[step + 1];
        EXPECT_EQ(shown.state, RunState::loading);
        EXPECT_DOUBLE_EQ(shown.loading.fraction, static_cast<double>(step) / 10);
        EXPECT_EQ(shown.loading.text, "pretraining in FP32: step " + std::to_string(step) + " of 10");
        EXPECT_GT(shown.generation, shown_[step].generation);
    }
    const Snapshot after = session_.make_snapshot();
    EXPECT_EQ(after.state, RunState::paused);
    EXPECT_EQ(after.loading.text, "");
    EXPECT_EQ(after.scenario.name, "gru-finetune");
}

TEST_F(LoadingTest, RestartOtherLanesAndASeedThatWasHadBeforeDoNotPretrain) {
    session_.begin(pretrained(10), RunState::paused);
    const std::string start = session_.make_snapshot().lanes[0].signature;
    session_.apply(StepCommand{2});
    while (session_.running()) session_.step();
    EXPECT_NE(session_.make_snapshot().lanes[0].signature, start);
    shown_.clear();
    session_.apply(AddLaneCommand{{"late", parse_techniques("fp32")}, ""});
    session_.apply(RestartCommand{});
    EXPECT_TRUE(shown_.empty());
    EXPECT_EQ(session_.make_snapshot().lanes[0].signature, start);
    EXPECT_EQ(session_.make_snapshot().lanes[1].signature, start);

    session_.apply(SeedCommand{1});
    EXPECT_EQ(shown_.size(), 11u);
    EXPECT_NE(session_.make_snapshot().lanes[0].signature, start);
    shown_.clear();
    session_.apply(SeedCommand{0});
    EXPECT_EQ(shown_.size(), 1u);
    EXPECT_EQ(session_.make_snapshot().lanes[1].signature, start);
    EXPECT_EQ(session_.make_snapshot().state, RunState::paused);
}

TEST_F(LoadingTest, ACancelledOpeningLeavesWhatWasOpen) {
    session_.begin(small_scenario(), RunState::running);
    session_.step();
    const Snapshot before = session_.make_snapshot();
    shown_.clear();
    cancel_after_ = 4;
    session_.apply(pretrained(10));
    EXPECT_EQ(shown_.size(), 5u);
    EXPECT_EQ(shown_.back().scenario.name, kSmallScenario);
    session_.apply(CancelCommand{});
    Snapshot after = session_.make_snapshot();
    EXPECT_EQ(after.run, before.run);
    EXPECT_EQ(after.scenario.name, kSmallScenario);
    EXPECT_EQ(after.next_step, 1);
    EXPECT_EQ(after.state, RunState::running);
    EXPECT_EQ(after.loading.text, "");
    ASSERT_EQ(after.messages.size(), 1u);
    EXPECT_EQ(after.messages[0].kind, Message::Kind::note);
    EXPECT_EQ(after.messages[0].text,
              "cancelled while pretraining in FP32: step 3 of 10; what was open before goes on");
    session_.step();
    EXPECT_EQ(session_.make_snapshot().next_step, 2);
    // Another Cancel has nothing to end.
    session_.apply(CancelCommand{});
    EXPECT_EQ(session_.make_snapshot().messages.size(), 1u);
}

TEST_F(LoadingTest, ACancelledFirstOpeningOpensTheDefaultInstead) {
    cancel_after_ = 1;
    session_.begin(pretrained(10), RunState::running);
    EXPECT_EQ(session_.state(), RunState::failed);
    session_.apply(CancelCommand{});
    EXPECT_EQ(session_.make_snapshot().messages.back().text,
              "cancelled while pretraining in FP32: step 0 of 10; opened spiral-mlp instead");
    EXPECT_EQ(session_.make_snapshot().scenario.name, scenarios().front()->info().name);
    EXPECT_EQ(session_.state(), RunState::running);
}

TEST_F(LoadingTest, ACancelledSeedLeavesTheSeed) {
    session_.begin(pretrained(10), RunState::paused);
    shown_.clear();
    cancel_after_ = 2;
    session_.apply(SeedCommand{7});
    EXPECT_EQ(session_.make_snapshot().settings.seed, 0u);
    EXPECT_EQ(session_.make_snapshot().state, RunState::paused);
    EXPECT_EQ(session_.make_snapshot().run, 1);
}

class LoadingTrainer : public ::testing::Test {
  protected:
    void SetUp() override { forget_everything(); }

    static TrainerOptions options(const OpenScenarioCommand& command) {
        TrainerOptions options;
        options.scenario = command.scenario;
        options.settings = command.settings;
        options.lanes = command.lanes;
        return options;
    }
    template <class Wanted>
    static std::shared_ptr<const Snapshot> wait_for(const Trainer& trainer, Wanted wanted) {
        const auto end = SteadyClock::now() + std::chrono::seconds(30);
        while (SteadyClock::now() < end) {
            std::shared_ptr<const Snapshot> snapshot = trainer.snapshot();
            if (wanted(*snapshot)) return snapshot;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return nullptr;
    }
    static bool is_pretraining(const Snapshot& snapshot) {
        return snapshot.state == RunState::loading && snapshot.loading.fraction > 0;
    }
};

TEST_F(LoadingTrainer, ShowsProgressAndObeysCancelMeanwhile) {
    Trainer trainer(make_cpu_backend(1), options(small_scenario()));
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step > 3; }));
    trainer.send(pretrained(kForever));
    const auto first = wait_for(trainer, is_pretraining);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->scenario.name, kSmallScenario);  // what was open is still to be seen
    ASSERT_TRUE(wait_for(trainer, [&](const Snapshot& now) {
        return is_pretraining(now) && now.loading.fraction > first->loading.fraction;
    }));
    trainer.send(CancelCommand{});
    const auto after = wait_for(trainer, [&](const Snapshot& now) {
        return now.state == RunState::running && now.next_step > first->next_step && !now.messages.empty();
    });
    ASSERT_TRUE(after);
    EXPECT_EQ(after->run, first->run);
    EXPECT_EQ(after->scenario.name, kSmallScenario);
}

TEST_F(LoadingTrainer, AnotherOpeningTakesTheRunningOnesPlaceWithoutAWord) {
    Trainer trainer(make_cpu_backend(1), options(pretrained(kForever)));
    ASSERT_TRUE(wait_for(trainer, is_pretraining));
    trainer.send(pretrained(kForever, 1));
    trainer.send(small_scenario());  // sent together: the one in between is not waited for either
    const auto after = wait_for(trainer, [](const Snapshot& now) { return now.next_step > 0; });
    ASSERT_TRUE(after);
    EXPECT_EQ(after->scenario.name, kSmallScenario);
    EXPECT_EQ(after->run, 1);
    EXPECT_TRUE(after->messages.empty());
}

TEST_F(LoadingTrainer, TheLatestSeedCounts) {
    Trainer trainer(make_cpu_backend(1), options(pretrained(10)));
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.run == 1; }));
    for (std::uint64_t seed = 1; seed <= 20; ++seed) trainer.send(SeedCommand{seed});
    const auto after = wait_for(trainer, [](const Snapshot& now) { return now.settings.seed == 20; });
    ASSERT_TRUE(after);
    EXPECT_LT(after->run, 21);
}

TEST_F(LoadingTrainer, EndsWithoutWaitingForPretraining) {
    const auto start = SteadyClock::now();
    {
        Trainer trainer(make_cpu_backend(1), options(pretrained(kForever)));
        ASSERT_TRUE(wait_for(trainer, is_pretraining));
    }
    const double share = std::chrono::duration<double>(SteadyClock::now() - start).count();
    EXPECT_LT(share, 10.0);
}

}  // namespace
}  // namespace halfscope
