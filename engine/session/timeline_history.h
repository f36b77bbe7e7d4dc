// What a Timeline holds of one lane. Shared by timeline.cpp (recording, reading) and timeline_checkpoint.cpp;
// nobody else includes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "session/timeline.h"

namespace halfscope {

inline constexpr std::size_t kEventsOfAKind = 4096;

/// The rows of one tensor: every `stride`-th probe, and always the newest one.
struct Waterfall {
    static constexpr std::size_t kRows = 256;
    std::vector<HistogramRow> rows;
    std::int64_t stride = 1;
    std::int64_t probes = 0;

    void add(HistogramRow row) {
        const bool newest_is_passing = !rows.empty() && (probes - 1) % stride != 0;
        if (newest_is_passing) rows.pop_back();
        if (rows.size() >= kRows) thin();
        rows.push_back(std::move(row));
        ++probes;
    }
    void rewind(std::int64_t next_step) {
        while (!rows.empty() && rows.back().step >= next_step) rows.pop_back();
        probes = rows.empty() ? 0 : (static_cast<std::int64_t>(rows.size()) - 1) * stride + 1;
    }
    void thin() {
        for (std::size_t index = 1; 2 * index < rows.size(); ++index)
            rows[index] = std::move(rows[2 * index]);
        rows.resize((rows.size() + 1) / 2);
        stride *= 2;
    }
};

struct Timeline::LaneHistory {
    std::array<Series, kSeriesKindCount> series;
    std::array<std::deque<Event>, kEventKindCount> events;
    std::array<std::uint64_t, kEventKindCount> recorded{};  ///< events so far, those that were dropped too
    std::map<std::pair<std::string, ProbeKind>, Waterfall> waterfalls;

    Series& of(SeriesKind kind) { return series[static_cast<std::size_t>(kind)]; }
};

}  // namespace halfscope
