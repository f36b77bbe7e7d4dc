// How the programs end: the same codes for halfscope and every command of halfscope-cli, and the one place
// where what went wrong becomes a line on stderr and a code.
#pragma once

#include <functional>
#include <stdexcept>

namespace halfscope {

enum ExitCode : int {
    kExitDone = 0,
    kExitFailed = 1,
    kExitBadInput = 2,
    kExitNoDevice = 3,
    kExitInterrupted = 130
};

/// The device (or the display) that was asked for is not there; the message says why.
class NoDeviceError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Runs `body` and returns its exit code; what it throws becomes one line on stderr, after the program's
/// name, and the code that belongs to it.
int run_program(const char* program, const std::function<int()>& body);

}  // namespace halfscope
