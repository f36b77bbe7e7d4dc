// CRC-32 (IEEE 802.3, as in zlib, gzip and PNG): tells a damaged file from a whole one. Called by the readers
// and writers of data/. It is no protection against somebody who means to deceive.
#pragma once

#include <cstdint>
#include <string_view>

namespace halfscope {

/// Of `bytes` behind those whose checksum is `before`. zlib's function where this build has zlib, else a
/// table of its own: the numbers are the same.
std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0);

/// The same without zlib, in every build.
std::uint32_t crc32_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace halfscope
