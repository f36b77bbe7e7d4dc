#include "gui/widgets/series_csv.h"

#include "gui/widgets/export.h"

namespace halfscope {

void append_series_csv(std::string& csv, std::string_view lane, SeriesKind kind,
                       const std::vector<SeriesPoint>& points) {
    const std::string start = csv_text(lane) + "," + series_kind_name(kind) + ",";
    for (const SeriesPoint& point : points) {
        csv += start + std::to_string(point.first_step) + "," + std::to_string(point.last_step) + "," +
               csv_number(static_cast<double>(point.minimum)) + "," +
               csv_number(static_cast<double>(point.maximum)) + "," +
               csv_number(static_cast<double>(point.last)) + "," + std::to_string(point.nonfinite) + "\n";
    }
}

std::string history_csv(const Snapshot& snapshot, const Timeline& timeline) {
    constexpr std::size_t kMostPoints = 1 << 20;
    std::string csv = kSeriesCsvHeader;
    for (const LaneSnapshot& lane : snapshot.lanes) {
        for (int kind = 0; kind < kSeriesKindCount; ++kind) {
            const auto series = static_cast<SeriesKind>(kind);
            append_series_csv(csv, lane.name, series,
                              timeline.series(lane.id, series, 0, timeline.last_step(), kMostPoints));
        }
    }
    return csv;
}

}  // namespace halfscope
