// Cells of CSV files as both programs write them. Used by the window's exports and by halfscope-cli.
#pragma once

#include <string>
#include <string_view>

namespace halfscope {

/// One value for a CSV cell: nine significant digits, nan, inf, -inf.
std::string csv_number(double value);
/// A text cell, quoted where it must be (RFC 4180).
std::string csv_text(std::string_view text);

}  // namespace halfscope
