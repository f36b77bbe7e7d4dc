// Session, without its thread: commands, their stamps, their refusals, and that measuring does not change
// training.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "session/session_fixture.h"

namespace halfscope {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

class SessionTest : public ::testing::Test {
  protected:
    void SetUp() override { session_.begin(small_scenario(), RunState::paused); }

    void run(int steps) {
        session_.apply(StepCommand{steps});
        while (session_.running()) session_.step();
    }
    /// Applies what must be refused: one more error that holds `words`, and nothing else changed.
    void expect_refused(const Command& command, const std::string& words) {
        const Snapshot before = session_.make_snapshot();
        session_.apply(command);
        const Snapshot after = session_.make_snapshot();
        ASSERT_FALSE(after.messages.empty()) << words;
        EXPECT_EQ(after.messages.back().kind, Message::Kind::error);
        EXPECT_NE(after.messages.back().text.find(words), std::string::npos) << after.messages.back().text;
        EXPECT_GT(after.messages.back().number, before.messages.empty() ? 0 : before.messages.back().number);
        EXPECT_EQ(after.run, before.run);
        EXPECT_EQ(after.state, before.state);
        EXPECT_EQ(after.next_step, before.next_step);
        ASSERT_EQ(after.lanes.size(), before.lanes.size());
        for (std::size_t lane = 0; lane < after.lanes.size(); ++lane) {
            EXPECT_EQ(after.lanes[lane].name, before.lanes[lane].name);
            EXPECT_EQ(after.lanes[lane].techniques, before.lanes[lane].techniques);
            EXPECT_EQ(after.lanes[lane].signature, before.lanes[lane].signature);
        }
    }

    FailingBackend backend_;
    Timeline timeline_;
    std::vector<std::pair<int, StepRecord>> records_;
    int loadings_ = 0;
    Session session_{backend_, timeline_,
                     [this](int lane, const StepRecord& record) { records_.emplace_back(lane, record); },
                     [this] { ++loadings_; }};
};

TEST_F(SessionTest, OpensPausedWithPicturesAndSignatures) {
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::paused);
    EXPECT_EQ(snapshot.run, 1);
    EXPECT_EQ(snapshot.next_step, 0);
    EXPECT_EQ(snapshot.scenario.name, kSmallScenario);
    EXPECT_TRUE(snapshot.messages.empty());
    EXPECT_EQ(loadings_, 1);
    ASSERT_EQ(snapshot.lanes.size(), 2u);
    EXPECT_EQ(snapshot.lanes[1].id, 1);
    EXPECT_EQ(snapshot.lanes[1].name, "mixed");
    EXPECT_TRUE(snapshot.lanes[0].view);
    EXPECT_EQ(snapshot.lanes[0].signature, DirectRun().signature(0));
    EXPECT_TRUE(std::isnan(snapshot.lanes[0].best_loss));
    EXPECT_EQ(snapshot.lanes[0].probe_step, -1);
    EXPECT_EQ(snapshot.lanes[0].loss_scale, 1.0);
    EXPECT_EQ(snapshot.lanes[1].loss_scale, 32768.0) << "what the first step will run with";
}

TEST_F(SessionTest, EnergyIsThatOfTheDeviceAndOfEachLanesShare) {
    run(3);
    EXPECT_FALSE(session_.make_snapshot().energy.watts.has_value()) << "the device does not tell";
    EXPECT_FALSE(session_.make_snapshot().lanes[0].joules_per_step.has_value());
    backend_.watts = 300;
    session_.make_snapshot();
    std::this_thread::sleep_for(std::chrono::milliseconds(220));
    run(4);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_NEAR(snapshot.energy.watts.value(), 300, 15);
    // All that time's energy, on four steps.
    EXPECT_GE(snapshot.energy.joules_per_step.value(), 0.95 * 300 * 0.22 / 4);
    for (const LaneSnapshot& lane : snapshot.lanes)
        EXPECT_NEAR(lane.joules_per_step.value(), *snapshot.energy.watts * lane.step_ms * 1e-3, 1e-9);
}

TEST_F(SessionTest, MeasuringDoesNotChangeTraining) {
    session_.apply(SetCadenceCommand{1, 3});
    run(25);
    DirectRun direct;
    direct.steps(25);
    const Snapshot snapshot = session_.make_snapshot();
    ASSERT_EQ(records_.size(), 50u);
    for (std::size_t index = 0; index < records_.size(); ++index) {
        const StepRecord& ours = records_[index].second;
        const StepRecord& theirs = direct.records[index % 2][index / 2];
        EXPECT_EQ(records_[index].first, static_cast<int>(index % 2));
        EXPECT_EQ(ours.step, theirs.step);
        EXPECT_EQ(ours.loss, theirs.loss);
        EXPECT_EQ(ours.grad_norm, theirs.grad_norm);
        EXPECT_EQ(ours.loss_scale, theirs.loss_scale);
        EXPECT_EQ(ours.learning_rate, theirs.learning_rate);
    }
    for (std::size_t lane = 0; lane < 2; ++lane)
        EXPECT_EQ(snapshot.lanes[lane].signature, direct.signature(lane));
}

