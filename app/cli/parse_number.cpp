#include "cli/parse_number.h"

#include <charconv>

#include "train/input_error.h"

namespace halfscope {

std::uint64_t parse_whole_number(std::string_view option, const std::string& text, std::uint64_t minimum,
                                 std::uint64_t maximum) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stopped != end || text.empty() || number < minimum || number > maximum) {
        throw InputError(std::string(option) + ": '" + text + "' is not a whole number from " +
                         std::to_string(minimum) + " to " + std::to_string(maximum));
    }
    return number;
}

}  // namespace halfscope
