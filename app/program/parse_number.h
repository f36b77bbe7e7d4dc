// Numbers of the command line, each checked and refused with one sentence that names the option, the text and
// the range. Used by both programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace halfscope {

/// A whole number in [minimum, maximum]. Throws InputError: "--steps: 'x' is not a whole number from 1 to 5".
std::uint64_t parse_whole_number(std::string_view option, const std::string& text, std::uint64_t minimum,
                                 std::uint64_t maximum);

/// A finite number in [minimum, maximum]. Throws InputError: "--scale: 'x' is not a number from 0.5 to 4".
double parse_real_number(std::string_view option, const std::string& text, double minimum, double maximum);

}  // namespace halfscope