TEST_F(SessionTest, ProbesFollowTheirCadence) {
    session_.apply(SetCadenceCommand{0, 0});
    run(3);
    EXPECT_TRUE(session_.make_snapshot().lanes[1].probes.empty());
    session_.apply(SetCadenceCommand{1000, 0});
    run(5);  // the last step before a pause is always probed
    EXPECT_EQ(session_.make_snapshot().lanes[1].probe_step, 7);
    session_.apply(SetCadenceCommand{1, 10});
    run(5);  // steps 8..12, shadow pass at 10
    const LaneSnapshot lane = session_.make_snapshot().lanes[1];
    EXPECT_EQ(lane.probe_step, 12);
    EXPECT_EQ(lane.shadow_step, 10);
    int measured = 0;
    for (const Probe& probe : lane.probes) {
        EXPECT_EQ(probe.counts.own.count(), probe.counts.fp16.count()) << probe.tensor;
        if (probe.kind == ProbeKind::weight_gradient && probe.relative_error != -1) ++measured;
    }
    EXPECT_GT(measured, 0);  // kept from step 10
    EXPECT_FALSE(timeline_.waterfall(1, lane.probes.front().tensor, lane.probes.front().kind).empty());
}

TEST_F(SessionTest, ValidationStepsDependOnStepsAlone) {
    run(25);
    run(20);
    const auto points = timeline_.series(0, SeriesKind::validation_loss, 0, kEnd, 1000);
    std::vector<std::int64_t> steps;
    for (const SeriesPoint& point : points) steps.push_back(point.first_step);
    EXPECT_EQ(validation_interval(500), 20);
    EXPECT_EQ(validation_interval(5000), 100);
    EXPECT_EQ(steps, (std::vector<std::int64_t>{0, 20, 24, 40, 44}));  // multiples of 20, and where it paused
}

TEST_F(SessionTest, AToggleIsAnEventAtItsStep) {
    run(7);
    session_.apply(SetTechniqueCommand{"mixed", "loss_scaling", "static"});
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.lanes[1].techniques.scaler.scaling, LossScaling::fixed);
    EXPECT_EQ(snapshot.lanes[1].techniques_step, 7);
    EXPECT_EQ(snapshot.lanes[0].techniques_step, 0);
    int toggles = 0;
    for (const Event& event : timeline_.events(1, 0, kEnd)) {
        if (event.kind != EventKind::toggle) continue;
        ++toggles;
        EXPECT_EQ(event.step, 7);
        EXPECT_EQ(event.lane, "mixed");
        EXPECT_NE(event.detail.find("loss_scaling"), std::string::npos) << event.detail;
    }
    EXPECT_GE(toggles, 1);
    EXPECT_TRUE(timeline_.events(0, 0, kEnd).empty());
}

TEST_F(SessionTest, AToggleTakesEffectAsInADirectRun) {
    run(5);
    session_.apply(SetPresetCommand{"mixed", "fp16"});
    run(5);
    DirectRun direct;
    direct.steps(5);
    direct.experiment.lane("mixed").set_techniques(parse_techniques("fp16"), 5);
    direct.steps(5);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.lanes[1].signature, direct.signature(1));
    EXPECT_EQ(snapshot.lanes[0].signature, direct.signature(0));
    EXPECT_TRUE(snapshot.messages.empty());
}

TEST_F(SessionTest, RestartAndSeedBeginAnew) {
    run(6);
    const std::string six = session_.make_snapshot().lanes[1].signature;
    session_.apply(RestartCommand{});
    Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.run, 2);
    EXPECT_EQ(snapshot.next_step, 0);
    EXPECT_EQ(snapshot.state, RunState::paused);
    EXPECT_EQ(timeline_.last_step(), -1);
    run(6);
    EXPECT_EQ(session_.make_snapshot().lanes[1].signature, six);

    session_.apply(SeedCommand{7});
    snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.run, 3);
    EXPECT_EQ(snapshot.settings.seed, 7u);
    run(6);
    DirectRun direct(7);
    direct.steps(6);
    snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.lanes[1].signature, direct.signature(1));
    EXPECT_NE(snapshot.lanes[1].signature, six);
}

