// Timeline: what goes in comes out, in order, and memory stays bounded.
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "session/timeline.h"

namespace halfscope {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

StepRecord record_at(std::int64_t step) {
    StepRecord record;
    record.step = step;
    record.loss = 1.0 / static_cast<double>(step + 1);
    record.loss_scale = 1024;
    record.grad_norm = 2;
    record.learning_rate = 0.5;
    record.step_ms = 3;
    return record;
}

Probe probe_of(const char* tensor, float value) {
    Probe probe;
    probe.tensor = tensor;
    probe.kind = ProbeKind::weight_gradient;
    probe.scale = 8;
    probe.own_format = Format::fp32;
    for (int index = 0; index < 3; ++index) probe.counts.add(value, value, Format::fp32);
    probe.counts.add(0.0f, 0.0f, Format::fp32);
    return probe;
}

TEST(Timeline, EverySeriesComesBack) {
    Timeline timeline;
    EXPECT_EQ(timeline.last_step(), -1);
    for (int step = 0; step < 10; ++step) timeline.record(2, record_at(step));
    timeline.record_validation(2, 9, {0.25, 0.75});
    const std::pair<SeriesKind, float> expected[] = {
        {SeriesKind::loss, 0.1f},      {SeriesKind::loss_scale, 1024.0f},
        {SeriesKind::grad_norm, 2.0f}, {SeriesKind::learning_rate, 0.5f},
        {SeriesKind::step_ms, 3.0f},   {SeriesKind::validation_loss, 0.25f},
        {SeriesKind::metric, 0.75f}};
    for (const auto& [kind, last] : expected) {
        const auto points = timeline.series(2, kind, 0, kEnd, 100);
        ASSERT_FALSE(points.empty()) << series_kind_name(kind);
        EXPECT_EQ(points.back().last, last) << series_kind_name(kind);
        EXPECT_EQ(points.back().last_step, 9) << series_kind_name(kind);
    }
    EXPECT_TRUE(timeline.series(0, SeriesKind::loss, 0, kEnd, 100).empty());
    EXPECT_EQ(timeline.last_step(), 9);
    timeline.clear();
    EXPECT_EQ(timeline.last_step(), -1);
    EXPECT_TRUE(timeline.series(2, SeriesKind::loss, 0, kEnd, 100).empty());
}

TEST(Timeline, EventsAreOrderedFilteredAndBounded) {
    Timeline timeline;
    timeline.record_event(1, {7, "b", EventKind::skip, "late"});
    timeline.record_event(0, {3, "a", EventKind::toggle, "early"});
    timeline.record_event(-1, {5, "c", EventKind::lane, "removed"});
    auto events = timeline.events(-1, 0, kEnd);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].detail, "early");
    EXPECT_EQ(events[1].detail, "removed");
    EXPECT_EQ(events[2].detail, "late");
    EXPECT_EQ(timeline.events(1, 0, kEnd).size(), 1u);
    EXPECT_EQ(timeline.events(-1, 4, 6).size(), 1u);

    for (int step = 0; step < 5000; ++step) timeline.record_event(0, {step, "a", EventKind::skip, "x"});
    events = timeline.events(0, 0, kEnd);
    EXPECT_EQ(events.size(), 4097u);  // the toggle is not pushed out by skips
    EXPECT_EQ(events.back().step, 4999);
}

TEST(Timeline, WaterfallRowsAreSharesOfAllElements) {
    Timeline timeline;
    timeline.record_probes(0, 10, {probe_of("fc1.weight", 0.75f)});
    const auto rows = timeline.waterfall(0, "fc1.weight", ProbeKind::weight_gradient);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].step, 10);
    EXPECT_EQ(rows[0].scale, 8.0);
    ASSERT_EQ(rows[0].share.size(), static_cast<std::size_t>(kWaterfallHighest - kWaterfallLowest + 1 + 3));
    EXPECT_EQ(rows[0].share[static_cast<std::size_t>(-1 - kWaterfallLowest)], 0.75f);  // 0.75 = 1.5 x 2^-1
    EXPECT_EQ(rows[0].share[static_cast<std::size_t>(kWaterfallHighest - kWaterfallLowest + 1)],
              0.25f);  // zeros
    EXPECT_TRUE(timeline.waterfall(0, "fc1.weight", ProbeKind::update).empty());
    EXPECT_TRUE(timeline.waterfall(1, "fc1.weight", ProbeKind::weight_gradient).empty());
}

TEST(Timeline, WaterfallJoinsWhatLiesBeyondItsAxis) {
    Timeline timeline;
    timeline.record_probes(0, 0, {probe_of("low", 0x1p-140f), probe_of("high", 0x1p100f)});
    EXPECT_EQ(timeline.waterfall(0, "low", ProbeKind::weight_gradient)[0].share.front(), 0.75f);
    const auto high = timeline.waterfall(0, "high", ProbeKind::weight_gradient);
    EXPECT_EQ(high[0].share[static_cast<std::size_t>(kWaterfallHighest - kWaterfallLowest)], 0.75f);
}

