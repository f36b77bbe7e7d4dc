// The CUDA device against the CPU's: with exact products every operation, update and count has the CPU's
// bits, and so has a whole training run; with cuBLAS products agree within the rounding of their sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "backend/cuda_module.h"
#include "device_agreement.h"
#include "train/experiment.h"
#include "train/lane_plan.h"

namespace halfscope {
namespace {

std::unique_ptr<Backend> open(bool exact) {
    std::string why_not;
    return open_cuda_backend({exact}, why_not);
}
std::unique_ptr<Backend> open_exact() { return open(true); }

class CudaDevice : public testing::Test {
  protected:
    void SetUp() override {
        std::string why_not;
        const std::unique_ptr<Backend> backend = open_cuda_backend({}, why_not);
        if (!backend) GTEST_SKIP() << why_not;
        RecordProperty("device", backend->name());
    }
};

TEST_F(CudaDevice, OperationsHaveTheBitsOfTheCpuBackend) { expect_operations_agree(open_exact); }
TEST_F(CudaDevice, ConvolutionsHaveTheBitsOfTheCpuBackend) { expect_convolutions_agree(open_exact); }
TEST_F(CudaDevice, DropoutHasTheBitsOfTheCpuBackend) { expect_dropout_agrees(open_exact); }
TEST_F(CudaDevice, UpdatesHaveTheBitsOfTheCpuBackend) { expect_updates_agree(open_exact); }
TEST_F(CudaDevice, CountsAreThoseOfTheCpuBackend) { expect_counts_agree(open_exact); }
TEST_F(CudaDevice, ChecksAreThoseOfTheCpuBackend) { expect_checks_agree(open_exact); }
TEST_F(CudaDevice, LargeTensorsHaveTheBitsOfTheCpuBackend) { expect_large_tensors_agree(open_exact); }
TEST_F(CudaDevice, CrowdedCountsAreThoseOfTheCpuBackend) { expect_crowded_counts_agree(open_exact); }
TEST_F(CudaDevice, TallTensorsHaveTheBitsOfTheCpuBackend) { expect_tall_tensors_agree(open_exact); }

struct TrainedRun {
    std::vector<double> losses;
    std::vector<Probe> probes;
    std::string signature;
    double metric = 0;
};

TrainedRun train(Backend& backend, const std::string& scenario, const std::string& techniques, int steps,
                 const std::map<std::string, double>& parameters) {
    ScenarioSettings settings;
    settings.parameters = parameters;
    Experiment experiment(backend, find_scenario(scenario).create(settings),
                          {{"lane", parse_techniques(techniques)}});
    TrainedRun run;
    for (int step = 0; step < steps; ++step) {
        const bool last = step + 1 == steps;
        StepResult result = std::move(experiment.step({last, last})[0]);
        run.losses.push_back(result.record.loss);
        if (last) run.probes = std::move(result.probes);
    }
    run.signature = experiment.lanes()[0].signature();
    run.metric = experiment.lanes()[0].validate().metric;
    return run;
}

struct Workload {
    const char* scenario;
    std::map<std::string, double> parameters;
    const char* kept;  ///< nodes kept in FP32 beside others of 16 bits
};
const std::vector<Workload>& workloads() {
    static const std::vector<Workload> all{{"spiral-mlp", {{"points", 512}}, "fc2+fc3+sigmoid3"},
                                           {"image-fit", {}, "fc1+relu2+fc5"},
                                           {"char-gru", {{"hidden", 48}}, "gru"},
                                           {"digits-cnn", {{"batch", 8}}, "layer1.0.conv2+relu+fc"}};
    return all;
}

TEST_F(CudaDevice, AnExactRunHasTheBitsOfTheCpu) {
    const std::unique_ptr<Backend> cpu = make_cpu_backend(0), gpu = open_exact();
    for (const Workload& workload : workloads()) {
        const std::string kept = std::string("mixed,keep_fp32=") + workload.kept;
        for (const std::string& techniques :
             {std::string("fp32"), std::string("mixed"),
              std::string("fp16-scaled,update_rounding=stochastic"), std::string("bf16"),
              std::string("mixed,accumulate=fp16,reductions=storage"), kept}) {
            SCOPED_TRACE(std::string(workload.scenario) + ", " + techniques);
            const TrainedRun expected = train(*cpu, workload.scenario, techniques, 6, workload.parameters);
            const TrainedRun found = train(*gpu, workload.scenario, techniques, 6, workload.parameters);
            EXPECT_EQ(found.losses, expected.losses);
            EXPECT_EQ(found.signature, expected.signature);
            EXPECT_EQ(found.metric, expected.metric);
            ASSERT_EQ(found.probes.size(), expected.probes.size());
            for (std::size_t i = 0; i < found.probes.size(); ++i) {
                const Probe &a = found.probes[i], &b = expected.probes[i];
                SCOPED_TRACE(a.tensor);
                EXPECT_EQ(a.counts.own, b.counts.own);
                EXPECT_EQ(a.counts.fp16, b.counts.fp16);
                EXPECT_EQ(a.counts.histogram, b.counts.histogram);
                EXPECT_EQ(a.counts.min_abs, b.counts.min_abs);
                EXPECT_EQ(a.counts.max_abs, b.counts.max_abs);
                EXPECT_EQ(a.swallowed, b.swallowed);
                EXPECT_EQ(a.relative_error, b.relative_error);
                EXPECT_EQ(a.cosine, b.cosine);
            }
        }
    }
}

TEST_F(CudaDevice, FirstLossesThroughCublasAreTheCpus) {
    const std::unique_ptr<Backend> cpu = make_cpu_backend(0), gpu = open(false);
    for (const Workload& workload : workloads()) {
        // Measured on an H200: at most 1e-6, 1.3e-4 and 5e-4. digits-cnn is chaotic: at a learning rate of
        // 0.1 and so few pictures a batch, one rounding of FP32 has grown to 3e-2 after fifty steps.
        const bool is_chaotic = std::string(workload.scenario) == "digits-cnn";
        for (const auto& [techniques, limit] :
             {std::pair{std::string("fp32"), 1e-5}, std::pair{std::string("mixed"), 1e-3},
              std::pair{std::string("bf16"), 5e-3},
              std::pair{std::string("mixed,keep_fp32=") + workload.kept, 1e-3}}) {
            const double tolerance = is_chaotic ? 0.1 : limit;
            SCOPED_TRACE(std::string(workload.scenario) + ", " + techniques);
            const TrainedRun expected = train(*cpu, workload.scenario, techniques, 50, workload.parameters);
            const TrainedRun found = train(*gpu, workload.scenario, techniques, 50, workload.parameters);
            std::vector<double> errors;
            for (std::size_t i = 0; i < expected.losses.size(); ++i)
                errors.push_back(std::fabs(found.losses[i] - expected.losses[i]) /
                                 std::fabs(expected.losses[i]));
            std::sort(errors.begin(), errors.end());
            double mean = 0;
            for (const double error : errors) mean += error / static_cast<double>(errors.size());
            std::printf(
                "%s %s: relative difference of the first 50 losses: mean %.1e, 90%% %.1e, 99%% %.1e, max "
                "%.1e\n",
                workload.scenario, techniques.c_str(), mean, errors[45], errors[49], errors.back());
            EXPECT_LE(errors.back(), tolerance);
        }
    }
}

TEST_F(CudaDevice, RunsAreTheSameTwice) {
    const std::unique_ptr<Backend> gpu = open(false);
    for (const Workload& workload : workloads()) {
        const TrainedRun first = train(*gpu, workload.scenario, "mixed", 20, workload.parameters);
        const TrainedRun second = train(*gpu, workload.scenario, "mixed", 20, workload.parameters);
        EXPECT_EQ(first.signature, second.signature) << workload.scenario;
    }
}

/// What is checked before a lane is made against what the device has given when it has done everything.
void expect_no_more_memory(bool exact, const char* scenario, const std::map<std::string, double>& parameters,
                           const char* techniques) {
    SCOPED_TRACE(std::string(scenario) + " " + techniques + (exact ? " exact" : ""));
    constexpr std::uint64_t kOfLibraries = std::uint64_t{64} << 20;  // what they load at their first calls
    const std::unique_ptr<Backend> gpu = open(exact);
    ScenarioSettings settings;
    settings.parameters = parameters;
    const auto workload = find_scenario(scenario).create(settings);
    const LanePlans plans = plan_lane(*workload, parse_techniques(techniques));
    const auto passes = passes_of(*workload, plans);
    const std::uint64_t scratch = gpu->scratch_bytes(passes), before = gpu->available_bytes();
    Lane lane(*gpu, workload, "lane", parse_techniques(techniques));
    for (int step = 0; step < 2; ++step) lane.step(step, workload->training_batch(step), {true, true});
    lane.validate();
    EXPECT_LE(before - gpu->available_bytes(), plans.total_bytes() + scratch + kOfLibraries);
    EXPECT_LT(gpu->scratch_bytes(passes), scratch) << "what it has is not asked for again";
}

TEST_F(CudaDevice, ALaneTakesNoMoreMemoryThanWasAskedFor) {
    const std::map<std::string, double> pictures = {{"batch", 256}, {"size", 32}};
    for (const char* techniques : {"mixed", "fp32", "mixed,keep_fp32=op:conv2d"})
        expect_no_more_memory(false, "digits-cnn", pictures, techniques);
    expect_no_more_memory(true, "digits-cnn", pictures, "mixed");
    expect_no_more_memory(false, "char-gru", {{"batch", 256}, {"hidden", 256}}, "mixed");
    expect_no_more_memory(false, "spiral-mlp", {{"width", 1024}}, "mixed,keep_fp32=fc2");
}

TEST_F(CudaDevice, MemoryThatIsNotThereIsBadAlloc) {
    const std::unique_ptr<Backend> gpu = open(false);
    EXPECT_THROW(gpu->allocate(std::uint64_t{1} << 50), std::bad_alloc);
    // And the device goes on.
    void* const memory = gpu->allocate(16);
    const float values[4] = {1, 2, 3, 4};
    float back[4] = {};
    gpu->upload(memory, values, sizeof values);
    gpu->download(back, memory, sizeof back);
    gpu->release(memory);
    EXPECT_EQ(back[3], 4.0f);
}

}  // namespace
}  // namespace halfscope
