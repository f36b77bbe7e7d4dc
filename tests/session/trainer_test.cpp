// Trainer: the thread around a Session. Nothing the window calls waits for a step.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

#include "session/session_fixture.h"
#include "session/trainer.h"

namespace halfscope {
namespace {

using std::chrono::milliseconds;

TrainerOptions small_options(bool start_running) {
    TrainerOptions options;
    options.scenario = kSmallScenario;
    options.settings = small_settings();
    options.lanes = small_lanes();
    options.start_running = start_running;
    return options;
}

/// Waits until the latest snapshot is as wanted; null after 30 s.
template <class Wanted>
std::shared_ptr<const Snapshot> wait_for(const Trainer& trainer, Wanted wanted) {
    const auto end = SteadyClock::now() + std::chrono::seconds(30);
    while (SteadyClock::now() < end) {
        std::shared_ptr<const Snapshot> snapshot = trainer.snapshot();
        if (wanted(*snapshot)) return snapshot;
        std::this_thread::sleep_for(milliseconds(1));
    }
    return nullptr;
}

std::shared_ptr<const Snapshot> wait_for_pause(const Trainer& trainer, std::int64_t steps) {
    return wait_for(trainer, [&](const Snapshot& snapshot) {
        return snapshot.state == RunState::paused && snapshot.next_step == steps;
    });
}

TEST(Trainer, GivesWhatADirectRunGives) {
    Trainer trainer(make_cpu_backend(2), small_options(false));
    trainer.send(StepCommand{20});
    auto snapshot = wait_for_pause(trainer, 20);
    ASSERT_TRUE(snapshot);
    DirectRun direct;
    direct.steps(20);
    for (std::size_t lane = 0; lane < 2; ++lane)
        EXPECT_EQ(snapshot->lanes[lane].signature, direct.signature(lane));
    const auto records = trainer.take_records();
    ASSERT_EQ(records.size(), 40u);
    for (std::size_t index = 0; index < records.size(); ++index) {
        EXPECT_EQ(records[index].second.step, static_cast<std::int64_t>(index / 2));
        EXPECT_EQ(records[index].second.loss, direct.records[index % 2][index / 2].loss);
    }
    EXPECT_TRUE(trainer.take_records().empty());
    EXPECT_EQ(trainer.dropped_records(), 0u);

    trainer.send(RestartCommand{});
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.run == 2; }));
    trainer.send(StepCommand{20});
    auto again = wait_for_pause(trainer, 20);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->lanes[1].signature, snapshot->lanes[1].signature);

    trainer.send(SeedCommand{3});
    trainer.send(StepCommand{20});
    again = wait_for(trainer, [](const Snapshot& now) { return now.run == 3 && now.next_step == 20; });
    ASSERT_TRUE(again);
    EXPECT_NE(again->lanes[1].signature, snapshot->lanes[1].signature);
}

TEST(Trainer, RunsAndPauses) {
    Trainer trainer(make_cpu_backend(1), small_options(true));
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step > 20; }));
    trainer.send(PauseCommand{});
    const auto paused = wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::paused; });
    ASSERT_TRUE(paused);
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(trainer.snapshot()->generation, paused->generation);
    EXPECT_EQ(trainer.timeline().last_step(), paused->next_step - 1);
    EXPECT_EQ(paused->lanes[0].validation_step, paused->next_step - 1);
    EXPECT_EQ(paused->lanes[0].view_step, paused->next_step);
    DirectRun direct;
    direct.steps(static_cast<int>(paused->next_step));
    EXPECT_EQ(paused->lanes[1].signature, direct.signature(1));
    trainer.send(RunCommand{});
    EXPECT_TRUE(
        wait_for(trainer, [&](const Snapshot& now) { return now.next_step > paused->next_step + 20; }));
}

TEST(Trainer, SleepsWhilePaused) {
    Trainer trainer(make_cpu_backend(1), small_options(false));
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::paused; }));
    const std::clock_t before = std::clock();  // processor time of the whole process
    std::this_thread::sleep_for(milliseconds(400));
    const double busy_ms = 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    EXPECT_LT(busy_ms, 100.0);
}

