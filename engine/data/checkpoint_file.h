// The file of a checkpoint, whatever it is that was kept: groups of texts by name, and sections of raw bytes.
// Called by train/ and session/, which know what groups and sections mean. A file comes from anybody: sizes,
// checksum and names are checked before memory is asked for.
//
// Bytes of the file, little-endian:
//    0  8 bytes   89 'H' 'S' 'C' 'P' 0D 0A 1A
//    8  32 bits   version, kCheckpointVersion
//   12  32 bits   CRC-32 of everything from offset 16 to the end
//   16  64 bits   length of the description
//   24  64 bits   length of all sections together
//   32  the description, JSON in UTF-8: {"group": {"key": "text", ...}, ..., "sections": {"name": bytes,
//   ...}}
//       then the sections without gaps, in the order of "sections"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace halfscope {

inline constexpr std::uint32_t kCheckpointVersion = 3;
inline constexpr std::uint64_t kCheckpointHeaderBytes = 32;
inline constexpr std::uint64_t kMaximumDescriptionBytes = 16'000'000;
inline constexpr std::uint64_t kMaximumCheckpointBytes = std::uint64_t{4} << 30;

using CheckpointGroup = std::map<std::string, std::string>;

struct CheckpointFile {
    std::string name;  ///< its path, for refusals
    std::map<std::string, CheckpointGroup> groups;
    std::map<std::string, std::string> sections;
};

/// Throws DataError: "checkpoint 'x' ...".
[[noreturn]] void refuse_checkpoint(const std::string& file, const std::string& reason);

/// The bytes of such a file; a group must not be called "sections". Throws DataError where a text is not
/// UTF-8.
std::string checkpoint_bytes(const CheckpointFile& file);

/// Reads a whole file from memory; `name` stands for it in refusals. Throws DataError, one sentence that
/// names the file, for what is no checkpoint, of another version, cut off, longer than it says, damaged
/// (checksum), or has a description of another form. Needs twice the bytes of the sections and, for small
/// names, some twenty times those of the description.
CheckpointFile parse_checkpoint(std::string_view bytes, const std::string& name);

/// The same from a path; besides, DataError for what is no regular file, cannot be read, or has more than
/// kMaximumCheckpointBytes.
CheckpointFile read_checkpoint_file(const std::string& path);

/// Replaces the file in one go (AtomicFile). Throws DataError with the path and the system's reason.
void write_checkpoint_file(const std::string& path, const CheckpointFile& file);

/// Whether the file begins as checkpoints do; false also where it cannot be read.
bool looks_like_checkpoint(const std::string& path);

}  // namespace halfscope
