#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "tiny_workload.h"
#include "train/input_error.h"
#include "train/lane.h"

namespace halfscope {
namespace {

class LaneToggle : public ::testing::Test {
  protected:
    void run(Lane& lane, int from, int to) {
        for (int step = from; step < to; ++step) lane.step(step, workload->training_batch(step), {});
    }
    std::vector<Event> set(Lane& lane, const std::string& key, const std::string& value, int step) {
        Techniques techniques = lane.techniques();
        EXPECT_EQ(set_technique(techniques, key, value), "");
        return lane.set_techniques(techniques, step);
    }

    std::unique_ptr<Backend> backend = make_cpu_backend(2);
    std::shared_ptr<const Workload> workload = tiny_workload();
};

TEST_F(LaneToggle, SameValueChangesNothing) {
    Lane lane(*backend, workload, "a", Techniques{});
    Lane untouched(*backend, workload, "b", Techniques{});
    for (int step = 0; step < 10; ++step) {
        for (const TechniqueKey& key : technique_keys()) {
            if (key.name == "scaler") continue;  // sets the others too
            EXPECT_TRUE(set(lane, key.name, technique_value(lane.techniques(), key.name), step).empty());
        }
        run(lane, step, step + 1);
        run(untouched, step, step + 1);
    }
    EXPECT_EQ(lane.signature(), untouched.signature());
}

TEST_F(LaneToggle, ThereAndBackBetweenTwoStepsLosesNothing) {
    const std::pair<const char*, const char*> toggles[] = {{"storage", "fp32"},
                                                           {"storage", "bf16"},
                                                           {"accumulate", "fp16"},
                                                           {"reductions", "storage"},
                                                           {"on_nonfinite", "apply"},
                                                           {"clip_norm", "0.1"},
                                                           {"loss_reduction", "sum"},
                                                           {"eps_format", "storage"},
                                                           {"decay_order", "before-unscale"},
                                                           {"schedule_on_skip", "advance"},
                                                           {"subnormals", "flush"}};
    for (const auto& [key, value] : toggles) {
        Lane lane(*backend, workload, "a", Techniques{});
        Lane untouched(*backend, workload, "b", Techniques{});
        run(lane, 0, 5);
        run(untouched, 0, 5);
        const std::string before = technique_value(lane.techniques(), key);
        const std::vector<Event> events = set(lane, key, value, 5);
        ASSERT_FALSE(events.empty());
        EXPECT_EQ(events[0].kind, EventKind::toggle);
        EXPECT_EQ(events[0].step, 5);
        EXPECT_EQ(events[0].lane, "a");
        EXPECT_EQ(events[0].detail, std::string(key) + ": " + before + " -> " + value);
        set(lane, key, before, 5);
        run(lane, 5, 10);
        run(untouched, 5, 10);
        EXPECT_EQ(lane.signature(), untouched.signature()) << key << "=" << value;
    }
}

TEST_F(LaneToggle, EffectiveAtTheNextStep) {
    // Two lanes that agree from step 5 on have the same techniques; before, they must differ.
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    Lane other(*backend, workload, "b", parse_techniques("mixed,accumulate=fp16"));
    run(lane, 0, 5);
    run(other, 0, 5);
    EXPECT_NE(lane.signature(), other.signature());
    other.copy_state_from(lane);
    EXPECT_EQ(lane.signature(), other.signature());
    set(lane, "accumulate", "fp16", 5);
    run(lane, 5, 10);
    run(other, 5, 10);
    EXPECT_EQ(lane.signature(), other.signature());
}

TEST_F(LaneToggle, MasterOffRoundsOnceAndOnStartsFromTheRounded) {
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    run(lane, 0, 8);
    const std::vector<float> master = lane.parameter("fc2.weight");
    const std::uint64_t moments = lane.memory()[MemoryCategory::optimizer_state];
    std::vector<Event> events = set(lane, "master_weights", "off", 8);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_NE(events[1].detail.find("rounded once to fp16"), std::string::npos);
    const std::vector<float> rounded = lane.parameter("fc2.weight");
    int changed = 0;
    for (std::size_t i = 0; i < master.size(); ++i) {
        EXPECT_EQ(rounded[i], round_to_fp16(master[i]));
        changed += rounded[i] != master[i] ? 1 : 0;
    }
    EXPECT_GT(changed, 0);
    EXPECT_EQ(lane.memory()[MemoryCategory::master_weights], 0u);
    events = set(lane, "master_weights", "on", 8);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_NE(events[1].detail.find("starts from the current weights as rounded to fp16"), std::string::npos);
    EXPECT_EQ(lane.parameter("fc2.weight"), rounded);
    EXPECT_EQ(lane.memory()[MemoryCategory::optimizer_state], moments);
    run(lane, 8, 12);
    const std::vector<float> later = lane.parameter("fc2.weight");
    int beyond_fp16 = 0;
    for (float value : later) beyond_fp16 += round_to_fp16(value) != value ? 1 : 0;
    EXPECT_GT(beyond_fp16, static_cast<int>(later.size()) / 2);
}

TEST_F(LaneToggle, MomentsSurviveAFormatChange) {
    // Rounded to FP16 and back they differ a little; lost they would restart Adam's warm-up.
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    Lane untouched(*backend, workload, "b", parse_techniques("mixed"));
    run(lane, 0, 20);
    run(untouched, 0, 20);
    set(lane, "master_weights", "off", 20);
    set(lane, "master_weights", "on", 20);
    const std::vector<float> start = untouched.parameter("head.weight");
    run(lane, 20, 21);
    run(untouched, 20, 21);
    const std::vector<float> a = lane.parameter("head.weight"), b = untouched.parameter("head.weight");
    for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_NEAR(a[i] - round_to_fp16(start[i]), b[i] - start[i],
                    2e-5f + 0.05f * std::abs(b[i] - start[i]));
    }
}

TEST_F(LaneToggle, RefusalLeavesTheLaneAsItWas) {
    Lane lane(*backend, workload, "a", parse_techniques("mixed,accumulate=fp16"));
    run(lane, 0, 2);
    const std::string before = lane.signature();
    Techniques techniques = lane.techniques();
    techniques.storage = Format::fp32;
    EXPECT_THROW(lane.set_techniques(techniques, 2), InputError);
    EXPECT_EQ(lane.techniques().storage, Format::fp16);
    EXPECT_EQ(lane.signature(), before);
    EXPECT_THROW(Lane(*backend, workload, "b", techniques), InputError);
}

TEST_F(LaneToggle, LossScaleFollowsItsKeys) {
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    EXPECT_EQ(lane.loss_scale(), 32768.0);
    lane.multiply_loss_scale(0.5);
    EXPECT_EQ(lane.loss_scale(), 16384.0);
    set(lane, "growth_interval", "7", 0);
    EXPECT_EQ(lane.loss_scale(), 16384.0);
    EXPECT_EQ(lane.steps_until_growth(), 7);
    set(lane, "loss_scaling", "static", 0);
    EXPECT_EQ(lane.loss_scale(), 32768.0);
    EXPECT_EQ(lane.steps_until_growth(), -1);
    set(lane, "loss_scale", "8", 0);
    EXPECT_EQ(lane.loss_scale(), 8.0);
    lane.multiply_loss_scale(4.0);
    EXPECT_EQ(lane.loss_scale(), 32.0);
    EXPECT_EQ(technique_value(lane.techniques(), "loss_scale"), "32");
    set(lane, "loss_scaling", "off", 0);
    EXPECT_EQ(lane.loss_scale(), 1.0);
    lane.multiply_loss_scale(4.0);
    EXPECT_EQ(lane.loss_scale(), 1.0);
    set(lane, "loss_scaling", "dynamic", 0);
    EXPECT_EQ(lane.loss_scale(), 32.0);
    for (int i = 0; i < 600; ++i) lane.multiply_loss_scale(2.0);
    EXPECT_EQ(lane.loss_scale(), 16777216.0);  // the cap of the custom scaler
    for (int i = 0; i < 600; ++i) lane.multiply_loss_scale(0.5);
    EXPECT_EQ(lane.loss_scale(), std::ldexp(1.0, -126));
}

TEST_F(LaneToggle, EveryKeyMayChangeBetweenAnyTwoSteps) {
    TinyOptions options;
    options.rows = 12;
    options.width = 6;
    options.layer_norm = true;
    options.dropout = 0.1f;
    const auto small = tiny_workload(options);
    std::mt19937 random(11);
    Lane lane(*backend, small, "a", Techniques{});
    const char* scales[] = {"1", "8", "2^10", "2^24", "2^-6"};
    int taken = 0;
    std::vector<int> taken_by_key(technique_keys().size(), 0);
    for (int step = 0; step < 6000; ++step) {
        const std::size_t index = random() % technique_keys().size();
        const TechniqueKey& key = technique_keys()[index];
        const std::size_t choice = random();
        Techniques techniques = lane.techniques();
        std::string value;
        if (key.kind == TechniqueKey::Kind::choice) {
            value = key.choices[choice % key.choices.size()];
        } else if (key.kind == TechniqueKey::Kind::nodes) {
            // Mostly none: with any, storage=fp32 is refused.
            const char* nodes[] = {"none", "none", "none", "none", "op:linear", "op:sigmoid+op:layer_norm",
                                   "head"};
            value = nodes[choice % std::size(nodes)];
        } else if (key.name == "loss_scale" || key.name == "min_scale" || key.name == "max_scale") {
            value = choice % 4 == 0 && !key.choices.empty() ? "none" : scales[choice % std::size(scales)];
        } else if (key.name == "backoff_factor") {
            value = choice % 2 ? "0.5" : "0.25";
        } else {
            value = choice % 2 ? "2" : "5";
        }
        ASSERT_EQ(set_technique(techniques, key.name, value), "") << key.name << "=" << value;
        if (refusal(techniques).empty()) {
            const std::vector<Event> events = lane.set_techniques(techniques, step);
            taken += events.empty() ? 0 : 1;
            taken_by_key[index] += events.empty() ? 0 : 1;
            ASSERT_EQ(lane.techniques(), techniques);
        } else {
            ASSERT_THROW(lane.set_techniques(techniques, step), InputError);
        }
        const StepResult result =
            lane.step(step, small->training_batch(step), {step % 4 == 0, step % 8 == 0});
        ASSERT_EQ(result.record.step, step);
        ASSERT_TRUE(std::isfinite(lane.loss_scale()));
        if (step % 50 == 0) lane.validate();
        // Poisoned weights would hide everything that comes after.
        if (std::isnan(lane.parameter("head.weight")[0]))
            lane = Lane(*backend, small, "a", lane.techniques());
    }
    EXPECT_GT(taken, 500);
    for (std::size_t i = 0; i < taken_by_key.size(); ++i)
        EXPECT_GT(taken_by_key[i], 0) << technique_keys()[i].name;
}

}  // namespace
}  // namespace halfscope
