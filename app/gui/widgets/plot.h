// The time-series plot, after ImPlot's conventions: left-drag pans, wheel zooms, right-drag box-zooms, double-click fits, a click
// on a legend entry hides it, right-click opens the context menu (CSV, PNG, log/linear, recent/all). Draws series that the caller
// decimated to pixel columns; knows no experiment.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gui/theme.h"
#include "gui/ui_probe.h"
#include "gui/ui_state.h"
#include "session/timeline.h"

namespace halfscope {

/// One curve. `fetch(first_step, last_step, columns)` returns at most `columns` points of the visible range.
struct PlotSeries {
    std::string label;
    LaneStyle style;
    bool* visible = nullptr;  ///< toggled by its legend entry
    std::function<std::vector<SeriesPoint>(std::int64_t, std::int64_t, std::size_t)> fetch;
};

/// A mark on the time axis: a vertical line with a label, or a small glyph at the top.
struct PlotMarker {
    enum class Kind : std::uint8_t { line, growth, backoff, skip };
    Kind kind = Kind::line;
    std::int64_t step = 0;
    ImU32 color = 0;
    std::string label;   ///< shown beside a line and in the tooltip
};

enum class YScale : std::uint8_t { linear, log10, log2 };

struct PlotSpec {
    std::string id;        ///< unique; also the file name of exports ("loss")
    std::string y_label;   ///< with unit
    YScale y_scale = YScale::linear;
    bool* log_toggle = nullptr;   ///< offers log/linear in the context menu
    bool step_lines = false;      ///< hold values until the next (loss scale)
    std::int64_t last_step = 0;   ///< end of the data
    std::vector<PlotSeries> series;
    std::vector<PlotMarker> markers;
};

/// Draws the plot into `size` at the cursor. All plots share ui.time.
void draw_plot(const PlotSpec& spec, ImVec2 size, UiState& ui, const Theme& theme, UiProbe& probe);

/// The CSV text of what the plot shows: step,series,minimum,maximum,last.
std::string plot_csv(const PlotSpec& spec, std::int64_t first_step, std::int64_t last_step);

/// Round tick positions covering [low, high], about `wanted` of them.
std::vector<double> nice_ticks(double low, double high, int wanted);

}  // namespace halfscope
