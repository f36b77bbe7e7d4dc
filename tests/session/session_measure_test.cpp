// Sweeps over loss scales and searches for layers to keep in FP32 as the window asks for them: while training
// waits, pass by pass, and without a trace.
#include <gtest/gtest.h>

#include <cmath>

#include "session/session_fixture.h"
#include "train/scale_sweep.h"

namespace halfscope {
namespace {

class SessionMeasure : public ::testing::Test {
  protected:
    void SetUp() override { session_.begin(small_scenario(), RunState::paused); }
    void work(int pieces) {
        for (int i = 0; i < pieces && session_.has_work(); ++i) session_.work();
    }
    std::shared_ptr<const ScaleSweep> sweep_of(std::size_t lane) {
        return session_.make_snapshot().lanes[lane].sweep;
    }

    FailingBackend backend_;
    Timeline timeline_;
    Session session_{backend_, timeline_, [](int, const StepRecord&) {}, [] {}};
};

TEST_F(SessionMeasure, ComesScaleByScaleOnAPausedRun) {
    session_.apply(StepCommand{3});
    work(3);
    EXPECT_FALSE(session_.has_work());
    session_.apply(SweepScalesCommand{"mixed"});
    EXPECT_EQ(session_.make_snapshot().measured_lane, 1);
    work(1);
    ASSERT_TRUE(sweep_of(1));
    EXPECT_EQ(sweep_of(1)->done, 0);
    EXPECT_EQ(sweep_of(1)->step, 3);
    work(5);
    EXPECT_EQ(sweep_of(1)->done, 5);
    EXPECT_EQ(sweep_of(1)->tensors.front().points.size(), 5u);
    work(1000);
    EXPECT_TRUE(sweep_of(1)->is_complete());
    const Snapshot after = session_.make_snapshot();
    EXPECT_EQ(after.state, RunState::paused);
    EXPECT_EQ(after.measured_lane, -1);
    EXPECT_EQ(after.next_step, 3);
    EXPECT_FALSE(after.lanes[0].sweep);
}

TEST_F(SessionMeasure, TrainingWaitsAndGoesOnAsIfNothingHadBeen) {
    session_.apply(RunCommand{});
    work(4);
    session_.apply(SweepScalesCommand{"mixed"});
    work(1 + kSweptScales);
    EXPECT_EQ(session_.make_snapshot().next_step, 4);
    work(8);
    session_.apply(PauseCommand{});
    DirectRun direct;
    direct.steps(12);
    const Snapshot snapshot = session_.make_snapshot();
    ASSERT_EQ(snapshot.next_step, 12);
    for (std::size_t lane = 0; lane < 2; ++lane)
        EXPECT_EQ(snapshot.lanes[lane].signature, direct.signature(lane));
}

TEST_F(SessionMeasure, EndsWhereItIsCancelledOrItsLaneGoes) {
    session_.apply(SweepScalesCommand{"mixed"});
    work(4);
    session_.apply(CancelCommand{});
    EXPECT_FALSE(session_.has_work());
    EXPECT_EQ(sweep_of(1)->done, 3) << "what was measured stays";

    session_.apply(SweepScalesCommand{"mixed"});
    work(2);
    session_.apply(SetTechniqueCommand{"mixed", "storage", "bf16"});
    EXPECT_FALSE(session_.has_work());
    EXPECT_FALSE(sweep_of(1)) << "it was of other formats";

    session_.apply(SweepScalesCommand{"mixed"});
    work(2);
    session_.apply(RestartCommand{});
    EXPECT_FALSE(session_.has_work());

    session_.apply(SweepScalesCommand{"mixed"});
    work(2);
    session_.apply(RemoveLaneCommand{"mixed"});
    EXPECT_FALSE(session_.has_work());
    EXPECT_TRUE(session_.make_snapshot().messages.empty());
}

TEST_F(SessionMeasure, OtherLanesMayComeAndGoMeanwhile) {
    session_.apply(SweepScalesCommand{"mixed"});
    work(3);
    session_.apply(RemoveLaneCommand{"fp32"});
    work(2);
    EXPECT_EQ(sweep_of(0)->done, 4);
}

TEST_F(SessionMeasure, AFailureIsSaidAndStops) {
    session_.apply(SweepScalesCommand{"nobody"});
    EXPECT_FALSE(session_.has_work());
    EXPECT_NE(session_.make_snapshot().messages.back().text.find("nobody"), std::string::npos);
    session_.apply(SweepScalesCommand{"mixed"});
    work(2);
    backend_.failure = FailingBackend::Failure::device;
    work(1);
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_EQ(snapshot.state, RunState::failed);
    EXPECT_FALSE(session_.has_work());
    EXPECT_NE(snapshot.messages.back().text.find("measuring loss scales at step 0 failed"), std::string::npos)
        << snapshot.messages.back().text;
}

TEST_F(SessionMeasure, SearchesLayersPassByPassAndWithoutATrace) {
    session_.apply(RunCommand{});
    work(4);
    session_.apply(SearchPrecisionCommand{"mixed", 1e-5});
    const auto search = [&] { return session_.make_snapshot().lanes[1].search; };
    work(3);
    EXPECT_EQ(session_.make_snapshot().measured, Measured::layers);
    EXPECT_EQ(session_.make_snapshot().measured_lane, 1);
    ASSERT_TRUE(search());
    EXPECT_EQ(search()->measured, 3);
    EXPECT_EQ(search()->step, 4);
    EXPECT_EQ(search()->outcome, PrecisionSearch::Outcome::searching);
    while (session_.make_snapshot().measured == Measured::layers) work(1);
    EXPECT_EQ(session_.make_snapshot().next_step, 4) << "training waited";
    EXPECT_EQ(search()->outcome, PrecisionSearch::Outcome::reached);
    EXPECT_FALSE(search()->kept.empty());
    work(8);
    session_.apply(PauseCommand{});
    DirectRun direct;
    direct.steps(12);
    const Snapshot snapshot = session_.make_snapshot();
    ASSERT_EQ(snapshot.next_step, 12);
    for (std::size_t lane = 0; lane < 2; ++lane)
        EXPECT_EQ(snapshot.lanes[lane].signature, direct.signature(lane));

    // What was found is taken over like any other technique.
    const std::string kept = kept_layers_text(search()->layers, search()->kept);
    session_.apply(SetTechniqueCommand{"mixed", "keep_fp32", kept});
    EXPECT_TRUE(session_.make_snapshot().messages.empty());
    EXPECT_FALSE(session_.make_snapshot().lanes[1].techniques.keep_fp32.empty());
}

TEST_F(SessionMeasure, ASearchIsRefusedInWordsAndCancelled) {
    const auto last_message = [&] { return session_.make_snapshot().messages.back().text; };
    session_.apply(SearchPrecisionCommand{"fp32", 0.01});
    EXPECT_NE(last_message().find("stores everything in FP32"), std::string::npos) << last_message();
    for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
        session_.apply(SearchPrecisionCommand{"mixed", bad});
        EXPECT_NE(last_message().find("a number above 0"), std::string::npos) << last_message();
    }
    EXPECT_FALSE(session_.has_work());
    session_.apply(SearchPrecisionCommand{"mixed", 1e-5});
    work(4);
    session_.apply(CancelCommand{});
    EXPECT_FALSE(session_.has_work());
    EXPECT_EQ(session_.make_snapshot().lanes[1].search->measured, 4) << "what was measured stays";
    session_.apply(SweepScalesCommand{"mixed"});
    session_.apply(SearchPrecisionCommand{"mixed", 1e-5});
    EXPECT_EQ(session_.make_snapshot().measured, Measured::layers) << "the later one";
}

}  // namespace
}  // namespace halfscope
