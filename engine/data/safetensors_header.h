// The header of a safetensors file: what it says of each tensor, checked. Called by safetensors.cpp alone; it
// sees no data. The JSON is read event by event, so that a hostile one can neither nest deeper than the
// format does nor build a document in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace halfscope {

/// The dtypes that are read.
enum class SafetensorsType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u32, u16, u8, boolean };
/// As the format spells it: "F32".
const char* safetensors_type_name(SafetensorsType type);

struct SafetensorsEntry {
    std::string name;
    SafetensorsType type = SafetensorsType::f32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  ///< in the data behind the header
};

struct SafetensorsHeader {
    std::vector<SafetensorsEntry> tensors;
    std::map<std::string, std::string> metadata;
};

/// Throws DataError: "safetensors file 'x' ...".
[[noreturn]] void refuse_safetensors(const std::string& file, const std::string& reason);

/// Throws DataError. Afterwards every tensor lies within `data_bytes`, has the bytes that its shape asks for,
/// and the tensors fill the data without overlap and without holes.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text,
                                           std::uint64_t data_bytes);

}  // namespace halfscope
