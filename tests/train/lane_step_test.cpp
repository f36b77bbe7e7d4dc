#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "ops/update_decision.h"
#include "tiny_workload.h"
#include "train/lane.h"
#include "train/optimizer_schedule.h"

namespace halfscope {
namespace {

std::string signature_after(int threads, const Techniques& techniques, const TinyOptions& options,
                            int steps) {
    const auto backend = make_cpu_backend(threads);
    const auto workload = tiny_workload(options);
    Lane lane(*backend, workload, "a", techniques);
    for (int step = 0; step < steps; ++step)
        lane.step(step, workload->training_batch(step), {step % 3 == 0, step % 5 == 0});
    return lane.signature();
}

bool has_event(const StepResult& result, EventKind kind) {
    for (const Event& event : result.events) {
        if (event.kind == kind) return true;
    }
    return false;
}

TEST(LaneStep, SameSeedSameBitsWithAnyThreads) {
    TinyOptions options;
    options.rows = 1500;  // enough for work to be shared
    options.width = 40;
    options.dropout = 0.2f;
    options.layer_norm = true;
    for (const char* text : {"fp32", "mixed", "bf16", "fp16-scaled,update_rounding=stochastic",
                             "mixed,accumulate=fp16,reductions=storage"}) {
        const Techniques techniques = parse_techniques(text);
        const std::string one = signature_after(1, techniques, options, 4);
        EXPECT_EQ(one.size(), 16u);
        EXPECT_EQ(one, signature_after(2, techniques, options, 4)) << text;
        EXPECT_EQ(one, signature_after(3, techniques, options, 4)) << text;
        TinyOptions other = options;
        other.seed = 1;
        EXPECT_NE(one, signature_after(2, techniques, other, 4)) << text;
    }
}

TEST(LaneStep, MeasuringChangesNothing) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.dropout = 0.3f;
    const auto workload = tiny_workload(options);
    for (const char* text :
         {"fp32", "mixed", "fp16", "fp16-scaled,update_rounding=kahan", "bf16,subnormals=flush"}) {
        Lane plain(*backend, workload, "plain", parse_techniques(text));
        Lane probed(*backend, workload, "probed", parse_techniques(text));
        for (int step = 0; step < 10; ++step) {
            const Batch batch = workload->training_batch(step);
            const StepResult a = plain.step(step, batch, {});
            const StepResult b = probed.step(step, batch, {true, true});
            EXPECT_EQ(a.record.loss, b.record.loss);
            EXPECT_TRUE(a.probes.empty());
            probed.validate();
            probed.view();
        }
        EXPECT_EQ(plain.signature(), probed.signature()) << text;
    }
}

TEST(LaneStep, LearnsInEveryFormat) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.rows = 192;
    options.width = 24;
    options.optimizer.learning_rate = 0.02f;
    const auto workload = tiny_workload(options);
    for (const char* text : {"fp32", "mixed", "bf16", "fp16-scaled", "paper", "fp32,matmul_input=tf32"}) {
        Lane lane(*backend, workload, "a", parse_techniques(text));
        double first = 0, last = 0;
        for (int step = 0; step < 300; ++step) {
            last = lane.step(step, workload->training_batch(step), {}).record.loss;
            if (step == 0) first = last;
        }
        EXPECT_NEAR(first, std::log(3.0), 0.3) << text;
        EXPECT_LT(last, 0.4) << text;
        EXPECT_GT(lane.validate().metric, 0.8) << text;
        EXPECT_EQ(lane.updates() + lane.skipped_steps(), 300);
    }
}

