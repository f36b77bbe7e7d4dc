// The one exception of data/: a file that cannot be used. Scenarios turn it into an InputError for whoever
// gave the file.
#pragma once

#include <stdexcept>
#include <string>

namespace halfscope {

class DataError : public std::runtime_error {
  public:
    /// `sentence` names the file, says what is wrong with it and what to do.
    explicit DataError(const std::string& sentence) : std::runtime_error(sentence) {}
};

}  // namespace halfscope
