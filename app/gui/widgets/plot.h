// A time plot after ImPlot's conventions: left-drag pans, the wheel zooms steps (Ctrl or over the y axis:
// values), right-drag zooms to a box, double click fits, a click on a legend entry hides the lane, a right
// click opens the menu. All time plots share UiState::time and the cursor. Used by panels; it draws at most
// two points per pixel column, shows NaN and inf as gaps with marks, and must not copy whole histories.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <imgui.h>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "session/timeline.h"

namespace halfscope {

struct PlotSeries {
    int lane_id = 0;
    std::string label;  ///< the lane's name
    SeriesKind kind = SeriesKind::loss;
    /// Of a saved run that is laid over: its history and its lane there. Null: the run's own.
    const Timeline* other = nullptr;
    int other_lane = 0;
    std::string other_name = {};  ///< of that run, in the legend
};

/// A mark at one step. Toggles and alerts are vertical lines, toggles with their label; the others lie on the
/// lane's curve.
struct PlotMark {
    enum class Kind : std::uint8_t { toggle, growth, backoff, skip, nan, lane, alert };
    Kind kind = Kind::toggle;
    std::int64_t step = 0;
    int lane_id = 0;
    std::string label;  ///< the tooltip, and for toggles the text beside the line
};

enum class AxisLabels : std::uint8_t { numbers, powers_of_two };
enum class CurveShape : std::uint8_t { line, steps, points };

struct PlotSpec {
    std::string id;               ///< "loss": key of UiState::plots, name of exported files
    std::string y_label;          ///< with the unit: "training loss (nats)"
    AxisScale* y_axis = nullptr;  ///< switchable in the menu; null: as fixed_axis says
    AxisScale fixed_axis = AxisScale::linear;
    bool* difference = nullptr;  ///< switchable in the menu: differences to the first lane; null: has none
    AxisLabels labels = AxisLabels::numbers;
    CurveShape shape = CurveShape::line;
    std::vector<PlotSeries> series;
    std::vector<PlotMark> marks;
    const char* empty_text = "nothing to show yet";
};

/// Adds the lanes of the saved runs that are laid over: named after lane and file, the look of the lane of
/// the same letter, but faint. Their lane_id is out of the lanes' way, so that each can be hidden.
void add_overlays(PlotSpec& spec, const Snapshot& snapshot, SeriesKind kind);

/// Draws the plot into the rest of the current region (or `size`, where given) and handles its input.
void time_plot(const PlotSpec& spec, const Timeline& timeline, UiState& ui, const Theme& theme,
               ImVec2 size = {0, 0});

/// The steps shown now: [first, last] with last > first.
struct StepRange {
    double first = 0, last = 1;
};
StepRange visible_steps(const TimeView& time, const Timeline& timeline);

/// The marks of the visible lanes from the timeline's events in the visible steps.
std::vector<PlotMark> marks_of(const Timeline& timeline, const Snapshot& snapshot, const UiState& ui);

/// The CSV of what a plot shows: one line for each point of each visible lane.
std::string plot_csv(const PlotSpec& spec, const Timeline& timeline, const UiState& ui);

}  // namespace halfscope