TEST_F(SessionTest, RestartKeepsChangedTechniques) {
    session_.apply(SetPresetCommand{"mixed", "fp16"});
    session_.apply(RestartCommand{});
    EXPECT_EQ(session_.make_snapshot().lanes[1].techniques, parse_techniques("fp16"));
}

TEST_F(SessionTest, LanesComeAndGoWithStableIds) {
    run(4);
    session_.apply(AddLaneCommand{{"third", parse_techniques("fp16")}, ""});
    session_.apply(AddLaneCommand{{"branch", parse_techniques("mixed")}, "mixed"});
    Snapshot snapshot = session_.make_snapshot();
    ASSERT_EQ(snapshot.lanes.size(), 4u);
    EXPECT_EQ(snapshot.lanes[3].id, 3);
    EXPECT_EQ(snapshot.lanes[3].signature, snapshot.lanes[1].signature);
    EXPECT_NE(snapshot.lanes[2].signature, snapshot.lanes[1].signature);
    expect_refused(AddLaneCommand{{"fifth", parse_techniques("fp16")}, ""}, "4");

    session_.apply(RemoveLaneCommand{"mixed"});
    session_.apply(RenameLaneCommand{"third", "other"});
    snapshot = session_.make_snapshot();
    ASSERT_EQ(snapshot.lanes.size(), 3u);
    EXPECT_EQ(snapshot.lanes[1].id, 2);
    EXPECT_EQ(snapshot.lanes[1].name, "other");
    EXPECT_EQ(snapshot.lanes[2].id, 3);
    EXPECT_TRUE(timeline_.series(1, SeriesKind::loss, 0, kEnd, 10).empty());
    session_.apply(AddLaneCommand{{"again", parse_techniques("bf16")}, ""});
    snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.lanes.back().id, 1);  // the free one
    run(2);
    EXPECT_EQ(session_.make_snapshot().lanes.back().last.step, 5);
    session_.apply(RestartCommand{});
    EXPECT_EQ(session_.make_snapshot().lanes.back().id, 1);
    EXPECT_TRUE(session_.make_snapshot().messages.size() == 1u);  // the fifth lane's refusal alone
}

TEST_F(SessionTest, ABranchContinuesLikeItsParent) {
    run(5);
    session_.apply(AddLaneCommand{{"branch", parse_techniques("mixed")}, "mixed"});
    run(5);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.lanes[2].signature, snapshot.lanes[1].signature);
}

TEST_F(SessionTest, BadCommandsAreSaidAndChangeNothing) {
    run(3);
    expect_refused(SetTechniqueCommand{"mxed", "storage", "fp16"}, "mixed");
    expect_refused(SetTechniqueCommand{"mixed", "storge", "fp16"}, "storage");
    expect_refused(SetTechniqueCommand{"mixed", "storage", "fp61"}, "fp61");
    expect_refused(SetTechniqueCommand{"fp32", "accumulate", "fp16"}, "accumulate");
    expect_refused(SetPresetCommand{"mixed", "mixd"}, "mixed");
    expect_refused(AddLaneCommand{{"fp32", parse_techniques("fp16")}, ""}, "fp32");
    expect_refused(AddLaneCommand{{"", parse_techniques("fp16")}, ""}, "name");
    expect_refused(AddLaneCommand{{"x", parse_techniques("fp16")}, "nobody"}, "nobody");
    expect_refused(RemoveLaneCommand{"nobody"}, "nobody");
    expect_refused(RenameLaneCommand{"mixed", "fp32"}, "fp32");
    expect_refused(MultiplyLossScaleCommand{"fp32", 2}, "loss scaling");
    expect_refused(MultiplyLossScaleCommand{"mixed", 0}, "factor");
    expect_refused(MultiplyLossScaleCommand{"mixed", NAN}, "factor");
    expect_refused(SetCadenceCommand{-1, 0}, "cadence");
    expect_refused(SetStepDelayCommand{-1}, "ms");
    expect_refused(SetStepDelayCommand{NAN}, "ms");
    expect_refused(StepCommand{0}, "steps");
    expect_refused(OpenScenarioCommand{"spiral", {}, {}}, "spiral");
    OpenScenarioCommand bad_setting = small_scenario();
    bad_setting.settings.parameters["points"] = -5;
    expect_refused(bad_setting, "points");
    session_.apply(RemoveLaneCommand{"mixed"});
    expect_refused(RemoveLaneCommand{"fp32"}, "last");
    EXPECT_LE(session_.make_snapshot().messages.size(), 16u);
}

