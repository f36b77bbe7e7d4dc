#include "data/byte_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/data_error.h"

namespace halfscope {

FileSource::FileSource(std::string path, FileKind kind)
    : path_(std::move(path)), kind_(std::move(kind)), size_(regular_file_size(path_, kind_)) {
    file_.open(path_, std::ios::binary);
    if (!file_) throw DataError(kind_.name + " '" + path_ + "' cannot be opened; check its permissions");
}

std::size_t FileSource::read(std::span<char> buffer) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - std::min(position_, size_)));
    file_.read(buffer.data(), static_cast<std::streamsize>(wanted));
    if (file_.gcount() != static_cast<std::streamsize>(wanted)) {
        throw DataError(kind_.name + " '" + path_ + "' could not be read beyond offset " +
                        std::to_string(position_ + static_cast<std::uint64_t>(file_.gcount())) +
                        "; check the disk and try again");
    }
    position_ += wanted;
    return wanted;
}

void FileSource::seek(std::uint64_t offset) {
    position_ = offset;
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(std::min(offset, size_)));
}

std::size_t MemorySource::read(std::span<char> buffer) {
    const std::size_t count = std::min(buffer.size(), bytes_.size() - position_);
    std::copy_n(bytes_.data() + position_, count, buffer.data());
    position_ += count;
    return count;
}

void MemorySource::seek(std::uint64_t offset) {
    position_ = static_cast<std::size_t>(std::min<std::uint64_t>(offset, bytes_.size()));
}

std::uint64_t read_pieces(ByteSource& source, std::uint64_t count, const TakePiece& take) {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 18;
    std::vector<char> piece(static_cast<std::size_t>(std::min(count, kPiece)));
    for (std::uint64_t done = 0; done < count;) {
        const auto wanted = static_cast<std::size_t>(std::min(count - done, kPiece));
        const std::size_t there = source.read(std::span(piece).first(wanted));
        done += there;
        if (there < wanted) return done;
        if (!take(std::string_view(piece.data(), there))) return count;
    }
    return count;
}

}  // namespace halfscope
