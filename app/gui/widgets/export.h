// Files the window writes where it was started: CSV of what a plot shows and PNG of a rectangle or of the
// whole window. Every outcome becomes a message that names the full path. Called by plots, panels and the
// application; no ImGui items here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <imgui.h>

#include "gui/ui_state.h"
#include "program/csv.h"

namespace halfscope {

/// "<working directory>/halfscope-<name>-<step>.<extension>", with -2, -3, ... where that file exists.
std::string export_path(std::string_view name, std::int64_t step, std::string_view extension);

/// Writes a text file, and a note or an error to the log.
void export_text(UiState& ui, const std::string& path, std::string_view text);

/// Asks for a PNG of a rectangle (window pixels), written after this frame is drawn.
void request_image(UiState& ui, ImVec2 min, ImVec2 max, std::string_view name, std::int64_t step);

/// Pixels, rows from the top, 3 channels of 8 bits.
struct PixelImage {
    int width = 0, height = 0;
    std::vector<unsigned char> rgb;
};
/// Writes a PNG, and a note or an error to the log. False where it could not be written.
bool export_png(UiState& ui, const std::string& path, const PixelImage& image);

}  // namespace halfscope
