// What the built-in scenarios are for, as real runs of seed 0 with their whole schedules: the rows of
// scenarios.md A and C that decide. scenario_table.cpp prints every variant and seed.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "backend/cpu_backend.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

/// The validation metric of one variant after the scenario's own schedule.
double metric_of(const std::string& scenario_name, const std::string& techniques) {
    static const std::unique_ptr<Backend> backend = make_cpu_backend(0);
    static std::map<std::string, std::shared_ptr<const Workload>> workloads;
    std::shared_ptr<const Workload>& workload = workloads[scenario_name];
    if (!workload) workload = find_scenario(scenario_name).create({});
    Experiment experiment(*backend, workload, {{"lane", parse_techniques(techniques)}});
    const auto steps = static_cast<std::int64_t>(workload->settings().parameters.at("steps"));
    while (experiment.next_step() < steps) experiment.step({});
    return experiment.lanes().front().validate().metric;
}

// A: accuracy, of which a third is a guess among three arms.
double accuracy(const std::string& techniques) { return metric_of("spiral-mlp", techniques); }

TEST(SpiralEffects, Fp32Learns) { EXPECT_GT(accuracy("fp32"), 0.99); }

TEST(SpiralEffects, Fp16WithoutLossScalingStallsWithAndWithoutMasterWeights) {
    EXPECT_LT(accuracy("fp16"), 0.75);
    EXPECT_LT(accuracy("fp16-master"), 0.75);
}

TEST(SpiralEffects, AFactorOfEightIsEnough) {
    EXPECT_GT(accuracy("mixed,loss_scaling=static,loss_scale=8"), 0.99);
}

TEST(SpiralEffects, DynamicScalingFindsItsScaleFromBelowAndFromTheTop) {
    EXPECT_GT(accuracy("mixed"), 0.99);
    EXPECT_GT(accuracy("mixed,loss_scale=2^24"), 0.99);
}

TEST(SpiralEffects, Bf16NeedsNoScaling) { EXPECT_GT(accuracy("bf16"), 0.99); }

// C: PSNR in dB. Differences against FP32 of the same seed; the figures of scenarios.md within 0.5 dB.
TEST(ImageEffects, MasterWeightsOrBetterRoundingKeepThePicture) {
    const double fp32 = metric_of("image-fit", "fp32");
    EXPECT_NEAR(metric_of("image-fit", "mixed") - fp32, 0.0, 0.2);
    EXPECT_NEAR(metric_of("image-fit", "fp16-scaled,update_rounding=stochastic") - fp32, 0.0, 0.2);
    EXPECT_NEAR(metric_of("image-fit", "fp16-scaled,update_rounding=kahan") - fp32, 0.0, 0.2);
    EXPECT_NEAR(metric_of("image-fit", "bf16") - fp32, 0.0, 0.2);
    EXPECT_NEAR(metric_of("image-fit", "fp16-scaled") - fp32, -1.8, 0.5);
    EXPECT_NEAR(metric_of("image-fit", "bf16,master_weights=off") - fp32, -7.1, 1.0);
}

}  // namespace
}  // namespace halfscope
