// The program behind the window: owns the native window, the trainer and the Workbench, and runs the loop
// that draws only when there is something new. Called by main.cpp.
#pragma once

#include "gui/window_options.h"

namespace halfscope {

/// Runs until the window is closed. Returns the exit code. Throws InputError, NoDisplayError, NoDeviceError.
int run_application(const WindowOptions& options);

}  // namespace halfscope
