#include "program/percent.h"

#include <cstdio>

namespace halfscope {

double percent_of(std::uint64_t part, std::uint64_t whole) {
    // Multiplied first: 11 x (100 / 11) is not 100.
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent_text(double percent) {
    if (percent <= 0) return "0";
    if (percent < 0.1) return "<0.1";
    if (percent > 99.9 && percent < 100) return ">99.9";
    char text[16];
    std::snprintf(text, sizeof text, percent == 100 ? "%.0f" : "%.1f", percent);
    return text;
}

}  // namespace halfscope
