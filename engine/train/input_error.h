// The one exception for bad input: a file, key, name or number that somebody gave. The message is one
// sentence that names the culprit and says what to do next; the command line prints it and exits 2, the
// window shows it and the run goes on.
#pragma once

#include <stdexcept>
#include <string>

namespace halfscope {

class InputError : public std::runtime_error {
  public:
    explicit InputError(const std::string& sentence) : std::runtime_error(sentence) {}
};

}  // namespace halfscope
