// The update that is looked at is the update that the next step makes, bit for bit, whatever the techniques;
// and looking changes nothing.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "tiny_workload.h"
#include "train/experiment.h"
#include "train/input_error.h"
#include "train/update_peek.h"

namespace halfscope {
namespace {

std::shared_ptr<const Workload> workload_of(OptimizerKind kind) {
    TinyOptions options;
    options.dropout = 0.2f;
    options.layer_norm = true;
    options.schedule = true;
    options.optimizer.kind = kind;
    options.optimizer.weight_decay = 0.01f;
    return tiny_workload(options);
}

std::vector<std::string> parameters_of(const Workload& workload) {
    std::vector<std::string> names;
    for (TensorId id : workload.training_graph().parameters())
        names.push_back(workload.training_graph().tensor(id).name);
    return names;
}

/// The same numbers; a NaN is a NaN (apex-o3's eps of 1e-8 is zero in FP16).
void expect_same(const std::vector<float>& found, const std::vector<float>& expected,
                 const std::string& name) {
    ASSERT_EQ(found.size(), expected.size()) << name;
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_TRUE(found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i])))
            << name << "[" << i << "]: " << found[i] << " " << expected[i];
    }
}

TEST(LanePeek, IsWhatTheNextStepDoes) {
    const auto backend = make_cpu_backend(2);
    const char* const techniques[] = {"fp32",
                                      "fp16",
                                      "mixed",
                                      "bf16",
                                      "autocast",
                                      "apex-o2",
                                      "apex-o3",
                                      "fp16,update_rounding=stochastic",
                                      "fp16,update_rounding=kahan",
                                      "mixed,clip_norm=0.01",
                                      "mixed,loss_scaling=static,loss_scale=8,subnormals=flush",
                                      "mixed,decay_order=before-unscale"};
    for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
        const auto workload = workload_of(kind);
        for (const char* text : techniques) {
            SCOPED_TRACE(text);
            Lane lane(*backend, workload, "a", parse_techniques(text));
            Lane plain(*backend, workload, "b", parse_techniques(text));
            for (int step = 0; step < 4; ++step) {
                const Batch batch = workload->training_batch(step);
                std::vector<UpdatePeek> peeks;
                for (const std::string& name : parameters_of(*workload))
                    peeks.push_back(lane.peek_update(name, step, std::span(&batch, 1)));
                const StepResult made = lane.step(step, batch, {true, false});
                plain.step(step, batch, {});
                for (const UpdatePeek& peek : peeks) {
                    expect_same(peek.next, lane.parameter(peek.tensor), peek.tensor);
                    EXPECT_EQ(peek.is_skipped, made.record.skipped);
                    if (made.record.skipped) continue;
                    const FateCounts fates = count_fates(peek);
                    for (const Probe& probe : made.probes) {
                        if (probe.tensor != peek.tensor || probe.kind != ProbeKind::update) continue;
                        EXPECT_EQ(fates.swallowed, probe.swallowed) << peek.tensor;
                        const auto elements = static_cast<std::uint64_t>(peek.rows * peek.cols);
                        EXPECT_EQ(fates.none + fates.swallowed + fates.rounded + fates.exact, elements);
                        EXPECT_EQ(fates.none, probe.counts.own.true_zero) << peek.tensor;
                    }
                }
            }
            EXPECT_EQ(lane.signature(), plain.signature()) << "looking left a trace";
        }
    }
}

TEST(LanePeek, OfASkippedStepNothingChanges) {
    const auto backend = make_cpu_backend(1);
    const auto workload = workload_of(OptimizerKind::adam);
    Lane lane(*backend, workload, "a",
              parse_techniques("mixed,loss_scaling=static,loss_scale=16777216,max_scale=none"));
    const Batch batch = workload->training_batch(0);
    const std::string name = parameters_of(*workload).front();
    const UpdatePeek peek = lane.peek_update(name, 0, std::span(&batch, 1));
    ASSERT_TRUE(peek.is_skipped);
    EXPECT_EQ(peek.next, peek.weight);
    EXPECT_THROW(lane.peek_update("nothing", 0, std::span(&batch, 1)), InputError);
}

