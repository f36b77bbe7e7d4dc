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

enum class StreamState { incomplete, complete, damaged, too_large };

/// Looks through a zlib stream (RFC 1950), checksum included, without keeping what it unpacks to. It is fed
/// piece by piece. In a build without zlib every stream counts as complete.
class StreamCheck {
  public:
    /// `limit`: the stream is too large where it unpacks to more bytes than that.
    explicit StreamCheck(std::uint64_t limit);
    ~StreamCheck();
    StreamCheck(const StreamCheck&) = delete;
    StreamCheck& operator=(const StreamCheck&) = delete;

    /// What is known with this piece. What follows a complete stream is passed over.
    StreamState feed(std::string_view piece);
    StreamState state() const;

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace halfscope
