// Going back, on and aside: a run that was gone back in is the run that never was.
#include <gtest/gtest.h>

#include <limits>

#include "session/session_fixture.h"

namespace halfscope {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

/// Changes at steps 10, 15, 20 and 25, of all kinds.
void make_changes(SteppedRun& run, std::int64_t step) {
    if (step == 10) run.session.apply(SetTechniqueCommand{"mixed", "master_weights", "off"});
    if (step == 15) run.session.apply(MultiplyLossScaleCommand{"mixed", 4.0});
    if (step == 20) run.session.apply(AddLaneCommand{{"half", parse_techniques("fp16")}, "mixed"});
    if (step == 25) run.session.apply(SetPresetCommand{"fp32", "bf16"});
    if (step == 28) run.session.apply(RenameLaneCommand{"half", "bare"});
}
void run_with_changes(SteppedRun& run, std::int64_t end) {
    for (std::int64_t step = run.snapshot().next_step; step < end; ++step) {
        make_changes(run, step);
        run.to(step + 1);
    }
}

void expect_same_history(SteppedRun& a, SteppedRun& b) {
    const Snapshot first = a.snapshot(), second = b.snapshot();
    EXPECT_EQ(first.next_step, second.next_step);
    EXPECT_EQ(a.signatures(), b.signatures());
    ASSERT_EQ(first.lanes.size(), second.lanes.size());
    for (std::size_t lane = 0; lane < first.lanes.size(); ++lane) {
        const int id = first.lanes[lane].id;
        EXPECT_EQ(id, second.lanes[lane].id);
        EXPECT_EQ(first.lanes[lane].techniques, second.lanes[lane].techniques);
        EXPECT_EQ(first.lanes[lane].skipped, second.lanes[lane].skipped);
        const double best = first.lanes[lane].best_loss;
        EXPECT_TRUE(best == second.lanes[lane].best_loss || first.next_step == 0) << best;
        for (const SeriesKind kind : {SeriesKind::loss, SeriesKind::loss_scale, SeriesKind::grad_norm}) {
            const auto x = a.timeline.series(id, kind, 0, kEnd, 10000),
                       y = b.timeline.series(id, kind, 0, kEnd, 10000);
            ASSERT_EQ(x.size(), y.size()) << series_kind_name(kind);
            for (std::size_t i = 0; i < x.size(); ++i)
                EXPECT_EQ(x[i].last, y[i].last) << series_kind_name(kind);
        }
        const auto x = a.timeline.events(id, 0, kEnd), y = b.timeline.events(id, 0, kEnd);
        ASSERT_EQ(x.size(), y.size());
        for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i].detail, y[i].detail);
    }
}

TEST(SessionTime, GoesBackToAnyStepAndOnToTheSameBits) {
    SteppedRun straight;
    run_with_changes(straight, 32);
    for (const std::int64_t step : {31, 26, 21, 20, 16, 11, 10, 3, 1, 0}) {
        SCOPED_TRACE(step);
        SteppedRun run, until;
        run_with_changes(run, 32);
        run.session.apply(GoToStepCommand{step});
        run_with_changes(until, step);
        expect_same_history(run, until);
        EXPECT_EQ(run.snapshot().state, RunState::paused);
        EXPECT_EQ(run.snapshot().reached_step, 32);
        run.to(32);  // makes the later changes again by itself
        expect_same_history(run, straight);
        EXPECT_EQ(run.snapshot().changes_ahead, 0);
    }
}

TEST(SessionTime, BackAndForthWithoutEnd) {
    SteppedRun run, straight;
    run_with_changes(straight, 30);
    run_with_changes(run, 30);
    for (const std::int64_t step : {12, 5, 20, 8, 29, 1, 30}) {
        run.session.apply(GoToStepCommand{step});
        while (run.session.running()) run.session.step();
        EXPECT_EQ(run.snapshot().next_step, step);
    }
    expect_same_history(run, straight);
}

TEST(SessionTime, WhatIsMeasuredAtAStepIsMeasuredThereAgain) {
    SteppedRun run, straight;
    run.session.apply(SetCadenceCommand{1, 1});
    straight.session.apply(SetCadenceCommand{1, 1});
    run.to(20);
    run.session.apply(GoToStepCommand{13});
    straight.to(13);
    const Snapshot found = run.snapshot(), expected = straight.snapshot();
    for (std::size_t lane = 0; lane < 2; ++lane) {
        EXPECT_EQ(found.lanes[lane].probe_step, 12);
        ASSERT_EQ(found.lanes[lane].probes.size(), expected.lanes[lane].probes.size());
        for (std::size_t i = 0; i < expected.lanes[lane].probes.size(); ++i) {
            EXPECT_EQ(found.lanes[lane].probes[i].counts.own, expected.lanes[lane].probes[i].counts.own);
            EXPECT_EQ(found.lanes[lane].probes[i].relative_error,
                      expected.lanes[lane].probes[i].relative_error);
        }
        EXPECT_TRUE(found.lanes[lane].view);
    }
}

