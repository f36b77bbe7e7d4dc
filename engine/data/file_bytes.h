// Measures and reads files of somebody's choice, and refuses what cannot be read, in one sentence for the
// user. Called by the readers of data/. Must not judge what the bytes mean: that is the readers' business.
#pragma once

#include <cstdint>
#include <string>

namespace halfscope {

/// What a refusal calls the file and what it advises.
struct FileKind {
    std::string name;         ///< "text file": the refusal begins with it
    std::string when_folder;  ///< "give a text file in it"
    std::string when_large;   ///< "give a part of it"
};

/// The size of a regular file. Throws DataError, one sentence that begins with the kind and the path, for a
/// path that is absent, a folder or no regular file.
std::uintmax_t regular_file_size(const std::string& path, const FileKind& kind);

/// The bytes of the file, as they are. Throws DataError, one sentence that begins with the kind and the path,
/// for a path that is absent, a folder or no regular file, for a file larger than `maximum_bytes`, and for
/// one that cannot be opened or read to its end.
std::string read_file_bytes(const std::string& path, const FileKind& kind, std::uintmax_t maximum_bytes);

}  // namespace halfscope
