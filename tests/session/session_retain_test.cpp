// Gradients kept whole as the window asks for them: published beside the lane, and without a trace.
#include <gtest/gtest.h>

#include "session/session_fixture.h"
#include "train/retained_values.h"

namespace halfscope {
namespace {

class SessionRetainTest : public ::testing::Test {
  protected:
    SessionRetainTest() { session_.begin(small_scenario(), RunState::paused); }
    void steps(int count) {
        session_.apply(StepCommand{count});
        while (session_.running()) session_.step();
    }
    LaneSnapshot mixed() { return session_.make_snapshot().lanes[1]; }

    FailingBackend backend_;
    Timeline timeline_;
    Session session_{backend_, timeline_, [](int, const StepRecord&) {}, [] {}};
};

TEST_F(SessionRetainTest, ALayerIsKeptAsOneTensorOfTheNextStep) {
    steps(3);
    session_.apply(RetainGradientsCommand{"mixed", ProbeKind::weight_gradient, {"fc1.weight", "fc1.bias"}});
    const LaneSnapshot lane = mixed();
    ASSERT_TRUE(lane.retained);
    EXPECT_EQ(lane.retained->step, 3);
    EXPECT_EQ(lane.retained->tensors, (std::vector<std::string>{"fc1.weight", "fc1.bias"}));
    EXPECT_EQ(lane.retained->values.count(), 2u * 8 + 8);
    DirectRun direct;
    direct.steps(3);
    EXPECT_EQ(lane.retained->loss_scale, direct.experiment.lanes()[1].loss_scale());
    EXPECT_FALSE(session_.make_snapshot().lanes[0].retained);
    steps(5);
    direct.steps(5);
    session_.apply(PauseCommand{});
    EXPECT_EQ(mixed().signature, direct.signature(1)) << "looking left a trace";
    EXPECT_TRUE(mixed().retained) << "it is kept until it is of other formats";
    session_.apply(SetTechniqueCommand{"mixed", "storage", "bf16"});
    EXPECT_FALSE(mixed().retained);
}

TEST_F(SessionRetainTest, WhatIsNotThereBecomesOneSentence) {
    session_.apply(RetainGradientsCommand{"mixed", ProbeKind::activation_gradient, {"fc9"}});
    const Snapshot snapshot = session_.make_snapshot();
    EXPECT_FALSE(snapshot.lanes[1].retained);
    EXPECT_EQ(snapshot.state, RunState::paused);
    EXPECT_EQ(snapshot.messages.back().text, "lane 'mixed' makes no activation_gradient 'fc9'");
}

}  // namespace
}  // namespace halfscope