TEST(SessionTime, AChangeAfterGoingBackForgetsWhatCameLater) {
    SteppedRun run;
    run_with_changes(run, 32);
    run.session.apply(GoToStepCommand{12});
    EXPECT_EQ(run.snapshot().changes_ahead, 4);
    run.session.apply(SetTechniqueCommand{"mixed", "storage", "bf16"});
    EXPECT_EQ(run.snapshot().changes_ahead, 0);
    EXPECT_EQ(run.snapshot().reached_step, 12);
    run.to(30);
    EXPECT_EQ(run.snapshot().lanes.size(), 2u) << "the lane of step 20 is not added any more";
    EXPECT_EQ(run.snapshot().lanes[1].techniques.storage, Format::bf16);
}

TEST(SessionTime, TheListOfChangesMakesTheSameRun) {
    SteppedRun run, again;
    run_with_changes(run, 32);
    run.session.apply(UndoCommand{});
    run.to(35);
    for (const auto& [step, command] : run.session.changes()) {
        again.to(step);
        again.session.apply(command);
    }
    again.to(35);
    EXPECT_EQ(run.signatures(), again.signatures());
    EXPECT_EQ(run.session.changes().size(), 6u);
}

TEST(SessionTime, ABranchOfThePastThatChangesNothingHasTheSameWeights) {
    SteppedRun run;
    run.to(8);
    run.session.apply(SetTechniqueCommand{"mixed", "master_weights", "off"});
    run.session.apply(MultiplyLossScaleCommand{"mixed", 0.5});
    run.to(30);
    const Techniques techniques = run.snapshot().lanes[1].techniques;
    for (const std::int64_t at : {29, 12, 9, 8}) {
        SCOPED_TRACE(at);
        run.session.apply(AddLaneCommand{{"branch", techniques}, "mixed", at});
        const Snapshot snapshot = run.snapshot();
        ASSERT_EQ(snapshot.lanes.size(), 3u) << run.last_message();
        EXPECT_EQ(snapshot.next_step, 30);
        EXPECT_EQ(snapshot.lanes[2].signature, snapshot.lanes[1].signature);
        // Its curve begins where it branched.
        const auto loss = run.timeline.series(snapshot.lanes[2].id, SeriesKind::loss, 0, kEnd, 1000);
        EXPECT_EQ(loss.front().first_step, at);
        EXPECT_EQ(loss.back().last_step, 29);
        EXPECT_EQ(loss.back().last, run.timeline.series(1, SeriesKind::loss, 0, kEnd, 1000).back().last);
        EXPECT_EQ(snapshot.lanes[2].probe_step, 29);
        run.session.apply(RemoveLaneCommand{"branch"});
    }
}

TEST(SessionTime, ABranchOfThePastGoesItsOwnWay) {
    SteppedRun run, direct;
    run.to(20);
    run.session.apply(AddLaneCommand{{"other", parse_techniques("bf16")}, "mixed", 6});
    run.to(25);
    direct.to(6);
    direct.session.apply(SetPresetCommand{"mixed", "bf16"});
    direct.to(25);
    EXPECT_EQ(run.snapshot().lanes[2].signature, direct.snapshot().lanes[1].signature);
    // And going back before it was added, and on, brings it back.
    run.session.apply(GoToStepCommand{15});
    EXPECT_EQ(run.snapshot().lanes.size(), 2u);
    run.to(25);
    ASSERT_EQ(run.snapshot().lanes.size(), 3u);
    EXPECT_EQ(run.snapshot().lanes[2].signature, direct.snapshot().lanes[1].signature);
}

TEST(SessionTime, UndoAndRedo) {
    SteppedRun run;
    run.to(3);
    EXPECT_FALSE(run.snapshot().can_undo);
    run.session.apply(SetTechniqueCommand{"mixed", "storage", "bf16"});
    run.session.apply(SetPresetCommand{"mixed", "fp32"});
    const Techniques fp32 = run.snapshot().lanes[1].techniques;
    run.session.apply(UndoCommand{});
    EXPECT_EQ(run.snapshot().lanes[1].techniques.storage, Format::bf16);
    run.session.apply(UndoCommand{});
    EXPECT_EQ(run.snapshot().lanes[1].techniques, parse_techniques("mixed"));
    EXPECT_FALSE(run.snapshot().can_undo);
    run.session.apply(RedoCommand{});
    run.session.apply(RedoCommand{});
    EXPECT_EQ(run.snapshot().lanes[1].techniques, fp32);
    EXPECT_FALSE(run.snapshot().can_redo);
    run.session.apply(UndoCommand{});
    run.session.apply(SetTechniqueCommand{"mixed", "accumulate", "fp32"});  // no change: forgets nothing
    EXPECT_TRUE(run.snapshot().can_redo);
    run.session.apply(SetTechniqueCommand{"mixed", "storage", "fp16"});
    EXPECT_FALSE(run.snapshot().can_redo) << "another way was taken";
    SteppedRun empty;
    empty.session.apply(UndoCommand{});
    EXPECT_NE(empty.last_message().find("no change of techniques to undo"), std::string::npos);
}

