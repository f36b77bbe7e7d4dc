// halfscope: the window. Parses options, opens the window, runs it; what goes wrong is one line on stderr and
// an exit code.
#include "gui/application.h"
#include "gui/window_options.h"
#include "program/exit_codes.h"

int main(int argument_count, char** arguments) {
    using namespace halfscope;
    return run_program("halfscope", [&]() -> int {
        WindowOptions options;
        if (!parse_window_options(argument_count, arguments, HALFSCOPE_VERSION, options)) return kExitDone;
        return run_application(options);
    });
}