TEST(Trainer, CommandsAreAppliedInTheirOrder) {
    Trainer trainer(make_cpu_backend(1), small_options(false));
    for (int round = 0; round < 20; ++round) {
        trainer.send(AddLaneCommand{{"x", parse_techniques("fp16")}, ""});
        trainer.send(RenameLaneCommand{"x", "y"});
        trainer.send(SetPresetCommand{"y", "bf16"});
        trainer.send(RemoveLaneCommand{"y"});
    }
    trainer.send(AddLaneCommand{{"last", parse_techniques("fp16")}, "fp32"});
    const auto snapshot = wait_for(
        trainer, [](const Snapshot& now) { return now.lanes.size() == 3 && now.lanes[2].name == "last"; });
    ASSERT_TRUE(snapshot);
    EXPECT_TRUE(snapshot->messages.empty()) << snapshot->messages.back().text;
}

TEST(Trainer, ABadCommandIsSaidAndTheRunGoesOn) {
    Trainer trainer(make_cpu_backend(1), small_options(true));
    trainer.send(SetTechniqueCommand{"mixed", "storage", "fp61"});
    trainer.send(OpenScenarioCommand{"no-such-thing", {}, {}});
    const auto said = wait_for(trainer, [](const Snapshot& now) { return now.messages.size() == 2; });
    ASSERT_TRUE(said);
    EXPECT_EQ(said->run, 1);
    EXPECT_NE(said->messages[0].text.find("fp61"), std::string::npos);
    EXPECT_NE(said->messages[1].text.find("no-such-thing"), std::string::npos);
    EXPECT_TRUE(wait_for(trainer, [&](const Snapshot& now) {
        return now.next_step > said->next_step && now.state == RunState::running && now.run == 1;
    }));
}

TEST(Trainer, SlowMotionHoldsNobodyUp) {
    Trainer trainer(make_cpu_backend(1), small_options(false));
    trainer.send(SetStepDelayCommand{2000});
    trainer.send(RunCommand{});
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step == 1; }));
    for (int call = 0; call < 100; ++call) {
        trainer.send(SetCadenceCommand{call + 1, 50});
        (void)trainer.snapshot();
    }
    // Commands sent in the wait are applied in the wait.
    const auto snapshot = wait_for(trainer, [](const Snapshot& now) { return now.probe_every == 100; });
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->next_step, 1);
    const auto start = SteadyClock::now();
    trainer.send(PauseCommand{});
    ASSERT_TRUE(wait_for_pause(trainer, 1));
    EXPECT_LT(elapsed_ms(start, SteadyClock::now()), 1500.0);
}

/// A wake callback that keeps the trainer thread until it is let go stands for a step that takes forever.
TEST(Trainer, ABusyTrainerHoldsNobodyUp) {
    std::mutex mutex;
    std::condition_variable changed;
    bool held = false, let_go = false;
    TrainerOptions options = small_options(true);
    options.wake = [&] {
        std::unique_lock lock(mutex);
        held = true;
        changed.notify_all();
        changed.wait(lock, [&] { return let_go; });
    };
    Trainer trainer(make_cpu_backend(1), std::move(options));
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return held; });
    }
    const std::int64_t generation = trainer.snapshot()->generation;
    for (int call = 0; call < 100; ++call) {
        trainer.send(SetCadenceCommand{call + 1, 50});
        EXPECT_EQ(trainer.snapshot()->generation, generation);
        (void)trainer.timeline().series(0, SeriesKind::loss, 0, 100, 100);
        (void)trainer.take_records();
    }
    {
        const std::lock_guard lock(mutex);
        let_go = true;
    }
    changed.notify_all();
    EXPECT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.probe_every == 100; }));
}

TEST(Trainer, StopsInTheMiddleOfARun) {
    for (int wait_ms : {0, 1, 5, 20}) {
        Trainer trainer(make_cpu_backend(2), small_options(true));
        std::this_thread::sleep_for(milliseconds(wait_ms));
    }
    Trainer waiting(make_cpu_backend(1), small_options(false));
    waiting.send(SetStepDelayCommand{60000});
    waiting.send(RunCommand{});
    ASSERT_TRUE(wait_for(waiting, [](const Snapshot& now) { return now.next_step == 1; }));
}