TEST(SessionTime, UndoFollowsALaneThatIsRenamedAndForgetsOneThatIsRemoved) {
    SteppedRun run;
    run.session.apply(SetTechniqueCommand{"fp32", "accumulate", "fp16"});
    run.session.apply(SetPresetCommand{"mixed", "bf16"});
    run.session.apply(RenameLaneCommand{"mixed", "other"});
    run.session.apply(UndoCommand{});
    EXPECT_EQ(run.snapshot().lanes[1].techniques, parse_techniques("mixed")) << run.last_message();
    run.session.apply(RenameLaneCommand{"other", "third"});
    run.session.apply(RedoCommand{});
    EXPECT_EQ(run.snapshot().lanes[1].techniques, parse_techniques("bf16")) << run.last_message();
    run.session.apply(RemoveLaneCommand{"third"});
    run.session.apply(AddLaneCommand{{"third", parse_techniques("fp16")}, "", {}});
    run.session.apply(UndoCommand{});
    EXPECT_EQ(run.snapshot().lanes[0].techniques, parse_techniques("fp32")) << "the change before";
    EXPECT_EQ(run.snapshot().lanes[1].techniques, parse_techniques("fp16")) << "another lane of that name";
    EXPECT_FALSE(run.snapshot().can_undo);
}

TEST(SessionTime, EveryTechniqueIsGoneBackTo) {
    for (const Preset& preset : presets()) {
        SteppedRun run;
        run.session.apply(SetPresetCommand{"mixed", preset.name});
        run.session.apply(SetPresetCommand{"mixed", preset.name == "bf16" ? "fp32" : "bf16"});
        run.session.apply(UndoCommand{});
        EXPECT_EQ(run.snapshot().lanes[1].techniques, preset.techniques) << preset.name;
        run.to(4);
        SteppedRun again;
        for (const auto& [step, command] : run.session.changes()) again.session.apply(command);
        again.to(4);
        EXPECT_EQ(run.signatures(), again.signatures()) << preset.name;
    }
}

TEST(SessionTime, KeepsWithinItsBytesAndStillReachesEveryStep) {
    SteppedRun run, straight;
    run.to(1);
    const std::uint64_t one = run.snapshot().kept_bytes;
    run.session.apply(SetHistoryCommand{5 * one});
    run.to(60);
    const Snapshot snapshot = run.snapshot();
    EXPECT_LE(snapshot.kept_bytes, 5 * one + one / 2);
    EXPECT_LE(snapshot.kept_states, 5u);
    EXPECT_EQ(snapshot.first_kept_step, 0);
    run.session.apply(GoToStepCommand{23});
    straight.to(23);
    EXPECT_EQ(run.signatures(), straight.signatures());
}

TEST(SessionTime, WithoutMemoryNothingIsKept) {
    SteppedRun run;
    run.to(10);
    EXPECT_GT(run.snapshot().kept_states, 0u);
    run.session.apply(SetHistoryCommand{0});
    EXPECT_EQ(run.snapshot().kept_states, 0u);
    run.to(20);
    EXPECT_EQ(run.snapshot().kept_states, 0u);
    run.session.apply(GoToStepCommand{15});
    EXPECT_EQ(run.snapshot().next_step, 20);
    // With memory again, from the next step on.
    run.session.apply(SetHistoryCommand{kHistoryBytes});
    run.to(30);
    run.session.apply(GoToStepCommand{25});
    EXPECT_EQ(run.snapshot().next_step, 25) << run.last_message();
    EXPECT_EQ(run.snapshot().first_kept_step, 20);
}

TEST(SessionTime, WithoutKeptStatesItSaysWhatCanBeReached) {
    SteppedRun run;
    run.session.apply(SetHistoryCommand{10});
    run.to(5);
    run.session.apply(GoToStepCommand{3});
    EXPECT_NE(run.last_message().find("nothing is kept to go back to"), std::string::npos);
    run.session.apply(SetHistoryCommand{kHistoryBytes});
    run.to(10);
    run.session.apply(GoToStepCommand{4});
    EXPECT_NE(run.last_message().find("step 4 is not kept any more"), std::string::npos)
        << run.last_message();
    EXPECT_EQ(run.snapshot().next_step, 10);
    run.session.apply(GoToStepCommand{-1});
    EXPECT_NE(run.last_message().find("no step before the first"), std::string::npos);
    run.session.apply(AddLaneCommand{{"x", parse_techniques("fp16")}, "mixed", 4});
    EXPECT_EQ(run.snapshot().lanes.size(), 2u);
    EXPECT_NE(run.last_message().find("is not kept any more"), std::string::npos) << run.last_message();
}

