// How halfscope-cli ends. Used by main.cpp and the commands; the same codes for every command.
#pragma once

#include <stdexcept>
#include <string>

namespace halfscope {

enum ExitCode : int {
    kExitDone = 0,
    kExitFailed = 1,
    kExitBadInput = 2,
    kExitNoDevice = 3,
    kExitInterrupted = 130
};

/// The device that was asked for is not there; the message says why.
class NoDeviceError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace halfscope
