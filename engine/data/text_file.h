// Reads a text file of somebody's choice, and refuses what a character model cannot train on. Called by
// scenarios.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace halfscope {

inline constexpr std::size_t kMinimumTextBytes = 1024;
inline constexpr std::size_t kMaximumTextBytes = std::size_t{256} << 20;

/// The bytes of the file, as they are. Throws DataError, one sentence that names the file, for a path that is
/// absent, a directory or no regular file, for a file that cannot be read or is larger than
/// kMaximumTextBytes, and for what check_text refuses.
std::string read_text_file(const std::string& path);

/// Throws DataError, one sentence that names the file `path`, for bytes that are none, fewer than
/// kMinimumTextBytes, or binary (a zero byte, or more than 30% control bytes).
void check_text(std::string_view bytes, const std::string& path);

}  // namespace halfscope
