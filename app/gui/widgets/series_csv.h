// Curves as CSV: one line for each point, the same columns from every plot and from "Export all curves".
// Called by plots and by the application.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session/snapshot.h"
#include "session/timeline.h"

namespace halfscope {

inline constexpr const char* kSeriesCsvHeader =
    "lane,series,first_step,last_step,minimum,maximum,last,nonfinite\n";

void append_series_csv(std::string& csv, std::string_view lane, SeriesKind kind,
                       const std::vector<SeriesPoint>& points);

/// Every series of every lane, from the first step on.
std::string history_csv(const Snapshot& snapshot, const Timeline& timeline);

}  // namespace halfscope
