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

struct Timeline::LaneHistory {
    std::array<Series, kSeriesKindCount> series;
    std::array<std::deque<Event>, kEventKindCount> events;
    std::array<std::uint64_t, kEventKindCount> recorded{};  ///< events so far, those that were dropped too
    std::map<std::pair<std::string, ProbeKind>, Waterfall> waterfalls;

    Series& of(SeriesKind kind) { return series[static_cast<std::size_t>(kind)]; }
};

}  // namespace halfscope
