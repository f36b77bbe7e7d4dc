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
#include "train/update_scales.h"

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
}

/// The FP16 number next to x, found among all of them; of two, the one with an even code.
float nearest_of_all_fp16(double x) {
    if (std::fabs(x) >= 65520) return std::copysign(INFINITY, static_cast<float>(x));
    std::uint32_t best = 0;
    double least = INFINITY;
    for (std::uint32_t code = 0; code < 0x7c00; ++code) {
        const double away = std::fabs(static_cast<double>(decode(Format::fp16, code)) - std::fabs(x));
        if (away > least || (away == least && code % 2 == 1)) continue;
        least = away;
        best = code;
    }
    return std::copysign(decode(Format::fp16, best), static_cast<float>(x));
}

TEST(UpdateScales, AGradientIsStoredAsTheNearestNumberUnderEveryScale) {
    for (const float gradient : {3e-9f, -7.3e-5f, 0x1p-25f, 0x1.8p-20f, 1.5f, 70000.0f, 1e-12f}) {
        UpdatePeek peek;
        peek.format = peek.gradient_format = Format::fp16;
        peek.weight = peek.stored = {0.5f};
        peek.true_gradient = {gradient};
        peek.optimizer.kind = OptimizerKind::sgd;
        peek.optimizer.learning_rate = 0.1f;
        const std::vector<ScaledUpdate> found = updates_under_scales(peek, 0);
        ASSERT_EQ(found.size(), 41u);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const int scale = static_cast<int>(i) - 10;
            SCOPED_TRACE(testing::Message() << gradient << " x 2^" << scale);
            const double exact = std::ldexp(static_cast<double>(gradient), scale);
            const float stored = nearest_of_all_fp16(exact);
            EXPECT_EQ(found[i].scale_log2, scale);
            EXPECT_EQ(static_cast<double>(found[i].scaled), exact);
            EXPECT_EQ(found[i].stored, stored);
            EXPECT_EQ(found[i].gradient_class, std::isinf(stored)             ? NumberClass::inf
                                               : stored == 0                  ? NumberClass::flushed
                                               : std::fabs(stored) < 0x1p-14f ? NumberClass::subnormal
                                                                              : NumberClass::normal);
            if (std::isinf(stored)) continue;
            const float d = -(0.1f * static_cast<float>(std::ldexp(static_cast<double>(stored), -scale)));
            EXPECT_EQ(found[i].update, d);
            const float next = nearest_of_all_fp16(static_cast<double>(0.5f + d));
            EXPECT_EQ(found[i].fate, d == 0         ? UpdateFate::none
                                     : next == 0.5f ? UpdateFate::swallowed
                                     : static_cast<double>(next) == 0.5 + static_cast<double>(d)
                                         ? UpdateFate::exact
                                         : UpdateFate::rounded);
        }
    }
}

// The strip's formula is that of the step: of the very gradient that the lane stores it makes the update that
// the lane makes, with the moments, decay and clipping of that step.
TEST(UpdateScales, OfTheLanesOwnGradientIsTheLanesOwnUpdate) {
    const auto backend = make_cpu_backend(1);
    for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
        const auto workload = workload_of(kind);
        for (const char* text : {"fp16", "mixed,loss_scaling=static,loss_scale=64", "mixed,clip_norm=0.01",
                                 "autocast", "mixed,decay_order=before-unscale", "fp16,subnormals=flush"}) {
            SCOPED_TRACE(text);
            Lane lane(*backend, workload, "a", parse_techniques(text));
            for (int step = 0; step < 3; ++step) {
                const Batch batch = workload->training_batch(step);
                for (const std::string& name : parameters_of(*workload)) {
                    UpdatePeek peek = lane.peek_update(name, step, std::span(&batch, 1));
                    ASSERT_FALSE(peek.is_skipped);
                    const auto scale = static_cast<float>(peek.loss_scale);
                    for (std::size_t i = 0; i < peek.update.size(); i += 7) {
                        peek.true_gradient[i] = peek.gradient[i] / scale;
                        const auto at = static_cast<std::size_t>(std::ilogb(scale) - kLowestSweptScale);
                        const ScaledUpdate found = updates_under_scales(peek, i)[at];
                        EXPECT_EQ(found.stored, peek.gradient[i]) << name << i;
                        EXPECT_EQ(found.update, peek.update[i]) << name << i;
                        EXPECT_EQ(found.fate,
                                  fate_of(peek.format, peek.subnormals, peek.stored[i], peek.update[i]));
                    }
                }
                lane.step(step, batch, {});
            }
        }
    }
}

// What is called true is what an FP32 lane at the same weights makes.
TEST(UpdateScales, TheTrueGradientIsThatOfFp32AtTheSameWeights) {
    const auto backend = make_cpu_backend(2);
    const auto workload = workload_of(OptimizerKind::adam);
    Lane lane(*backend, workload, "a", parse_techniques("fp16-scaled")),
        reference(*backend, workload, "b", parse_techniques("fp32"));
    for (int step = 0; step < 3; ++step) lane.step(step, workload->training_batch(step), {});
    reference.load_parameters(lane.parameters());
    const Batch batch = workload->training_batch(3);
    for (const NamedValues& gradient : reference.gradients(batch, 3).gradients) {
        const UpdatePeek peek = lane.peek_update(gradient.name, 3, std::span(&batch, 1));
        EXPECT_EQ(peek.true_gradient, gradient.values) << gradient.name;
        EXPECT_NE(peek.gradient, gradient.values) << gradient.name;
    }
}

}  // namespace
}  // namespace halfscope
