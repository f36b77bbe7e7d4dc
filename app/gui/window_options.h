// The options of the program `halfscope`: those of an experiment, as halfscope-cli train takes them, and
// those of the window. Parsed once by main.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gui/theme.h"
#include "program/experiment_options.h"

namespace halfscope {

struct WindowOptions {
    ExperimentOptions experiment;
    std::string resume_path;         ///< a checkpoint to open; empty: none
    std::string open_path;           ///< a file to open as if it were dropped on the window; empty: none
    std::string screenshot;          ///< PNG to write and end; empty: none
    std::int64_t frames = 0;         ///< draw at least so many frames before the screenshot
    std::int64_t until_step = 0;     ///< and wait until so many steps are done
    int width = 0, height = 0;       ///< 0: as large as the monitor allows
    std::optional<ThemeKind> theme;  ///< none: as it was kept, else dark
    std::optional<float> scale;      ///< none: as it was kept, else 1
    bool paused = false;
    bool presenter = false;
    bool driven = false;  ///< --drive: obey lines on stdin
    std::string tensor;   ///< --select: tensor shown in detail
};

/// Throws InputError with one sentence. Returns false where help or the version was printed and the program
/// is done.
bool parse_window_options(int argument_count, char** arguments, const char* version, WindowOptions& options);

}  // namespace halfscope