TEST_F(SessionTest, TheLossScaleIsMultipliedByHand) {
    run(2);
    const double before = session_.make_snapshot().lanes[1].last.loss_scale;
    session_.apply(MultiplyLossScaleCommand{"mixed", 0.5});
    EXPECT_EQ(session_.make_snapshot().lanes[1].loss_scale, before / 2) << "at once";
    EXPECT_EQ(session_.make_snapshot().lanes[1].last.loss_scale, before);
    run(1);
    EXPECT_EQ(session_.make_snapshot().lanes[1].last.loss_scale, before / 2);
    const auto events = timeline_.events(1, 2, 2);
    ASSERT_FALSE(events.empty());
    EXPECT_NE(events.front().detail.find("by hand"), std::string::npos);
}

TEST_F(SessionTest, AnotherScenarioReplacesTheFirst) {
    run(3);
    OpenScenarioCommand other = small_scenario(5);
    other.lanes.clear();
    session_.apply(other);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.run, 2);
    EXPECT_EQ(snapshot.next_step, 0);
    EXPECT_EQ(snapshot.lanes.size(), snapshot.scenario.lanes.size());
    EXPECT_EQ(snapshot.settings.seed, 5u);
    EXPECT_EQ(loadings_, 2);
}

TEST_F(SessionTest, WhatDoesNotFitIsRefusedAndARestartNeedsNoRoomBesides) {
    run(3);
    // Room for this experiment, with what it may still ask for, but not for a second one beside it.
    backend_.memory_bytes = backend_.used_bytes * 7 / 5;
    OpenScenarioCommand larger = small_scenario();
    larger.settings.parameters["points"] = 8192;
    expect_refused(larger, "reduce");
    expect_refused(AddLaneCommand{{"third", parse_techniques("fp32")}, ""}, "third");
    const std::uint64_t used = backend_.used_bytes;
    session_.apply(RestartCommand{});
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.messages.size(), 2u);
    EXPECT_EQ(snapshot.run, 2);
    EXPECT_EQ(snapshot.next_step, 0);
    EXPECT_EQ(snapshot.lanes.size(), 2u);
    run(3);
    EXPECT_LE(backend_.used_bytes, used);
}

TEST_F(SessionTest, AFailedStepIsSaidOnceAndARestartRecovers) {
    for (const auto& [failure, words] : {std::pair{FailingBackend::Failure::out_of_memory, "memory"},
                                         std::pair{FailingBackend::Failure::device, "fell off the bus"}}) {
        run(2);
        const std::size_t said = session_.make_snapshot().messages.size();
        backend_.failure = failure;
        run(10);
        Snapshot snapshot = session_.make_snapshot();
        EXPECT_EQ(snapshot.state, RunState::failed);
        ASSERT_EQ(snapshot.messages.size(), said + 1);
        EXPECT_NE(snapshot.messages.back().text.find(words), std::string::npos);
        EXPECT_NE(snapshot.messages.back().text.find("restart"), std::string::npos);
        expect_refused(RunCommand{}, "restart");
        backend_.failure = FailingBackend::Failure::none;
        session_.apply(RestartCommand{});
        run(3);
        snapshot = session_.make_snapshot();
        EXPECT_EQ(snapshot.state, RunState::paused);
        EXPECT_EQ(snapshot.next_step, 3);
    }
}

TEST_F(SessionTest, ARunWhoseDeviceIsLostGoesOnOnTheCpu) {
    expect_refused(GoOnOnCpuCommand{}, "has not failed");
    backend_.is_losable = true;
    run(10);
    session_.apply(SetTechniqueCommand{"mixed", "clip_norm", "0.5"});
    run(5);
    backend_.failure = FailingBackend::Failure::lost;
    run(3);
    Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::failed);
    EXPECT_EQ(snapshot.rescued_steps, 15);
    EXPECT_NE(snapshot.messages.back().text.find("after 15 steps is kept"), std::string::npos);
    for (const Command& command :
         {Command{RunCommand{}}, Command{RestartCommand{}}, Command{small_scenario()}})
        expect_refused(command, "go on on the CPU first");
    const std::string path = testing::TempDir() + "rescued.halfscope";
    session_.apply(SaveCheckpointCommand{path});
    snapshot = session_.make_snapshot();
    EXPECT_NE(snapshot.messages.back().text.find("as it was after 15 steps"), std::string::npos);
    EXPECT_EQ(check_checkpoint(read_checkpoint(path)).next_step, 15);
    ASSERT_EQ(snapshot.rescued_steps, 15);

    session_.apply(GoOnOnCpuCommand{});
    snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::running);
    EXPECT_EQ(snapshot.next_step, 15);
    EXPECT_EQ(snapshot.rescued_steps, std::nullopt);
    EXPECT_NE(snapshot.device.find("the GPU failed"), std::string::npos);
    EXPECT_EQ(timeline_.events(1, 0, kEnd).size(), 1u) << "the toggle";
    run(5);
    snapshot = session_.make_snapshot();
    DirectRun direct;
    direct.steps(10);
    direct.experiment.lane("mixed").set_techniques(parse_techniques("mixed,clip_norm=0.5"), 10);
    direct.steps(10);
    ASSERT_EQ(snapshot.next_step, 20);
    for (std::size_t lane = 0; lane < 2; ++lane)
        EXPECT_EQ(snapshot.lanes[lane].signature, direct.signature(lane));
}