TEST(LaneStep, SkippedStepLeavesEveryBitAlone) {
    const auto backend = make_cpu_backend(2);
    const auto workload = tiny_workload();
    for (const char* text : {"mixed", "fp16-scaled", "fp16-scaled,update_rounding=kahan"}) {
        // Loss scale 2^24 times (p - 1) / 64 is infinite in FP16.
        Lane lane(*backend, workload, "a",
                  parse_techniques(std::string(text) + ",loss_scaling=static,loss_scale=2^24"));
        Lane calm(*backend, workload, "b",
                  parse_techniques(std::string(text) + ",loss_scaling=static,loss_scale=8"));
        const std::string before = lane.signature();
        for (int step = 0; step < 3; ++step) {
            const StepResult result = lane.step(step, workload->training_batch(step), {step == 1, false});
            EXPECT_TRUE(result.record.skipped);
            EXPECT_TRUE(has_event(result, EventKind::skip));
            EXPECT_FALSE(has_event(result, EventKind::nan));
            EXPECT_EQ(result.record.overflow_layer, "head");
            EXPECT_FALSE(std::isfinite(result.record.grad_norm));
            EXPECT_TRUE(std::isfinite(result.record.loss));
            for (const Probe& probe : result.probes) EXPECT_NE(probe.kind, ProbeKind::update);
        }
        EXPECT_EQ(lane.signature(), before);
        EXPECT_EQ(lane.skipped_steps(), 3);
        EXPECT_EQ(lane.updates(), 0);
        EXPECT_EQ(lane.loss_scale(), 16777216.0);
        // Moments too: from here both lanes do the same.
        lane.set_techniques(calm.techniques(), 3);
        for (int step = 3; step < 8; ++step) {
            lane.step(step, workload->training_batch(step), {});
            calm.step(step, workload->training_batch(step), {});
        }
        EXPECT_EQ(lane.signature(), calm.signature()) << text;
    }
}

TEST(LaneStep, AppliedOverflowPoisonsAndIsSaidOnce) {
    const auto backend = make_cpu_backend(2);
    const auto workload = tiny_workload();
    Lane lane(*backend, workload, "a",
              parse_techniques("mixed,loss_scaling=static,loss_scale=2^24,on_nonfinite=apply"));
    int nan_events = 0;
    for (int step = 0; step < 6; ++step) {
        const StepResult result = lane.step(step, workload->training_batch(step), {});
        EXPECT_FALSE(result.record.skipped);
        EXPECT_EQ(std::isnan(result.record.loss), step > 0) << step;
        for (const Event& event : result.events) nan_events += event.kind == EventKind::nan ? 1 : 0;
    }
    EXPECT_EQ(nan_events, 2);  // the poisoned weights, then the NaN loss
    EXPECT_TRUE(std::isnan(lane.parameter("head.weight")[0]));
    EXPECT_EQ(lane.updates(), 6);
}

TEST(LaneStep, DynamicScaleRecoversFromTheTop) {
    const auto backend = make_cpu_backend(2);
    const auto workload = tiny_workload();
    Lane lane(*backend, workload, "a", parse_techniques("mixed,loss_scale=2^24,growth_interval=10"));
    int growths = 0, backoffs = 0;
    for (int step = 0; step < 60; ++step) {
        const std::int32_t left = lane.steps_until_growth();
        const StepResult result = lane.step(step, workload->training_batch(step), {});
        EXPECT_EQ(has_event(result, EventKind::skip), result.record.skipped);
        EXPECT_EQ(has_event(result, EventKind::backoff), result.record.skipped);
        EXPECT_EQ(has_event(result, EventKind::growth), !result.record.skipped && left == 1);
        growths += has_event(result, EventKind::growth) ? 1 : 0;
        backoffs += result.record.skipped ? 1 : 0;
    }
    EXPECT_GE(backoffs, 1);
    EXPECT_GE(growths, 1);
    EXPECT_EQ(lane.loss_scale(), std::exp2(24 - backoffs + growths));
    EXPECT_EQ(lane.skipped_steps(), backoffs);
}

