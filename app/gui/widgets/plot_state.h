// What a time plot remembers between frames, and the view of time that all of them share. Held by UiState.
#pragma once

#include <cstdint>
#include <optional>

#include <imgui.h>

namespace halfscope {

enum class AxisScale : std::uint8_t { linear, logarithmic };
enum class TimeRange : std::uint8_t { recent, all };

/// The steps that every time plot shows. Following: the newest steps (recent) or all of them; else a range
/// that the user panned or zoomed to.
struct TimeView {
    /// Steps that `recent` shows; short runs are shown whole.
    static constexpr double kRecentSteps = 600;
    TimeRange range = TimeRange::recent;
    bool follows = true;
    double first = 0, last = 1;  ///< where it does not follow

    void fit() { follows = true; }
};

struct PlotState {
    enum class Drag : std::uint8_t { none, pan, box };
    /// Set where the user zoomed or panned the y axis; else it follows the data. Axis units: log10 of the
    /// value on a logarithmic axis.
    std::optional<double> y_low, y_high;
    Drag drag = Drag::none;
    ImVec2 drag_start{0, 0};

    void fit() {
        y_low.reset();
        y_high.reset();
    }
};

}  // namespace halfscope
