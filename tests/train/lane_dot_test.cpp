// A sum taken from a live layer, added up as the engine adds it, is what the layer stored.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "numerics/summation.h"
#include "tiny_workload.h"
#include "train/dot_capture.h"
#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

TEST(LaneDot, AddedUpAsTheEngineDoesItIsWhatTheLayerStored) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.rows = 100;
    const auto workload = tiny_workload(options);
    for (const char* text : {"fp32", "mixed", "mixed,accumulate=fp16", "bf16"}) {
        SCOPED_TRACE(text);
        const Techniques techniques = parse_techniques(text);
        Lane lane(*backend, workload, "a", techniques), plain(*backend, workload, "b", techniques);
        const Batch batch = workload->training_batch(0);
        int compared = 0;
        for (const DotSource& source : dot_sources(workload->training_graph())) {
            for (const std::int64_t pick : {0, 1, 7}) {
                const std::int64_t row = pick % source.rows, column = (pick * 5) % source.columns;
                const DotCapture capture = lane.capture_dot(source, row, column, 0, std::span(&batch, 1));
                ASSERT_EQ(static_cast<std::int64_t>(capture.a.size()), source.length) << source.name();
                if (!capture.has_stored) continue;
                ++compared;
                const Summation way =
                    techniques.accumulate == Accumulate::fp16 ? Summation::blocks : Summation::fp32;
                const double sum = sum_up(way, Format::fp16, capture.a, capture.b).result;
                const float whole = static_cast<float>(sum) + static_cast<float>(capture.bias);
                EXPECT_EQ(round_to(techniques.storage, whole), static_cast<float>(capture.stored))
                    << source.name();
            }
        }
        EXPECT_GE(compared, 18);
        lane.step(0, batch, {});
        plain.step(0, batch, {});
        EXPECT_EQ(lane.signature(), plain.signature()) << "looking left a trace";
    }
}

TEST(LaneDot, NormsAndSoftmaxes) {
    const auto backend = make_cpu_backend(1);
    ScenarioSettings settings;
    settings.parameters = {{"batch", 4}, {"size", 12}, {"channels", 8}, {"blocks", 1}};
    const auto workload = find_scenario("digits-cnn").create(settings);
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    int norms = 0, softmaxes = 0;
    for (const DotSource& source : dot_sources(workload->training_graph())) {
        const DotCapture capture = lane.capture_dot(source, 0, 0, 0, std::span(&batch, 1));
        if (source.kind == DotKind::norm_mean) {
            ++norms;
            const DotCapture variance =
                lane.capture_dot({DotKind::norm_variance, source.layer, 1, source.columns, source.length}, 0,
                                 0, 0, std::span(&batch, 1));
            double sum = 0, squares = 0;
            for (const float x : capture.a) sum += static_cast<double>(x);
            const double mean = sum / static_cast<double>(capture.a.size());
            for (const float x : capture.a)
                squares += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
            EXPECT_NEAR(sum_up(Summation::exact, Format::fp16, variance.a, {}).result, squares,
                        1e-4 * squares);
        } else if (source.kind == DotKind::denominator) {
            ++softmaxes;
            EXPECT_EQ(*std::max_element(capture.a.begin(), capture.a.end()), 1.0f);
        }
    }
    EXPECT_GT(norms, 2);
    EXPECT_EQ(softmaxes, 1);
}

TEST(LaneDot, WhatIsNotThereIsRefused) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    const DotSource first = dot_sources(workload->training_graph()).front();
    EXPECT_THROW(lane.capture_dot(first, first.rows, 0, 0, std::span(&batch, 1)), InputError);
    DotSource other = first;
    other.layer = "nothing";
    EXPECT_THROW(lane.capture_dot(other, 0, 0, 0, std::span(&batch, 1)), InputError);
}

}  // namespace
}  // namespace halfscope
