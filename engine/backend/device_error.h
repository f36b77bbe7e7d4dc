// A device that failed while it worked: thrown by the CUDA module, said by the session. Memory that ran out
// is std::bad_alloc instead.
#pragma once

#include <stdexcept>
#include <string>

namespace halfscope {

class DeviceError : public std::runtime_error {
  public:
    explicit DeviceError(const std::string& sentence) : std::runtime_error(sentence) {}
};

}  // namespace halfscope
