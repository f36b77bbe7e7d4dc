// Timeline: what goes in comes out, in order, and memory stays bounded.
#include <gtest/gtest.h>

#include <algorithm>
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
    TensorCounts counted;
    for (int index = 0; index < 3; ++index) counted.add(value, value, Format::fp32);
    counted.add(0.0f, 0.0f, Format::fp32);
    probe.counts = counted;
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

/// Skips at every third step, growths now and then, of two lanes; several a step.
void fill_with_events(Timeline& timeline) {
    for (std::int64_t step = 0; step < 3000; ++step) {
        for (const int lane : {0, 3}) {
            const std::string detail = std::to_string(lane) + " at " + std::to_string(step);
            if (step % 3 == 0) timeline.record_event(lane, {step, "l", EventKind::skip, detail + " a"});
            if (step % 6 == 0) timeline.record_event(lane, {step, "l", EventKind::skip, detail + " b"});
            if (step % 250 < 2) timeline.record_event(lane, {step, "l", EventKind::growth, detail});
        }
    }
}

std::vector<std::string> details_of(const std::vector<Event>& events) {
    std::vector<std::string> details;
    for (const Event& event : events) details.push_back(event.detail);
    return details;
}

TEST(Timeline, APlotGetsTheNewestEventOfEachColumn) {
    Timeline timeline;
    fill_with_events(timeline);
    const struct {
        int lane;
        std::int64_t first, last;
        std::size_t columns;
    } looks[] = {
        {0, 0, 2999, 100}, {3, 17, 1999, 64}, {3, 17, 1999, 1}, {0, 2500, 2600, 1000}, {0, 5000, 9000, 9}};
    for (const auto& look : looks) {
        const std::int64_t width = (look.last - look.first) / static_cast<std::int64_t>(look.columns) + 1;
        const std::vector<Event> all = timeline.events(look.lane, look.first, look.last);
        std::vector<std::string> wanted;
        for (std::size_t index = 0; index < all.size(); ++index) {
            const auto column = [&](const Event& event) { return (event.step - look.first) / width; };
            const bool is_hidden =
                width > 1 && std::any_of(all.begin() + static_cast<std::ptrdiff_t>(index) + 1, all.end(),
                                         [&](const Event& later) {
                                             return later.kind == all[index].kind &&
                                                    column(later) == column(all[index]);
                                         });
            if (!is_hidden) wanted.push_back(all[index].detail);
        }
        EXPECT_EQ(details_of(timeline.events(look.lane, look.first, look.last, look.columns)), wanted)
            << look.first << " to " << look.last << " in " << look.columns;
    }
    EXPECT_EQ(timeline.events(-1, 0, 2999, 10).size(), 2u * 10 * 2) << "two lanes, two kinds";
}

TEST(Timeline, TheNewestEventsOfAKindComeFirst) {
    Timeline timeline;
    fill_with_events(timeline);
    std::vector<Event> wanted = timeline.events(3, 300, 900);
    std::erase_if(wanted, [](const Event& event) { return event.kind != EventKind::skip; });
    std::reverse(wanted.begin(), wanted.end());
    EXPECT_EQ(details_of(timeline.newest_events(3, EventKind::skip, 300, 900, 1000)), details_of(wanted));
    wanted.resize(5);
    EXPECT_EQ(details_of(timeline.newest_events(3, EventKind::skip, 300, 900, 5)), details_of(wanted));
    EXPECT_EQ(details_of(timeline.newest_events(3, EventKind::skip, 0, kEnd, 2)),
              (std::vector<std::string>{"3 at 2997 a", "3 at 2994 b"}));
    EXPECT_TRUE(timeline.newest_events(3, EventKind::nan, 0, kEnd, 5).empty());
    EXPECT_TRUE(timeline.newest_events(1, EventKind::skip, 0, kEnd, 5).empty());
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
    EXPECT_EQ(rows.back().last_step, 19'999);
    const std::int64_t stride = rows[1].step - rows[0].step;
    for (std::size_t index = 1; index + 1 < rows.size(); ++index) {
        EXPECT_EQ(rows[index].step - rows[index - 1].step, stride);
    }
    EXPECT_LT(timeline.bytes(), 2 * bytes);
}

/// What the probe of a step stores: mostly 2^-3; rarely a value far out, an infinity, or another loss scale.
Probe eventful_probe(int step) {
    Probe probe = probe_of("w", 0.125f);
    if (step == 777) probe = probe_of("w", 0x1p-40f);
    if (step == 5'003) probe = probe_of("w", 0x1p15f);
    probe.scale = step < 10'000 ? 1024.0 : 4.0;
    if (step == 12'345) ++probe.counts.own.inf_incoming;
    return probe;
}

TEST(Timeline, NothingRareIsLostFromAWaterfallByMerging) {
    Timeline timeline;
    const auto low = static_cast<std::size_t>(-kWaterfallLowest);
    std::vector<HistogramRow> all;
    for (int step = 0; step < 20'000; ++step) {
        timeline.record_probes(0, step, {eventful_probe(step)});
        all.push_back(histogram_row(step, eventful_probe(step)));
    }
    const auto rows = timeline.waterfall(0, "w", ProbeKind::weight_gradient);
    ASSERT_LE(rows.size(), 256u);
    std::size_t next = 0;
    for (const HistogramRow& row : rows) {
        // By brute force: of each exponent the largest share of the row's own probes, and every probe in one.
        std::vector<float> expected(row.share.size(), 0.0f), unscaled(row.unscaled.size(), 0.0f);
        ASSERT_EQ(static_cast<std::size_t>(row.step), next);
        for (; next < all.size() && all[next].step <= row.last_step; ++next) {
            for (std::size_t bin = 0; bin < expected.size(); ++bin)
                expected[bin] = std::max(expected[bin], all[next].share[bin]);
            const int shift = all[next].scale == 1024.0 ? -10 : -2;
            for (int exponent = kWaterfallLowest; exponent <= kWaterfallHighest; ++exponent) {
                if (unscaled.empty()) break;
                float& most = unscaled[static_cast<std::size_t>(exponent + shift - kUnscaledLowest)];
                most = std::max(most, all[next].share[static_cast<std::size_t>(exponent - kWaterfallLowest)]);
            }
        }
        EXPECT_EQ(row.share, expected) << row.step;
        EXPECT_EQ(row.unscaled, unscaled) << row.step;
        EXPECT_EQ(row.unscaled.empty(), row.lowest_scale == row.highest_scale) << row.step;
    }
    EXPECT_EQ(next, all.size());
    const auto rows_with = [&](std::size_t bin) {
        return std::count_if(rows.begin(), rows.end(),
                             [bin](const HistogramRow& row) { return row.share[bin] > 0; });
    };
    EXPECT_EQ(rows_with(low - 40), 1);
    EXPECT_EQ(rows_with(low + 15), 1);
    EXPECT_EQ(rows_with(kWaterfallHighest - kWaterfallLowest + 2), 1);
    // And into as few rows as there are pixels.
    for (const std::size_t pixels : {1u, 7u, 100u, 255u, 1000u}) {
        const auto drawn = merged_rows(rows, pixels);
        EXPECT_LE(drawn.size(), pixels);
        EXPECT_EQ(drawn.front().step, 0);
        EXPECT_EQ(drawn.back().last_step, 19'999);
        EXPECT_EQ(std::count_if(drawn.begin(), drawn.end(),
                                [&](const HistogramRow& row) { return row.share[low - 40] > 0; }),
                  1);
    }
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
