// halfscope: the window. Parses options, opens the window, runs it; what goes wrong is one line on stderr and
// an exit code.
#include <cstdio>
#include <exception>

#include "cli/exit_codes.h"
#include "gui/application.h"
#include "gui/window.h"
#include "gui/window_options.h"
#include "train/input_error.h"

int main(int argument_count, char** arguments) {
    using namespace halfscope;
    try {
        WindowOptions options;
        if (!parse_window_options(argument_count, arguments, HALFSCOPE_VERSION, options)) return kExitDone;
        return run_application(options);
    } catch (const InputError& error) {
        std::fprintf(stderr, "halfscope: %s\n", error.what());
        return kExitBadInput;
    } catch (const NoDisplayError& error) {
        std::fprintf(stderr, "halfscope: %s\n", error.what());
        return kExitNoDevice;
    } catch (const NoDeviceError& error) {
        std::fprintf(stderr, "halfscope: %s\n", error.what());
        return kExitNoDevice;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "halfscope: %s\n", error.what());
        return kExitFailed;
    }
}