TEST(Trainer, PublishesAtMostSixtyTimesASecond) {
    std::atomic<int> wakes{0};
    TrainerOptions options = small_options(true);
    options.wake = [&] { ++wakes; };
    Trainer trainer(make_cpu_backend(1), std::move(options));
    const auto first = wait_for(trainer, [](const Snapshot& now) { return now.next_step > 0; });
    ASSERT_TRUE(first);
    const int before = wakes;
    const auto start = SteadyClock::now();
    std::this_thread::sleep_for(milliseconds(500));
    const double most = elapsed_ms(start, SteadyClock::now()) / 16.0 + 2.0;
    EXPECT_LE(wakes - before, static_cast<int>(most));
    EXPECT_GT(wakes - before, 0);
}

TEST(Trainer, AStartThatFailsLeavesTheWindowAlive) {
    TrainerOptions options;
    options.scenario = "no-such-thing";
    Trainer trainer(make_cpu_backend(1), options);
    const auto failed = wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::failed; });
    ASSERT_TRUE(failed);
    ASSERT_EQ(failed->messages.size(), 1u);
    EXPECT_NE(failed->messages[0].text.find("no-such-thing"), std::string::npos);
    trainer.send(small_scenario());
    EXPECT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step > 3; }));
}

TEST(Trainer, ADeviceThatCannotBeOpenedIsSaid) {
    const std::function<std::unique_ptr<Backend>()> none = []() -> std::unique_ptr<Backend> {
        throw std::runtime_error("no such device");
    };
    Trainer trainer(none, small_options(true));
    const auto failed = wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::failed; });
    ASSERT_TRUE(failed);
    EXPECT_NE(failed->messages.at(0).text.find("no such device"), std::string::npos);
    trainer.send(RunCommand{});  // nobody listens any more, and nothing breaks
}

TEST(Trainer, AFailedStepIsSaidAndTheWindowLives) {
    auto owned = std::make_unique<FailingBackend>();
    FailingBackend* backend = owned.get();
    Trainer trainer(std::move(owned), small_options(true));
    ASSERT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step > 3; }));
    backend->failure = FailingBackend::Failure::out_of_memory;
    const auto failed = wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::failed; });
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->messages.size(), 1u);
    backend->failure = FailingBackend::Failure::none;
    trainer.send(RestartCommand{});
    trainer.send(RunCommand{});
    EXPECT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.run == 2 && now.next_step > 3; }));
}

TEST(Trainer, RecordsAreBoundedAndCounted) {
    TrainerOptions options = small_options(true);
    options.settings.parameters = {{"points", 64}, {"width", 2}, {"layers", 1}};
    options.lanes = {{"fp32", parse_techniques("fp32")}};
    options.kept_records = 100;
    Trainer trainer(make_cpu_backend(1), options);
    const auto later = wait_for(trainer, [](const Snapshot& now) { return now.next_step > 300; });
    ASSERT_TRUE(later);
    trainer.send(PauseCommand{});
    const auto paused = wait_for(trainer, [](const Snapshot& now) { return now.state == RunState::paused; });
    ASSERT_TRUE(paused);
    const auto records = trainer.take_records();
    EXPECT_EQ(static_cast<std::int64_t>(records.size() + trainer.dropped_records()), paused->next_step);
    EXPECT_EQ(records.size(), 100u);
    EXPECT_EQ(records.back().second.step, paused->next_step - 1);
}

TEST(Trainer, ManyThreadsMaySendAndLook) {
    Trainer trainer(make_cpu_backend(2), small_options(true));
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; ++caller) {
        callers.emplace_back([&trainer, caller] {
            for (int call = 0; call < 100; ++call) {
                trainer.send(SetTechniqueCommand{"mixed", "loss_scaling", call % 2 ? "static" : "dynamic"});
                const auto snapshot = trainer.snapshot();
                for (const LaneSnapshot& lane : snapshot->lanes) {
                    (void)trainer.timeline().series(lane.id, SeriesKind::loss, 0, 1000, 50);
                    for (const Probe& probe : lane.probes) {
                        (void)trainer.timeline().waterfall(lane.id, probe.tensor, probe.kind);
                    }
                }
                if (caller == 0) (void)trainer.take_records();
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_TRUE(wait_for(trainer, [](const Snapshot& now) { return now.next_step > 0; }));
}

}  // namespace
}  // namespace halfscope
