// Tensors in a file, in the safetensors format: eight bytes of header length (little-endian), a JSON header
// with each tensor's dtype, shape and data_offsets, then the data. Called by train/ and the programs for
// weights, batches and gradients. A file comes from anybody: everything in it is checked before memory is
// asked for, and it must not be trusted for a size, a name or a nesting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace halfscope {

/// Of the header, as in the reference implementation.
inline constexpr std::uint64_t kMaximumSafetensorsHeaderBytes = 100'000'000;
inline constexpr std::uint64_t kMaximumSafetensorsBytes = std::uint64_t{4} << 30;
inline constexpr std::size_t kMaximumSafetensorsAxes = 64;

struct StoredTensor {
    std::string name;
    std::string dtype;  ///< as the format spells it: "F32", "I64"
    std::vector<std::int64_t> shape;
    std::vector<float> values;           ///< F32, F16, BF16, F8_E4M3, F8_E5M2 exactly; F64 rounded to FP32
    std::vector<std::int64_t> integers;  ///< I64, I32, I16, I8, U32, U16, U8 and BOOL (0 or 1)

    /// Which of the two it holds.
    bool is_float() const;
};

struct SafetensorsFile {
    std::vector<StoredTensor> tensors;  ///< in the order of the header
    std::map<std::string, std::string> metadata;

    /// The tensor of that name, or nullptr.
    const StoredTensor* find(std::string_view name) const;
};

/// Reads a whole file from memory; `name` stands for it in refusals. Throws DataError, one sentence that
/// names the file and the offset or tensor, for a header that is too long, no JSON or of another form, for a
/// duplicate name, an unknown dtype, a shape whose product overflows, offsets that are out of range, overlap,
/// leave holes or do not fit the shape, and for bytes behind the last tensor. Needs at most eight times the
/// bytes of the file.
SafetensorsFile parse_safetensors(std::string_view bytes, const std::string& name);

/// The same from a path; besides, DataError for what is no regular file, cannot be read, or has more than
/// kMaximumSafetensorsBytes. The header is judged before the data are read.
SafetensorsFile read_safetensors(const std::string& path);

/// Whether write_safetensors could write tensors of these names there: the folder exists and lets a file be
/// made, the path is free or a regular file, the names are UTF-8. Throws DataError with one sentence. To be
/// asked before an hour of training, not after.
void check_safetensors_target(const std::string& path, const std::vector<std::string>& names);

/// Writes tensors of dtype F32 (from `values`) and I64 (from `integers`). The bytes go to a temporary file
/// beside the target, are synchronised with the disk, and then take the target's name, so that a reader sees
/// the old file or the whole new one. A symbolic link stays one. Throws DataError with the path and the
/// system's reason; std::invalid_argument for another dtype, a duplicate name or a size that is not the
/// shape's.
void write_safetensors(const std::string& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace halfscope