// scenarios.md F: too large a scale, on the deep sigmoid MLP of A.
TEST(LaneStep, TwoToThe24IsTooMuch) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.rows = 8192;
    options.width = 32;
    options.hidden_layers = 5;
    options.optimizer.learning_rate = 5e-3f;
    const auto workload = tiny_workload(options);
    const Batch batch = workload->training_batch(0);
    Lane skips(*backend, workload, "a", parse_techniques("mixed,loss_scaling=static,loss_scale=2^24"));
    Lane applies(*backend, workload, "b",
                 parse_techniques("mixed,loss_scaling=static,loss_scale=2^24,on_nonfinite=apply"));
    Lane recovers(*backend, workload, "c", parse_techniques("mixed,loss_scale=2^24"));
    for (int step = 0; step < 10; ++step) {
        EXPECT_TRUE(skips.step(step, batch, {}).record.skipped);
        EXPECT_EQ(std::isnan(applies.step(step, batch, {}).record.loss), step > 0);
        recovers.step(step, batch, {});
    }
    // The 5-7 skips of scenarios.md are those of 500 steps; most come at once.
    EXPECT_GE(recovers.skipped_steps(), 3);
    EXPECT_LE(recovers.skipped_steps(), 7);
    EXPECT_EQ(recovers.loss_scale(), std::exp2(24.0 - static_cast<double>(recovers.skipped_steps())));
}

TEST(LaneStep, InfinityMadeByUnscalingIsSeenByAllButPyTorch) {
    const auto backend = make_cpu_backend(1);
    const auto workload = std::make_shared<HugeWorkload>();
    const std::string rest = ",loss_scaling=static,loss_scale=2^-20,on_nonfinite=skip";
    Lane own(*backend, workload, "own", parse_techniques("fp32" + rest));
    Lane pytorch(*backend, workload, "pytorch", parse_techniques("fp32,scaler=pytorch" + rest));
    const StepResult seen = own.step(0, workload->training_batch(0), {});
    EXPECT_TRUE(seen.record.skipped);
    EXPECT_EQ(seen.record.overflow_layer, "fc1");
    const StepResult unseen = pytorch.step(0, workload->training_batch(0), {});
    EXPECT_FALSE(unseen.record.skipped);
    EXPECT_TRUE(has_event(unseen, EventKind::message));
    EXPECT_FALSE(std::isfinite(pytorch.parameter("fc1.weight")[0]));
    EXPECT_TRUE(std::isfinite(own.parameter("fc1.weight")[0]));
}

TEST(LaneStep, FloorErrorIsSaidOnce) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    Lane lane(*backend, workload, "a",
              parse_techniques("mixed,min_scale=2^24,loss_scale=2^24,at_floor=error"));
    int messages = 0;
    for (int step = 0; step < 4; ++step) {
        for (const Event& event : lane.step(step, workload->training_batch(step), {}).events) {
            messages += event.kind == EventKind::message ? 1 : 0;
        }
    }
    EXPECT_EQ(messages, 1);
    EXPECT_EQ(lane.loss_scale(), 16777216.0);
}

TEST(LaneStep, ScheduleHoldsOrAdvancesInSkippedSteps) {
    const auto backend = make_cpu_backend(1);
    TinyOptions options;
    options.schedule = true;
    options.optimizer.learning_rate = 1.0f;
    const auto workload = tiny_workload(options);
    for (bool advances : {false, true}) {
        const std::string order = advances ? "advance" : "hold";
        Lane lane(*backend, workload, "a",
                  parse_techniques("mixed,loss_scale=2^24,schedule_on_skip=" + order));
        std::int64_t updates = 0;
        for (int step = 0; step < 20; ++step) {
            const StepRecord record = lane.step(step, workload->training_batch(step), {}).record;
            const auto position = advances ? step : updates;
            EXPECT_EQ(record.learning_rate, static_cast<double>(1.0f - 0.01f * static_cast<float>(position)))
                << order;
            updates += record.skipped ? 0 : 1;
        }
        EXPECT_LT(updates, 20);
        EXPECT_EQ(updates, lane.updates());
    }
}

