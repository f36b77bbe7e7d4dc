#include "program/parse_number.h"

#include <charconv>

#include "train/input_error.h"

namespace halfscope {
namespace {

/// The whole of `text` as a Number within the range, or the sentence that refuses it.
template <class Number>
Number parse(std::string_view option, const std::string& text, Number minimum, Number maximum,
             const std::string& what) {
    Number number{};
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    // Written so that NaN is refused.
    const bool within = number >= minimum && number <= maximum;
    if (error != std::errc() || stopped != end || text.empty() || !within) {
        throw InputError(std::string(option) + ": '" + text + "' is not " + what);
    }
    return number;
}

std::string shortest(double number) {
    char text[32];
    const auto result = std::to_chars(text, text + sizeof text, number);
    return std::string(text, result.ptr);
}

}  // namespace

std::uint64_t parse_whole_number(std::string_view option, const std::string& text, std::uint64_t minimum,
                                 std::uint64_t maximum) {
    return parse(option, text, minimum, maximum,
                 "a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
}

double parse_real_number(std::string_view option, const std::string& text, double minimum, double maximum) {
    return parse(option, text, minimum, maximum,
                 "a number from " + shortest(minimum) + " to " + shortest(maximum));
}

}  // namespace halfscope
