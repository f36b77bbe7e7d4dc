// What a command line is refused for before its values are looked at: unknown words and empty values, each in
// one sentence. Called by both programs after CLI11 has parsed with allow_extras().
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace halfscope {

/// "; did you mean 'x'?", or nothing where no candidate is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

/// Throws InputError for the first word that the program or command does not know; `help` is what to type
/// for its options.
void refuse_unknown(const CLI::App& command, const std::string& help);

/// Throws InputError for an option that is there with nothing behind it (`--steps ""`): that is a mistake,
/// not an absent option.
void refuse_empty(const CLI::App& command);

}  // namespace halfscope
