// The header of a safetensors file: what it says of each tensor, checked. Called by safetensors.cpp and
// safetensors_file.cpp; it sees no data. The JSON is read event by event, so that a hostile one can neither
// nest deeper than the format does nor build a document in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/byte_source.h"
#include "data/element_values.h"

namespace halfscope {

/// The dtypes of whole bytes. E4M3 and E5M2 are the OCP's 8-bit formats; E8M0 holds shared exponents, c64
/// complex numbers.
enum class SafetensorsType : std::uint8_t {
    f64,
    f32,
    f16,
    bf16,
    e4m3,
    e5m2,
    e8m0,
    c64,
    i64,
    i32,
    i16,
    i8,
    u64,
    u32,
    u16,
    u8,
    boolean
};
/// As the format spells it: "F32".
const char* safetensors_type_name(SafetensorsType type);
/// `other` for whole numbers, truth values, complex numbers and shared exponents.
ElementType safetensors_element_type(SafetensorsType type);

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

/// A header, and where in the file its data lie.
struct SafetensorsLayout {
    SafetensorsHeader header;
    std::uint64_t data_offset = 0, data_bytes = 0;
};

/// Reads the header of a whole file; throws DataError. No length is believed before the file has it.
SafetensorsLayout read_safetensors_layout(SeekableSource& source, const std::string& file);

}  // namespace halfscope
