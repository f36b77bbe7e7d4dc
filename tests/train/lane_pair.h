// Two equal lanes on two backends, step by step: every figure of every step, and the weights, must be the
// same. Used by lane_replay_test.cpp and tests/gpu.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "train/experiment.h"

namespace halfscope {

inline void expect_same_step(const StepResult& found, const StepResult& expected) {
    const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    EXPECT_TRUE(same(found.record.loss, expected.record.loss));
    EXPECT_TRUE(same(found.record.grad_norm, expected.record.grad_norm));
    EXPECT_EQ(found.record.loss_scale, expected.record.loss_scale);
    EXPECT_EQ(found.record.skipped, expected.record.skipped);
    EXPECT_EQ(found.record.learning_rate, expected.record.learning_rate);
    EXPECT_EQ(found.record.overflow_layer, expected.record.overflow_layer);
    ASSERT_EQ(found.probes.size(), expected.probes.size());
    for (std::size_t i = 0; i < found.probes.size(); ++i) {
        const Probe &a = found.probes[i], &b = expected.probes[i];
        EXPECT_EQ(a.counts.own, b.counts.own) << a.tensor;
        EXPECT_EQ(a.counts.histogram, b.counts.histogram) << a.tensor;
        EXPECT_EQ(a.swallowed, b.swallowed) << a.tensor;
        EXPECT_TRUE(same(a.relative_error, b.relative_error)) << a.tensor;
    }
}

struct LanePair {
    Lane found, expected;
    std::shared_ptr<const Workload> workload;
    std::int64_t next = 0;
    int skips = 0;

    LanePair(Backend& found_on, Backend& expected_on, std::shared_ptr<const Workload> workload_in,
             const Techniques& techniques)
        : found(found_on, workload_in, "lane", techniques),
          expected(expected_on, workload_in, "lane", techniques),
          workload(std::move(workload_in)) {}

    /// Every third step is probed, every sixth has a shadow pass.
    void steps(int count) {
        for (int i = 0; i < count; ++i, ++next) {
            SCOPED_TRACE("step " + std::to_string(next));
            std::vector<Batch> batches;
            const std::int64_t parts = workload->micro_batches();
            for (std::int64_t part = 0; part < parts; ++part)
                batches.push_back(workload->training_batch(next * parts + part));
            const StepRequest request{next % 3 == 0, next % 6 == 0};
            const StepResult result = expected.step(next, batches, request);
            skips += result.record.skipped;
            expect_same_step(found.step(next, batches, request), result);
            ASSERT_EQ(found.signature(), expected.signature());
        }
    }
    void toggle(const std::string& techniques) {
        found.set_techniques(parse_techniques(techniques), next);
        expected.set_techniques(parse_techniques(techniques), next);
    }
};

}  // namespace halfscope
