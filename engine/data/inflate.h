// Decompression that cannot be made to fill the memory: it stops at a limit of the caller's. Called by the
// readers of data/ that meet compressed files. Nothing else includes zlib.h; a build without zlib refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace halfscope {

/// True where the bytes begin as gzip files do (RFC 1952, section 2.3.1).
bool is_gzip(std::string_view bytes);

/// What gzip file `path` with these bytes unpacks to (one member or several), at most `limit` bytes: one that
/// holds more is cut off one byte behind the limit, which tells the caller. Throws DataError, one sentence
/// that names the file, for a file that is cut off or damaged, for bytes behind its end, and where this build
/// has no zlib.
std::string unpack_gzip(std::string_view bytes, const std::string& path, std::uint64_t limit);

/// Adds up how much a zlib stream (RFC 1950) unpacks to, without keeping it. It is fed piece by piece.
class UnpackedSize {
  public:
    UnpackedSize();
    ~UnpackedSize();
    UnpackedSize(const UnpackedSize&) = delete;
    UnpackedSize& operator=(const UnpackedSize&) = delete;

    /// False once the total has passed `limit`; stop then. Damage ends the count: judging it is left to
    /// whoever decodes the stream. Always true in a build without zlib.
    bool stays_within(std::string_view piece, std::uint64_t limit);

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace halfscope
