// What mouse and menu do to a plot, after ImPlot's conventions. Called by plot.cpp for the plot's area after
// it was registered as an ImGui item. It changes UiState::time and the plot's PlotState, never the data.
#pragma once

#include "gui/widgets/plot_frame.h"

namespace halfscope {

/// Whether the area is hovered or held, as ImGui said right after its item.
struct PlotItem {
    bool is_chosen = false;  ///< by the keyboard
    bool is_hovered = false;
    bool is_held = false;  ///< a mouse button went down on it and is still down
    bool over_value_axis = false;
};

/// Pans, zooms, fits; opens the menu on a right click that was no drag. Returns true where the menu is to be
/// opened.
bool handle_plot_input(const PlotFrame& frame, const PlotItem& item, UiState& ui, PlotState& state,
                       const Theme& theme);
/// The rectangle of a box zoom in progress.
void draw_box_zoom(const PlotFrame& frame, const PlotState& state, const Theme& theme);

}  // namespace halfscope
