// What stands along the steps of a plot, and its CSV.
#include <algorithm>
#include <cmath>
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

}  // namespace

std::vector<PlotMark> marks_of(const Timeline& timeline, const Snapshot& snapshot, const UiState& ui) {
    std::vector<PlotMark> marks;
    const StepRange steps = visible_steps(ui.time, timeline);
    const auto first = static_cast<std::int64_t>(std::floor(steps.first));
    const auto last = static_cast<std::int64_t>(std::ceil(steps.last));
    // No plot is wider than the window.
    const auto columns = static_cast<std::size_t>(std::max(1.0f, ImGui::GetIO().DisplaySize.x));
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (!ui.is_visible(lane.id)) continue;
        for (const Event& event : timeline.events(lane.id, first, last, columns)) {
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
