// What gru-finetune is for, as real runs of its whole schedule: row B of scenarios.md, every variant and
// seed. Prints the table it measured.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

struct Outcome {
    double start = 0, end = 0;      // validation loss, nats
    double swallowed_percent = -1;  // of the updates of one step in the middle, all tensors together
};
using Outcomes = std::map<std::string, Outcome>;

std::shared_ptr<const Workload> finetuning(std::uint64_t seed, double learning_rate) {
    ScenarioSettings settings;
    settings.seed = seed;
    settings.parameters["lr"] = learning_rate;
    return find_scenario("gru-finetune").create(settings);
}

double swallowed_percent(const std::vector<Probe>& probes) {
    std::uint64_t updates = 0, swallowed = 0;
    for (const Probe& probe : probes) {
        updates += probe.updates;
        swallowed += probe.swallowed;
    }
    return updates == 0 ? -1 : 100.0 * static_cast<double>(swallowed) / static_cast<double>(updates);
}

/// Up to four lanes, by name, after the scenario's own schedule.
void train(Backend& backend, const std::shared_ptr<const Workload>& workload,
           const std::vector<std::pair<std::string, std::string>>& variants, Outcomes& outcomes) {
    std::vector<LaneSpec> specs;
    for (const auto& [name, techniques] : variants) specs.push_back({name, parse_techniques(techniques)});
    Experiment experiment(backend, workload, specs);
    for (Lane& lane : experiment.lanes()) outcomes[lane.name()].start = lane.validate().validation_loss;
    const std::int64_t steps = workload->info().steps;
    while (experiment.next_step() < steps) {
        StepRequest request;
        request.probe = experiment.next_step() == steps / 2;
        const std::vector<StepResult> results = experiment.step(request);
        for (std::size_t lane = 0; request.probe && lane < results.size(); ++lane) {
            outcomes[experiment.lanes()[lane].name()].swallowed_percent =
                swallowed_percent(results[lane].probes);
        }
    }
    for (Lane& lane : experiment.lanes()) outcomes[lane.name()].end = lane.validate().validation_loss;
}

void print(std::uint64_t seed, const Outcomes& outcomes) {
    for (const auto& [name, outcome] : outcomes) {
        std::printf("seed %d  %-15s %.3f -> %.3f  swallowed %5.1f%%\n", static_cast<int>(seed), name.c_str(),
                    outcome.start, outcome.end, outcome.swallowed_percent);
    }
}

class FinetuneEffects : public testing::TestWithParam<std::uint64_t> {
  protected:
    std::unique_ptr<Backend> backend_ = make_cpu_backend(0);
};

TEST_P(FinetuneEffects, WithoutMasterWeightsMostOfTheProgressIsLost) {
    const auto workload = finetuning(GetParam(), 1e-5);
    Outcomes outcomes;
    train(*backend_, workload,
          {{"fp32", "fp32"},
           {"mixed", "mixed"},
           {"fp16 no master", "fp16-scaled"},
           {"stochastic", "fp16-scaled,update_rounding=stochastic"}},
          outcomes);
    train(*backend_, workload,
          {{"kahan", "fp16-scaled,update_rounding=kahan"},
           {"bf16 no master", "bf16,master_weights=off"},
           {"bf16", "bf16"}},
          outcomes);
    print(GetParam(), outcomes);

    const double start = outcomes["fp32"].start, end = outcomes["fp32"].end, progress = start - end;
    EXPECT_NEAR(start, 4.44, 0.05);
    EXPECT_NEAR(end, 3.97, 0.05);
    for (const char* name : {"mixed", "stochastic", "kahan", "bf16"}) {
        EXPECT_NEAR(outcomes[name].end, end, 0.005) << name;
    }
    EXPECT_NEAR(outcomes["fp16 no master"].start, start, 0.005);
    EXPECT_NEAR((start - outcomes["fp16 no master"].end) / progress, 0.15, 0.05);
    EXPECT_NEAR((outcomes["bf16 no master"].start - outcomes["bf16 no master"].end) / progress, 0.01, 0.02);
    EXPECT_NEAR(outcomes["fp16 no master"].swallowed_percent, 90, 3);
    EXPECT_NEAR(outcomes["bf16 no master"].swallowed_percent, 99, 0.8);
}
INSTANTIATE_TEST_SUITE_P(Seeds, FinetuneEffects, testing::Values(0, 1, 2));

TEST_F(FinetuneEffects, ATenfoldRateLooksFinishedAndHidesMostOfTheDifference) {
    const auto workload = finetuning(0, 1e-4);
    Outcomes outcomes;
    train(*backend_, workload, {{"fp32", "fp32"}, {"mixed", "mixed"}, {"fp16 no master", "fp16-scaled"}},
          outcomes);
    print(0, outcomes);
    const double start = outcomes["fp32"].start, end = outcomes["fp32"].end;
    EXPECT_LT(end, 2.0);
    EXPECT_NEAR(outcomes["mixed"].end, end, 0.005);
    EXPECT_NEAR((start - outcomes["fp16 no master"].end) / (start - end), 0.88, 0.05);
}

/// char-gru trains from scratch on the text that pretraining reads.
TEST_F(FinetuneEffects, TheStartingWeightsKnowTheFirstText) {
    const auto workload = finetuning(0, 1e-5);
    // Of one seed both read the same text, and the second text brings no letter of its own.
    Lane lane(*backend_, find_scenario("char-gru").create({}), "fp32", parse_techniques("fp32"));
    lane.load_parameters(*workload->starting_weights());
    const double loss = lane.validate().validation_loss;
    std::printf("seed 0, validation loss on the first text: %.3f\n", loss);
    EXPECT_NEAR(loss, 0.57, 0.03);
}

}  // namespace
}  // namespace halfscope