TEST(LaneStep, ClippingSeesWhatItsOrderSays) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.optimizer.kind = OptimizerKind::sgd;
    options.optimizer.momentum = 0.0f;
    options.optimizer.learning_rate = 1.0f;
    const auto workload = tiny_workload(options);
    for (bool before_unscale : {false, true}) {
        const std::string order = before_unscale ? "before-unscale" : "after-unscale";
        Lane lane(
            *backend, workload, "a",
            parse_techniques("fp32,loss_scaling=static,loss_scale=2^10,clip_norm=0.01,clip_order=" + order));
        std::vector<float> before;
        const Graph& graph = workload->training_graph();
        const auto all = [&] {
            std::vector<float> values;
            for (TensorId id : graph.parameters()) {
                for (float value : lane.parameter(graph.tensor(id).name)) values.push_back(value);
            }
            return values;
        };
        before = all();
        const StepResult result = lane.step(0, workload->training_batch(0), {});
        const std::vector<float> after = all();
        double squares = 0;
        for (std::size_t i = 0; i < after.size(); ++i)
            squares += std::pow(static_cast<double>(after[i] - before[i]), 2);
        ASSERT_GT(result.record.grad_norm, 0.02);
        const double expected = before_unscale ? 0.01 / 1024 : 0.01;
        // FP32 weights near 0.1 take steps of 1e-6 with an error of some 1e-9 each.
        EXPECT_NEAR(std::sqrt(squares) / expected, 1.0, before_unscale ? 0.02 : 1e-4) << order;
    }
}

TEST(LaneStep, ScaleIsFoldedOutAgain) {
    // A power of two changes no bit of an FP32 run.
    const auto backend = make_cpu_backend(2);
    const auto workload = tiny_workload();
    Lane plain(*backend, workload, "a", parse_techniques("fp32"));
    Lane scaled(*backend, workload, "b", parse_techniques("fp32,loss_scaling=static,loss_scale=2^12"));
    for (int step = 0; step < 10; ++step) {
        const StepRecord a = plain.step(step, workload->training_batch(step), {}).record;
        const StepRecord b = scaled.step(step, workload->training_batch(step), {}).record;
        EXPECT_EQ(a.loss, b.loss);
        EXPECT_DOUBLE_EQ(a.grad_norm, b.grad_norm);
    }
    EXPECT_EQ(plain.signature(), scaled.signature());
}

TEST(OptimizerSchedule, BiasCorrectionsAndClipFactor) {
    const auto workload = tiny_workload();
    for (std::int64_t update : {1, 2, 3, 10, 1000, 100000}) {
        const OptimizerStep step = scheduled_step(*workload, 0, update, Format::fp16);
        const double t = static_cast<double>(update);
        EXPECT_NEAR(step.bias_correction1, 1.0 - std::pow(static_cast<double>(0.9f), t), 1e-7);
        EXPECT_NEAR(step.bias_correction2 / (1.0 - std::pow(static_cast<double>(0.999f), t)), 1.0, 1e-6);
        EXPECT_EQ(step.state_format, Format::fp16);
    }
    EXPECT_EQ(clip_factor(100.0, 0.0f), 1.0f);
    EXPECT_EQ(clip_factor(0.5, 1.0f), 1.0f);
    EXPECT_NEAR(clip_factor(4.0, 1.0f), 0.25f, 1e-6f);
    EXPECT_TRUE(std::isnan(clip_factor(std::nan(""), 1.0f)));
    EXPECT_EQ(clip_factor(INFINITY, 1.0f), 0.0f);
}

TEST(LaneStep, WrongBatchIsRefused) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    Lane lane(*backend, workload, "a", Techniques{});
    Batch batch = workload->training_batch(0);
    batch.tensors[0].values.pop_back();
    EXPECT_THROW(lane.step(0, batch, {}), std::invalid_argument);
    batch.tensors.pop_back();
    EXPECT_THROW(lane.step(0, batch, {}), std::invalid_argument);
}

}  // namespace
}  // namespace halfscope