/// A network with running statistics, which a look puts back when it has passed.
TEST(SessionLost, ADeviceThatIsLostDuringALookLeavesTheRunToTheCpu) {
    FailingBackend backend;
    backend.is_losable = true;
    Timeline timeline;
    Session session(
        backend, timeline, [](int, const StepRecord&) {}, [] {});
    ScenarioSettings settings;
    settings.parameters = {{"batch", 4}, {"size", 8}, {"channels", 4}, {"blocks", 1}};
    session.begin(OpenScenarioCommand{"digits-cnn", settings, {{"mixed", parse_techniques("mixed")}}},
                  RunState::paused);
    const auto run = [&](int steps) {
        session.apply(StepCommand{steps});
        while (session.running()) session.step();
    };
    run(3);
    backend.failure = FailingBackend::Failure::next_forward;
    session.apply(CaptureDotCommand{"mixed", session.make_snapshot().dot_sources->front(), 0, 0});
    EXPECT_EQ(backend.failure, FailingBackend::Failure::lost);
    run(1);
    EXPECT_EQ(session.make_snapshot().state, RunState::failed);
    session.apply(GoOnOnCpuCommand{});
    session.apply(PauseCommand{});
    EXPECT_EQ(session.make_snapshot().next_step, 3);
}

TEST_F(SessionTest, ACopyIsKeptWhereADeviceCanBeLostAlone) {
    run(3);
    backend_.failure = FailingBackend::Failure::lost;
    run(1);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::failed);
    EXPECT_EQ(snapshot.rescued_steps, std::nullopt);
    EXPECT_NE(snapshot.messages.back().text.find("start Halfscope again"), std::string::npos);
    expect_refused(GoOnOnCpuCommand{}, "has not failed");
}

TEST(SessionStart, AScenarioThatCannotBeOpenedIsSaid) {
    FailingBackend backend;
    Timeline timeline;
    Session session(
        backend, timeline, [](int, const StepRecord&) {}, [] {});
    session.begin({"no-such-thing", {}, {}}, RunState::running);
    EXPECT_EQ(session.state(), RunState::failed);
    EXPECT_FALSE(session.running());
    ASSERT_EQ(session.make_snapshot().messages.size(), 1u);
    for (const Command& command :
         {Command(RunCommand{}), Command(RestartCommand{}), Command(SetPresetCommand{"a", "fp16"}),
          Command(SeedCommand{1}), Command(AddLaneCommand{{"a", {}}, ""}), Command(RemoveLaneCommand{"a"})}) {
        session.apply(command);
    }
    EXPECT_EQ(session.make_snapshot().messages.size(), 7u);
    session.apply(small_scenario());
    EXPECT_TRUE(session.running());
    session.step();
    EXPECT_EQ(session.make_snapshot().next_step, 1);
}

// Step by step, not from decimated curves.
TEST(SessionSeries, LossesAreComparedWithTheFirstLanesAtEachStep) {
    FailingBackend backend;
    Timeline timeline;
    std::map<std::int64_t, std::map<int, double>> losses;
    Session session(
        backend, timeline,
        [&](int lane, const StepRecord& record) { losses[record.step][lane] = record.loss; }, [] {});
    session.begin(small_scenario(), RunState::paused);
    session.apply(StepCommand{6});
    while (session.running()) session.step();
    const auto points = timeline.series(1, SeriesKind::loss_difference, 0, 100, 1000);
    ASSERT_EQ(points.size(), 6u);
    for (const SeriesPoint& point : points) {
        EXPECT_EQ(point.last, static_cast<float>(losses[point.first_step][1] - losses[point.first_step][0]))
            << point.first_step;
    }
    EXPECT_TRUE(timeline.series(0, SeriesKind::loss_difference, 0, 100, 1000).empty());
}

}  // namespace
}  // namespace halfscope
