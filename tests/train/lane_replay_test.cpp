// Steps whose calls are recorded once and played back (Backend::repeat): every figure of every step, and the
// weights, are those of steps that are made anew.
#include <gtest/gtest.h>

#include "lane_pair.h"
#include "replaying_backend.h"
#include "tiny_workload.h"

namespace halfscope {
namespace {

/// One lane that is played back, one that is not.
struct Pair {
    ReplayingBackend replaying;
    std::unique_ptr<Backend> plain = make_cpu_backend(2);
    LanePair lanes;

    Pair(std::shared_ptr<const Workload> workload, const Techniques& techniques)
        : lanes(replaying, *plain, std::move(workload), techniques) {}
};

std::shared_ptr<const Workload> tiny() {
    TinyOptions options;
    options.dropout = 0.2f;
    options.layer_norm = true;
    options.schedule = true;
    options.optimizer.kind = OptimizerKind::adamw;
    options.optimizer.weight_decay = 0.01f;
    return tiny_workload(options);
}

TEST(LaneReplay, NothingOfAStepIsStale) {
    for (const char* techniques :
         {"fp32", "mixed,clip_norm=0.1", "fp16-scaled,update_rounding=stochastic",
          "bf16,update_rounding=kahan,master_weights=off", "autocast", "apex-o2",
          "mixed,clip_norm=0.1,clip_order=before-unscale,decay_order=before-unscale"}) {
        SCOPED_TRACE(techniques);
        Pair pair(tiny(), parse_techniques(techniques));
        pair.lanes.steps(13);
        if (HasFatalFailure()) return;
        EXPECT_EQ(pair.replaying.played, 15);
    }
}

TEST(LaneReplay, ASkipAScaleAndASliderRecordNothingAnew) {
    // Grows until it overflows, backs off, and grows again.
    const std::string text = "mixed,loss_scale=65536,growth_interval=1,growth_factor=16,max_scale=none";
    Pair pair(tiny(), parse_techniques(text));
    pair.lanes.steps(8);
    const int recorded = pair.replaying.recorded;
    EXPECT_EQ(recorded, 3) << "the step, counted and not, and the count of weights before it";
    pair.lanes.steps(16);
    EXPECT_GT(pair.lanes.skips, 1);
    for (Lane* lane : {&pair.lanes.found, &pair.lanes.expected}) lane->multiply_loss_scale(0.0625);
    pair.lanes.toggle(text + ",clip_norm=0.05");
    pair.lanes.steps(6);
    EXPECT_EQ(pair.replaying.recorded, recorded);
}

TEST(LaneReplay, WhatChangesTheCallsIsRecordedAnew) {
    Pair pair(tiny(), parse_techniques("mixed"));
    for (const char* techniques :
         {"mixed", "fp32", "mixed,subnormals=flush", "mixed,decay_order=before-unscale", "fp16-scaled",
          "fp16-scaled,update_rounding=stochastic", "mixed,accumulate=fp16", "autocast", "mixed"}) {
        SCOPED_TRACE(techniques);
        const int before = pair.replaying.recorded;
        pair.lanes.toggle(techniques);
        pair.lanes.steps(7);
        if (HasFatalFailure()) return;
        EXPECT_GT(pair.replaying.recorded, before);
    }
}

TEST(LaneReplay, EveryTechniqueSwitchedDuringTheRun) {
    Pair pair(tiny(), parse_techniques("mixed"));
    for (const TechniqueKey& key : technique_keys()) {
        for (const std::string& choice : key.choices) {
            Techniques techniques = parse_techniques("mixed");
            if (!set_technique(techniques, key.name, choice).empty() || !refusal(techniques).empty())
                continue;
            SCOPED_TRACE(key.name + "=" + choice);
            pair.lanes.toggle("mixed," + key.name + "=" + choice);
            pair.lanes.steps(4);
            if (HasFatalFailure()) return;
        }
    }
}

TEST(LaneReplay, ScenariosAndMicroBatches) {
    const std::pair<const char*, std::map<std::string, double>> scenarios[] = {
        {"spiral-mlp", {{"points", 256}, {"batch", 64}, {"micro_batches", 3}}},
        {"image-fit", {{"size", 16}, {"micro_batches", 2}}},
        {"char-gru", {{"hidden", 16}, {"time", 8}}},
        {"digits-cnn", {{"batch", 4}, {"size", 8}, {"channels", 4}, {"blocks", 1}}}};
    for (const auto& [name, parameters] : scenarios) {
        SCOPED_TRACE(name);
        ScenarioSettings settings;
        settings.parameters = parameters;
        Pair pair(find_scenario(name).create(settings), parse_techniques("mixed"));
        pair.lanes.steps(5);
        if (HasFatalFailure()) return;
        EXPECT_GT(pair.replaying.played, 0);
    }
}

}  // namespace
}  // namespace halfscope
