// Bytes that are read forward: of a file on disk, of memory, of an entry of an archive. Used by the readers
// of tensors, which take large files piece by piece. Must not know what the bytes mean, nor keep them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "data/file_bytes.h"

namespace halfscope {

class ByteSource {
  public:
    ByteSource() = default;
    virtual ~ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    /// Fills the buffer with the next bytes; returns how many there were, fewer at the end alone. Throws
    /// DataError where bytes that must be there cannot be had.
    virtual std::size_t read(std::span<char> buffer) = 0;
};

/// One whose size is known and that can begin anywhere.
class SeekableSource : public ByteSource {
  public:
    virtual std::uint64_t size() const = 0;
    /// The next read begins there.
    virtual void seek(std::uint64_t offset) = 0;
};

class FileSource final : public SeekableSource {
  public:
    /// Throws DataError as read_file_bytes does, whatever the size.
    FileSource(std::string path, FileKind kind);

    std::size_t read(std::span<char> buffer) override;
    std::uint64_t size() const override { return size_; }
    void seek(std::uint64_t offset) override;

  private:
    std::string path_;
    FileKind kind_;
    std::uint64_t size_, position_ = 0;
    std::ifstream file_;
};

/// Bytes that somebody else keeps.
class MemorySource final : public SeekableSource {
  public:
    explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}

    std::size_t read(std::span<char> buffer) override;
    std::uint64_t size() const override { return bytes_.size(); }
    void seek(std::uint64_t offset) override;

  private:
    std::string_view bytes_;
    std::size_t position_ = 0;
};

/// What is handed over of a tensor's bytes: a piece of whole elements. False: enough, no more is wanted.
using TakePiece = std::function<bool(std::string_view)>;

/// Hands over the next `count` bytes in pieces of at most a quarter of a mebibyte, each a multiple of eight
/// but for the last. Returns how many were there before the source ended; `count` where nobody wanted more.
std::uint64_t read_pieces(ByteSource& source, std::uint64_t count, const TakePiece& take);

}  // namespace halfscope
