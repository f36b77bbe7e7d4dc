#include "train/experiment.h"

#include <gtest/gtest.h>

#include "backend/cpu_backend.h"
#include "tiny_workload.h"
#include "train/input_error.h"
#include "train/signature.h"

namespace halfscope {
namespace {

class ExperimentTest : public ::testing::Test {
  protected:
    static std::string refusal_of(const std::function<void()>& attempt) {
        try {
            attempt();
        } catch (const InputError& error) {
            return error.what();
        }
        return "nothing was refused";
    }

    std::unique_ptr<Backend> backend = make_cpu_backend(2);
    std::shared_ptr<const Workload> workload = tiny_workload();
};

TEST_F(ExperimentTest, LanesShareInitialWeightsAndBatches) {
    Experiment experiment(*backend, workload,
                          {{"one", parse_techniques("fp32")},
                           {"two", parse_techniques("fp32")},
                           {"mixed", parse_techniques("mixed")}});
    // A master copy starts from the unrounded initial weights.
    EXPECT_EQ(experiment.lane("one").signature(), experiment.lane("mixed").signature());
    for (int step = 0; step < 5; ++step) {
        EXPECT_EQ(experiment.next_step(), step);
        const std::vector<StepResult> results = experiment.step({});
        ASSERT_EQ(results.size(), 3u);
        EXPECT_EQ(results[0].record.loss, results[1].record.loss);
        EXPECT_EQ(results[2].record.step, step);
    }
    EXPECT_EQ(experiment.lane("one").signature(), experiment.lane("two").signature());
    EXPECT_NE(experiment.lane("one").signature(), experiment.lane("mixed").signature());
}

TEST_F(ExperimentTest, LanesDoNotDisturbEachOther) {
    Experiment together(*backend, workload,
                        {{"a", parse_techniques("mixed")}, {"b", parse_techniques("fp16")}});
    Experiment alone(*backend, workload, {{"b", parse_techniques("fp16")}});
    for (int step = 0; step < 6; ++step) {
        together.step({step % 2 == 0, true});
        alone.step({});
    }
    EXPECT_EQ(together.lane("b").signature(), alone.lane("b").signature());
}

TEST_F(ExperimentTest, BranchGoesOnAsItsOrigin) {
    Experiment experiment(*backend, workload,
                          {{"a", parse_techniques("mixed,loss_scale=2^24,growth_interval=4")}});
    for (int step = 0; step < 9; ++step) experiment.step({});
    Lane& branch = experiment.add_lane({"b", experiment.lane("a").techniques()}, &experiment.lane("a"));
    EXPECT_EQ(branch.signature(), experiment.lane("a").signature());
    EXPECT_EQ(branch.loss_scale(), experiment.lane("a").loss_scale());
    EXPECT_EQ(branch.skipped_steps(), experiment.lane("a").skipped_steps());
    EXPECT_EQ(branch.updates(), experiment.lane("a").updates());
    for (int step = 0; step < 9; ++step) experiment.step({});
    EXPECT_EQ(experiment.lane("b").signature(), experiment.lane("a").signature());
    EXPECT_EQ(experiment.lane("b").loss_scale(), experiment.lane("a").loss_scale());
    // With other techniques it starts from the same weights.
    Lane& wide = experiment.add_lane({"c", parse_techniques("fp32")}, &experiment.lane("a"));
    EXPECT_EQ(wide.signature(), experiment.lane("a").signature());
    // Without an origin it starts from the beginning.
    Lane& fresh = experiment.add_lane({"d", parse_techniques("mixed")}, nullptr);
    EXPECT_EQ(fresh.signature(), Lane(*backend, workload, "x", Techniques{}).signature());
    EXPECT_NE(refusal_of([&] {
                  experiment.add_lane({"e", Techniques{}}, nullptr);
              }).find("at most 4"),
              std::string::npos);
}

TEST_F(ExperimentTest, NamesAreChecked) {
    const Techniques mixed;
    EXPECT_NE(refusal_of([&] { Experiment(*backend, workload, {}); }).find("at least one"),
              std::string::npos);
    EXPECT_NE(refusal_of([&] {
                  Experiment(*backend, workload, {{"", mixed}});
              }).find("needs a name"),
              std::string::npos);
    EXPECT_NE(refusal_of([&] {
                  Experiment(*backend, workload, {{"a", mixed}, {"a", mixed}});
              }).find("two lanes are named 'a'"),
              std::string::npos);
    EXPECT_NE(refusal_of([&] {
                  Experiment(*backend, workload,
                             {{"a", mixed}, {"b", mixed}, {"c", mixed}, {"d", mixed}, {"e", mixed}});
              }).find("at most 4"),
              std::string::npos);
    Techniques nonsense;
    nonsense.matmul_input = MatmulInput::tf32;
    EXPECT_NE(refusal_of([&] {
                  Experiment(*backend, workload, {{"a", nonsense}});
              }).find("lane 'a': matmul_input=tf32"),
              std::string::npos);
    Experiment experiment(*backend, workload, {{"left", mixed}, {"right", mixed}});
    EXPECT_NE(refusal_of([&] { experiment.lane("rihgt"); }).find("did you mean 'right'"), std::string::npos);
    EXPECT_NE(refusal_of([&] { experiment.rename_lane("left", "right"); }).find("already"),
              std::string::npos);
    EXPECT_NE(refusal_of([&] { experiment.rename_lane("left", ""); }).find("needs a name"),
              std::string::npos);
    EXPECT_NE(refusal_of([&] {
                  experiment.add_lane({"right", mixed}, nullptr);
              }).find("already"),
              std::string::npos);
    experiment.rename_lane("left", "left");
    experiment.rename_lane("left", "first");
    EXPECT_EQ(experiment.lanes()[0].name(), "first");
    experiment.remove_lane("first");
    EXPECT_EQ(experiment.lanes().size(), 1u);
    EXPECT_EQ(experiment.lanes()[0].name(), "right");
    EXPECT_NE(refusal_of([&] { experiment.remove_lane("right"); }).find("last lane"), std::string::npos);
    experiment.step({});
}

TEST_F(ExperimentTest, ParametersByName) {
    Experiment experiment(*backend, workload, {{"a", Techniques{}}});
    EXPECT_EQ(experiment.lane("a").parameter("fc1.weight").size(), 32u);
    EXPECT_NE(refusal_of([&] { experiment.lane("a").parameter("fc9.weight"); }).find("fc9.weight"),
              std::string::npos);
}

TEST_F(ExperimentTest, ViewsComeFromTheEvaluationGraph) {
    Experiment experiment(*backend, workload, {{"a", parse_techniques("fp32")}});
    const std::string before = experiment.lane("a").view().text;
    EXPECT_EQ(experiment.lane("a").view().text, before);
    for (int step = 0; step < 5; ++step) experiment.step({});
    EXPECT_NE(experiment.lane("a").view().text, before);
    const Metric metric = experiment.lane("a").validate();
    EXPECT_GE(metric.metric, 0.0);
    EXPECT_LE(metric.metric, 1.0);
}

// FNV-1a by its published test vectors: the bytes of "foobar" and of "\0\0\0\0" as FP32 values.
TEST(SignatureTest, IsFnv1a) {
    EXPECT_EQ(Signature{}.text(), "cbf29ce484222325");
    Signature zeros;
    const float zero = 0.0f;
    zeros.add({&zero, 1});
    EXPECT_EQ(zeros.text(), "4d25767f9dce13f5");  // FNV-1a 64 of four zero bytes
    Signature negative;
    const float minus = -0.0f;
    negative.add({&minus, 1});
    EXPECT_NE(negative.text(), zeros.text());
}

}  // namespace
}  // namespace halfscope