TEST(SessionTime, StopsOnTheWayWhereItIsCancelled) {
    SteppedRun run, straight;
    run.to(30);
    run.reports = 0;
    run.cancel_at = 0;
    run.session.apply(AddLaneCommand{{"x", parse_techniques("fp16")}, "mixed", 4});
    EXPECT_EQ(run.snapshot().lanes.size(), 2u) << "nothing half-made stays";
    EXPECT_EQ(run.snapshot().state, RunState::paused);
    run.cancel_at = -1;
    straight.to(30);
    EXPECT_EQ(run.signatures(), straight.signatures());

    // The first state alone is kept: the way from there is long, and ends early.
    SteppedRun far, until;
    far.to(1);
    far.session.apply(SetHistoryCommand{1});
    far.to(30);
    far.reports = 0;
    far.cancel_at = 6;
    far.session.apply(GoToStepCommand{20});
    const std::int64_t reached = far.snapshot().next_step;
    EXPECT_GT(reached, 0);
    EXPECT_LT(reached, 20);
    until.to(reached);
    EXPECT_EQ(far.signatures(), until.signatures());
    far.cancel_at = -1;
    far.to(30);
    EXPECT_EQ(far.signatures(), straight.signatures());
}

TEST(SessionTime, ARestartForgets) {
    SteppedRun run;
    run.to(10);
    run.session.apply(RestartCommand{});
    EXPECT_EQ(run.snapshot().kept_states, 0u);
    EXPECT_EQ(run.snapshot().reached_step, 0);
}

TEST(SessionTime, AStepOfThePastIsExaminedBesideTheRun) {
    SteppedRun run, straight;
    for (SteppedRun* one : {&run, &straight}) {
        one->session.apply(SetCadenceCommand{1, 0});
        one->session.apply(SetTechniqueCommand{"mixed", "max_scale", "none"});
        one->to(6);
        one->session.apply(MultiplyLossScaleCommand{"mixed", 1048576.0});
        one->to(20);
    }
    const Snapshot before = run.snapshot();
    std::int64_t skipped = -1;
    for (const Event& event : run.timeline.events(1, 0, kEnd))
        if (event.kind == EventKind::skip) skipped = event.step;
    ASSERT_GE(skipped, 6);
    run.session.apply(ExamineOverflowCommand{"mixed", skipped});
    const Snapshot after = run.snapshot();
    ASSERT_TRUE(after.lanes[1].overflow) << run.last_message();
    const OverflowReport& report = *after.lanes[1].overflow;
    EXPECT_EQ(report.step, skipped);
    EXPECT_FALSE(report.is_finite());
    EXPECT_GT(report.halvings, 0);
    const auto scales = run.timeline.series(1, SeriesKind::loss_scale, skipped, skipped, 10);
    EXPECT_EQ(report.loss_scale, static_cast<double>(scales.front().last));
    EXPECT_EQ(after.next_step, before.next_step);
    EXPECT_EQ(after.state, RunState::paused);
    // The very step before which the scale was multiplied, from the first state alone.
    SteppedRun far;
    far.to(1);
    far.session.apply(SetHistoryCommand{1});
    far.session.apply(SetTechniqueCommand{"mixed", "max_scale", "none"});
    far.to(9);
    far.session.apply(MultiplyLossScaleCommand{"mixed", 1048576.0});
    far.to(12);
    far.session.apply(ExamineOverflowCommand{"mixed", 9});
    ASSERT_TRUE(far.snapshot().lanes[1].overflow) << far.last_message();
    EXPECT_EQ(far.snapshot().lanes[1].overflow->loss_scale, 32768.0 * 1048576.0);
    EXPECT_FALSE(far.snapshot().lanes[1].overflow->is_finite());
    far.session.apply(AddLaneCommand{{"same", far.snapshot().lanes[1].techniques}, "mixed", 9});
    ASSERT_EQ(far.snapshot().lanes.size(), 3u) << far.last_message();
    EXPECT_EQ(far.snapshot().lanes[2].signature, far.snapshot().lanes[1].signature);
    run.to(25);
    straight.to(25);
    EXPECT_EQ(run.signatures(), straight.signatures());
    run.session.apply(ExamineOverflowCommand{"mixed", 99});
    EXPECT_NE(run.last_message().find("step 99 has not been made yet"), std::string::npos);
}

}  // namespace
}  // namespace halfscope
