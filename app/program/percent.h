// Percentages as both programs write them. Used by halfscope's panels and halfscope-cli's tables.
#pragma once

#include <cstdint>
#include <string>

namespace halfscope {

/// 100 part / whole, exactly 100 where they are equal; 0 of nothing.
double percent_of(std::uint64_t part, std::uint64_t whole);

/// "0", "<0.1", "31.2", ">99.9", "100": what is not quite nothing or everything does not look like it.
std::string percent_text(double percent);

}  // namespace halfscope
