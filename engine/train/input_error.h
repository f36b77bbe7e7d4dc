// The one exception for bad input: a file, key, name or number that somebody gave. The message is one
// sentence that names the culprit and says what to do next; the command line prints it and exits 2, the
// window shows it and the run goes on.
#pragma once

#include <stdexcept>
#include <string>

#include "data/data_error.h"

namespace halfscope {

class InputError : public std::runtime_error {
  public:
    explicit InputError(const std::string& sentence) : std::runtime_error(sentence) {}
};

/// What `work` returns; what data/ cannot read or write is bad input here.
template <class Work>
auto as_input_error(const Work& work) {
    try {
        return work();
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
}

}  // namespace halfscope
