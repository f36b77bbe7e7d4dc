// Series: decimation against brute force, with NaN and inf among the values, and its bound.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "session/timeline.h"

namespace halfscope {
namespace {

struct Value {
    std::int64_t step;
    float value;
};

/// Random steps (gaps where wanted) and values, one in `special` being NaN or an infinity.
std::vector<Value> random_values(std::mt19937& random, int count, int largest_gap, int special) {
    std::vector<Value> values;
    std::int64_t step = 0;
    for (int index = 0; index < count; ++index) {
        step += 1 + static_cast<int>(random() % static_cast<unsigned>(largest_gap));
        float value =
            std::ldexp(static_cast<float>(random() % 2000) - 1000.0f, static_cast<int>(random() % 40) - 20);
        if (random() % static_cast<unsigned>(special) == 0) {
            const float inf = std::numeric_limits<float>::infinity();
            const float odd[] = {std::nanf(""), inf, -inf};
            value = odd[random() % 3];
        }
        values.push_back({step, value});
    }
    return values;
}

SeriesPoint brute_force(const std::vector<Value>& values, std::int64_t first, std::int64_t last) {
    SeriesPoint all{first, last, std::nanf(""), std::nanf(""), std::nanf(""), 0};
    for (const Value& value : values) {
        if (value.step < first || value.step > last) continue;
        all.last = value.value;
        if (!std::isfinite(value.value)) {
            ++all.nonfinite;
            continue;
        }
        if (!(all.minimum <= value.value)) all.minimum = value.value;
        if (!(all.maximum >= value.value)) all.maximum = value.value;
    }
    return all;
}

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Every point must say exactly what brute force says of the steps it claims to cover.
void expect_exact(const std::vector<SeriesPoint>& points, const std::vector<Value>& values) {
    for (const SeriesPoint& point : points) {
        const SeriesPoint truth = brute_force(values, point.first_step, point.last_step);
        ASSERT_TRUE(same(point.minimum, truth.minimum)) << point.first_step << ".." << point.last_step;
        ASSERT_TRUE(same(point.maximum, truth.maximum)) << point.first_step << ".." << point.last_step;
        ASSERT_TRUE(same(point.last, truth.last)) << point.first_step << ".." << point.last_step;
        ASSERT_EQ(point.nonfinite, truth.nonfinite) << point.first_step << ".." << point.last_step;
    }
    for (std::size_t index = 1; index < points.size(); ++index) {
        ASSERT_LT(points[index - 1].last_step, points[index].first_step);
    }
}

/// No value of [first, last] may lie outside of all points.
void expect_covered(const std::vector<SeriesPoint>& points, const std::vector<Value>& values,
                    std::int64_t first, std::int64_t last) {
    std::size_t at = 0;
    for (const Value& value : values) {
        if (value.step < first || value.step > last) continue;
        while (at < points.size() && points[at].last_step < value.step) ++at;
        ASSERT_LT(at, points.size()) << "step " << value.step;
        ASSERT_LE(points[at].first_step, value.step);
    }
}

TEST(Series, NeverLosesExtremes) {
    std::mt19937 random(1);
    for (int round = 0; round < 120; ++round) {
        const std::size_t capacity = 2 + random() % 60, recent = random() % 50;
        Series series(capacity, recent);
        const std::vector<Value> values = random_values(random, 1 + static_cast<int>(random() % 1500),
                                                        1 + static_cast<int>(random() % 30), 7);
        for (const Value& value : values) series.append(value.step, static_cast<double>(value.value));
        ASSERT_EQ(series.first_step(), values.front().step);
        ASSERT_EQ(series.last_step(), values.back().step);
        for (int window = 0; window < 20; ++window) {
            std::int64_t first =
                static_cast<std::int64_t>(random() % static_cast<unsigned>(values.back().step + 1));
            std::int64_t last =
                static_cast<std::int64_t>(random() % static_cast<unsigned>(values.back().step + 1));
            if (window == 0) first = 0, last = std::numeric_limits<std::int64_t>::max();
            if (first > last) std::swap(first, last);
            const std::size_t columns = 1 + random() % 100;
            const std::vector<SeriesPoint> points = series.view(first, last, columns);
            ASSERT_LE(points.size(), columns);
            expect_exact(points, values);
            expect_covered(points, values, first, last);
        }
    }
}

TEST(Series, RecentValuesStayAtFullResolution) {
    Series series(16, 100);
    for (int step = 0; step < 5000; ++step) series.append(step, step);
    const std::vector<SeriesPoint> points = series.view(4950, 4999, 1000);
    // The oldest of them may share a bucket with older ones; the rest are single values.
    ASSERT_GE(points.size(), 50u);
    for (std::size_t index = points.size() - 49; index < points.size(); ++index) {
        EXPECT_EQ(points[index].first_step, points[index].last_step);
        EXPECT_EQ(points[index].minimum, static_cast<float>(points[index].first_step));
    }
}

TEST(Series, StaysBoundedAtAMillionSteps) {
    Series series;
    std::size_t at_full = 0;
    for (int step = 0; step < 1'000'000; ++step) {
        series.append(step, std::sin(step * 0.001));
        if (step == 20'000) at_full = series.bytes();
    }
    EXPECT_EQ(series.bytes(), at_full);
    EXPECT_LT(series.bytes(), 700'000u);
    const std::vector<SeriesPoint> all = series.view(0, 999'999, 2000);
    EXPECT_LE(all.size(), 2000u);
    EXPECT_GT(all.size(), 1000u);
    EXPECT_EQ(all.front().first_step, 0);
    EXPECT_EQ(all.back().last_step, 999'999);
}

TEST(Series, KeepsOneSpikeInAMillion) {
    Series series(64, 16);
    for (int step = 0; step < 1'000'000; ++step)
        series.append(step, step == 123'456 ? 1e9 : step == 777'777 ? NAN : 0.0);
    float highest = 0;
    std::uint32_t nonfinite = 0;
    for (const SeriesPoint& point : series.view(0, 999'999, 10)) {
        highest = std::max(highest, point.maximum);
        nonfinite += point.nonfinite;
    }
    EXPECT_EQ(highest, 1e9f);
    EXPECT_EQ(nonfinite, 1u);
}

TEST(Series, EdgesOfItsContract) {
    Series series;
    EXPECT_TRUE(series.view(0, 100, 10).empty());
    EXPECT_EQ(series.last_step(), -1);
    series.append(5, 1e300);  // beyond FP32, yet finite
    series.append(3, 7.0);    // older than the last step: ignored
    const std::vector<SeriesPoint> points = series.view(0, 100, 10);
    ASSERT_EQ(points.size(), 1u);
    EXPECT_EQ(points[0].nonfinite, 0u);
    EXPECT_EQ(points[0].maximum, std::numeric_limits<float>::max());
    EXPECT_TRUE(series.view(0, 100, 0).empty());
    EXPECT_TRUE(series.view(6, 100, 10).empty());
    EXPECT_TRUE(series.view(9, 2, 10).empty());
    series.clear();
    EXPECT_EQ(series.last_step(), -1);
}

/// After going back, a series is what it would be had it never gone on; of what was merged and is too old for
/// the recent values, at most one bucket is missing.
TEST(Series, GoesBackAndOnAsIfNothingHadBeen) {
    const auto value_at = [](std::int64_t step) { return static_cast<double>(step * step % 101) - 50; };
    for (const std::int64_t length : {40, 500, 3000}) {
        for (std::int64_t back = 0; back <= length; back += std::max<std::int64_t>(1, length / 37)) {
            Series series(64, 128), fresh(64, 128);
            for (std::int64_t step = 0; step < length; ++step) series.append(step, value_at(step));
            series.rewind(back);
            EXPECT_LT(series.last_step(), back);
            for (std::int64_t step = back; step < length; ++step) series.append(step, value_at(step));
            for (std::int64_t step = 0; step < length; ++step) fresh.append(step, value_at(step));
            const auto found = series.view(0, length, 100000), expected = fresh.view(0, length, 100000);
            std::int64_t missing = 0;
            std::size_t other = 0;
            for (const SeriesPoint& point : expected) {
                const auto same = std::find_if(found.begin(), found.end(), [&](const SeriesPoint& candidate) {
                    return candidate.first_step == point.first_step &&
                           candidate.last_step == point.last_step && candidate.minimum == point.minimum &&
                           candidate.maximum == point.maximum;
                });
                if (same == found.end()) {
                    ++other;
                    missing = point.last_step;
                }
            }
            const bool is_recent = length - back < 128 && back > 0;
            EXPECT_LE(other, is_recent || length <= 64 ? 0u : 2u)
                << length << " back to " << back << ", " << missing;
            ByteWriter bytes;
            series.put(bytes);
            ByteReader reader(bytes.bytes());
            EXPECT_TRUE(Series(64, 128).take(reader)) << length << " back to " << back;
        }
    }
}

}  // namespace
}  // namespace halfscope