TEST(LanePeek, TheFateOfAnUpdateFollowsThe2048Rule) {
    const auto fate = [](float w, float d) { return fate_of(Format::fp16, Subnormals::keep, w, d); };
    // numerics.md "The 2048 rule, corrected".
    EXPECT_EQ(fate(1.0f, 1.0f / 2047), UpdateFate::rounded);
    EXPECT_EQ(fate(1.0f, 1.0f / 2048), UpdateFate::swallowed) << "a tie, to the even 1";
    EXPECT_EQ(fate(1.5f, 1.5f / 2049), UpdateFate::rounded);
    EXPECT_EQ(fate(1.5f, 1.5f / 4095), UpdateFate::swallowed);
    EXPECT_EQ(fate(1.0f, -1.0f / 4095), UpdateFate::rounded) << "below a power of two numbers are closer";
    EXPECT_EQ(fate(1.0f, -1.0f / 4097), UpdateFate::swallowed);
    EXPECT_EQ(fate(1.0f, 0x1p-10f), UpdateFate::exact);
    EXPECT_EQ(fate(1.0f, 0.0f), UpdateFate::none);
    EXPECT_EQ(fate(0.0f, 0x1p-26f), UpdateFate::rounded) << "no weight swallows it: it is flushed";
}

/// Alternatives of one element against trying them out.
TEST(LanePeek, AlternativesAreWhatTryingThemOutGives) {
    UpdatePeek peek;
    peek.format = Format::fp16;
    peek.loss_scale = 1024;
    const float weights[] = {1.0f, 1.5f, -0.3330078125f, 0.0f, 3.0517578125e-05f, 1000.0f, -2.0f};
    const float updates[] = {1e-4f, -3e-4f, 0.01f, 1e-7f, -1e-6f, 5e-8f};
    for (const float w : weights) {
        for (const float d : updates) {
            peek.weight = peek.stored = {w};
            peek.update = {d};
            peek.gradient = {3e-3f};
            const UpdateAlternatives found = alternatives_of(peek, 0);
            SCOPED_TRACE(testing::Message() << w << " + " << d);
            EXPECT_EQ(found.nearest, round_to_fp16(w + d));
            const double exact = static_cast<double>(w) + static_cast<double>(d);
            EXPECT_LE(static_cast<double>(found.lower), exact);
            EXPECT_GE(static_cast<double>(found.upper), exact);
            EXPECT_TRUE(found.nearest == found.lower || found.nearest == found.upper);
            // Between the two lies no other stored number.
            EXPECT_TRUE(found.lower == found.upper ||
                        round_to_fp16(std::nextafter(found.lower, 1e9f)) == found.lower);
            const double mean =
                static_cast<double>(found.lower) +
                found.probability_up * (static_cast<double>(found.upper) - static_cast<double>(found.lower));
            EXPECT_NEAR(mean, exact, 1e-12 * (1 + std::fabs(exact)))
                << "stochastic rounding is right on average";
            if (w + d == w) {
                EXPECT_EQ(found.updates_until_it_moves, 0.0) << "FP32 swallows it too";
                continue;
            }
            if (std::fabs(w) > 100) continue;  // there the master's own rounding tells
            // A master copy: so many updates, one after the other, until its rounded copy moves.
            double master = static_cast<double>(w);
            int needed = 0;
            while (needed < 2000000 && round_to_fp16(static_cast<float>(master)) == w) {
                master += static_cast<double>(d);
                ++needed;
            }
            // At a tie the even neighbour decides: one more may be needed.
            EXPECT_NEAR(found.updates_until_it_moves, needed, 1.0);
        }
    }
    // The gradient 3e-3 / 1024 is stored as zero below that scale and not at it.
    const UpdateAlternatives found = alternatives_of(peek, 0);
    ASSERT_TRUE(found.has_gradient);
    const float unscaled = 3e-3f / 1024;
    EXPECT_NE(round_to_fp16(std::ldexp(unscaled, found.least_scale_log2)), 0.0f);
    EXPECT_EQ(round_to_fp16(std::ldexp(unscaled, found.least_scale_log2 - 1)), 0.0f);
}

}  // namespace
}  // namespace halfscope
