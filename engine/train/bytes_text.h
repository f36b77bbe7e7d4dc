// Amounts of memory as people read them. Used by refusals and by the window.
#pragma once

#include <cstdint>
#include <string>

namespace halfscope {

/// "512 B", "640 KiB", "12.0 MiB", "1.5 GiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace halfscope
