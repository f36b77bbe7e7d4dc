// Saving what a view shows: CSV text at once, a PNG of a rectangle of the window after the frame is rendered. Results are
// sentences for the user, never exceptions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gui/imgui_compat.h"

namespace halfscope {

/// Writes text to `name` in the working directory (a number is added where it exists). Returns the sentence to show and whether
/// it is an error.
struct ExportResult {
    bool failed = false;
    std::string sentence;
};
ExportResult export_text(std::string_view name, std::string_view text);

/// Asks for a PNG of a window rectangle (window pixels); written by write_pending_pictures after rendering.
void request_picture(std::string name, ImVec2 minimum, ImVec2 maximum);
/// Reads framebuffer 0 back and writes all requested pictures. `framebuffer_scale`: framebuffer pixels for each window pixel.
std::vector<ExportResult> write_pending_pictures(int framebuffer_width, int framebuffer_height, float framebuffer_scale);
/// Writes the whole framebuffer to `path`. Returns false where it cannot be written.
bool write_screenshot(const std::string& path, int framebuffer_width, int framebuffer_height);

}  // namespace halfscope