TEST(Timeline, WaterfallSpansTheWholeRunInBoundedRows) {
    Timeline timeline;
    std::size_t bytes = 0;
    for (int step = 0; step < 20'000; ++step) {
        timeline.record_probes(0, step, {probe_of("w", 1.0f)});
        if (step == 2'000) bytes = timeline.bytes();
    }
    const auto rows = timeline.waterfall(0, "w", ProbeKind::weight_gradient);
    EXPECT_LE(rows.size(), 256u);
    EXPECT_GE(rows.size(), 128u);
    EXPECT_EQ(rows.front().step, 0);
    EXPECT_EQ(rows.back().step, 19'999);
    const std::int64_t stride = rows[1].step - rows[0].step;
    for (std::size_t index = 1; index + 1 < rows.size(); ++index) {
        EXPECT_EQ(rows[index].step - rows[index - 1].step, stride);
    }
    EXPECT_LT(timeline.bytes(), 2 * bytes);
}

TEST(Timeline, StaysBoundedAtAMillionSteps) {
    Timeline timeline;
    std::size_t early = 0;
    for (int step = 0; step < 1'000'000; ++step) {
        timeline.record(0, record_at(step));
        if (step == 50'000) early = timeline.bytes();
    }
    EXPECT_EQ(timeline.bytes(), early);
    EXPECT_LT(timeline.bytes(), 5'000'000u);
}

TEST(Timeline, ARemovedLaneLeavesNothingForItsSuccessor) {
    Timeline timeline;
    timeline.record(3, record_at(0));
    timeline.record_event(3, {0, "d", EventKind::skip, "x"});
    timeline.record_probes(3, 0, {probe_of("w", 1.0f)});
    timeline.remove_lane(3);
    EXPECT_TRUE(timeline.series(3, SeriesKind::loss, 0, kEnd, 10).empty());
    EXPECT_TRUE(timeline.events(3, 0, kEnd).empty());
    EXPECT_TRUE(timeline.waterfall(3, "w", ProbeKind::weight_gradient).empty());
}

TEST(Timeline, IsReadWhileItIsWritten) {
    Timeline timeline;
    std::thread writer([&] {
        for (int step = 0; step < 20'000; ++step) {
            timeline.record(step % 4, record_at(step));
            if (step % 100 == 0) timeline.record_probes(0, step, {probe_of("w", 1.0f)});
            if (step % 50 == 0) timeline.record_event(1, {step, "b", EventKind::skip, "x"});
        }
    });
    std::int64_t seen = -1;
    while (seen < 19'999) {
        const std::int64_t last = timeline.last_step();
        ASSERT_GE(last, seen);
        seen = last;
        for (const SeriesPoint& point : timeline.series(0, SeriesKind::loss, 0, kEnd, 50))
            ASSERT_EQ(point.nonfinite, 0u);
        (void)timeline.events(-1, 0, kEnd);
        (void)timeline.waterfall(0, "w", ProbeKind::weight_gradient);
    }
    writer.join();
}

TEST(Timeline, GoesBackToAMark) {
    Timeline timeline;
    const auto run = [&](int from, int to) {
        for (int step = from; step < to; ++step) {
            timeline.record(0, record_at(step));
            timeline.record_event(0, {step, "a", EventKind::skip, "step " + std::to_string(step)});
            timeline.record_probes(0, step, {probe_of("w", 1.0f)});
            timeline.record_validation(0, step, {1, 2});
        }
    };
    run(0, 10);
    timeline.record_event(0, {10, "a", EventKind::toggle, "a change before step 10"});
    const TimelineMark mark = timeline.mark(10);
    run(10, 25);
    timeline.record(1, record_at(20));
    timeline.record_event(0, {25, "a", EventKind::toggle, "a later change"});
    timeline.rewind(mark);
    EXPECT_EQ(timeline.last_step(), 9);
    EXPECT_EQ(timeline.events(0, 0, kEnd).size(), 11u);
    EXPECT_EQ(timeline.events(0, 0, kEnd).back().detail, "a change before step 10");
    EXPECT_EQ(timeline.waterfall(0, "w", ProbeKind::weight_gradient).back().step, 9);
    EXPECT_TRUE(timeline.series(1, SeriesKind::loss, 0, kEnd, 10).empty()) << "the lane came later";
    EXPECT_EQ(timeline.series(0, SeriesKind::metric, 0, kEnd, 100).back().last_step, 9);
    run(10, 15);
    EXPECT_EQ(timeline.events(0, 0, kEnd).size(), 16u);
    EXPECT_EQ(timeline.waterfall(0, "w", ProbeKind::weight_gradient).size(), 15u);
}

}  // namespace
}  // namespace halfscope
