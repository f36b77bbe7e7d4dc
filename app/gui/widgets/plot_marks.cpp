// What stands along the steps of a plot, and its CSV.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "gui/widgets/plot_curves.h"
#include "gui/widgets/series_csv.h"

namespace halfscope {
namespace {

std::optional<PlotMark::Kind> mark_kind(EventKind kind) {
    switch (kind) {
        case EventKind::toggle:
            return PlotMark::Kind::toggle;
        case EventKind::growth:
            return PlotMark::Kind::growth;
        case EventKind::backoff:
            return PlotMark::Kind::backoff;
        case EventKind::skip:
            return PlotMark::Kind::skip;
        case EventKind::nan:
            return PlotMark::Kind::nan;
        case EventKind::lane:
            return PlotMark::Kind::lane;
        case EventKind::alert:
            return PlotMark::Kind::alert;
        case EventKind::message:
            break;
    }
    return std::nullopt;
}

/// Whether it is a symbol on a curve, of which there may be one at every step.
bool is_frequent(EventKind kind) {
    return kind == EventKind::growth || kind == EventKind::backoff || kind == EventKind::skip ||
           kind == EventKind::nan;
}

/// A lane's events in the visible steps: all of what is rare, and of symbols as many as can be told apart.
std::vector<Event> events_to_mark(const Timeline& timeline, int lane_id, StepRange steps) {
    constexpr float kSymbolPixels = 8;  // of a window's width: some 2.5 of a plot's
    const auto first = static_cast<std::int64_t>(std::floor(steps.first));
    const auto last = static_cast<std::int64_t>(std::ceil(steps.last));
    const auto columns =
        static_cast<std::size_t>(std::max(1.0f, ImGui::GetIO().DisplaySize.x / kSymbolPixels));
    std::vector<Event> events = timeline.events(lane_id, first, last, columns);
    std::erase_if(events, [](const Event& event) { return !is_frequent(event.kind); });
    for (const EventKind kind : {EventKind::toggle, EventKind::lane, EventKind::alert}) {
        const std::vector<Event> newest =
            timeline.newest_events(lane_id, kind, first, last, std::numeric_limits<std::size_t>::max());
        events.insert(events.end(), newest.rbegin(), newest.rend());
    }
    return events;
}

}  // namespace

std::vector<PlotMark> marks_of(const Timeline& timeline, const Snapshot& snapshot, const UiState& ui) {
    std::vector<PlotMark> marks;
    const StepRange steps = visible_steps(ui.time, timeline);
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (!ui.is_visible(lane.id)) continue;
        for (const Event& event : events_to_mark(timeline, lane.id, steps)) {
            const std::optional<PlotMark::Kind> kind = mark_kind(event.kind);
            if (kind) marks.push_back({*kind, event.step, lane.id, lane.name + ": " + event.detail});
        }
    }
    std::stable_sort(marks.begin(), marks.end(),
                     [](const PlotMark& a, const PlotMark& b) { return a.step < b.step; });
    return marks;
}

std::string plot_csv(const PlotSpec& spec, const Timeline& timeline, const UiState& ui) {
    constexpr int kMostPoints = 1 << 20;
    std::string csv = kSeriesCsvHeader;
    for (const PlotCurve& curve :
         fetch_curves(spec, timeline, ui, visible_steps(ui.time, timeline), kMostPoints)) {
        append_series_csv(csv, curve.series->label, curve.series->kind, curve.points);
    }
    return csv;
}

}  // namespace halfscope
