#include "data/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "data/byte_source.h"
#include "data/data_error.h"
#include "data/element_values.h"
#include "data/printable_text.h"
#include "data/safetensors_header.h"

namespace halfscope {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in the file");

void check_file_size(const std::string& file, std::uint64_t bytes) {
    if (bytes > kMaximumSafetensorsBytes) {
        refuse_safetensors(file, "has " + std::to_string(bytes >> 20) + " MiB, more than the " +
                                     std::to_string(kMaximumSafetensorsBytes >> 20) +
                                     " MiB that are read; give a part of it");
    }
}

template <class Stored>
void widen_integers(std::string_view data, StoredTensor& tensor) {
    tensor.integers.resize(data.size() / sizeof(Stored));
    for (std::size_t i = 0; i < tensor.integers.size(); ++i) {
        Stored value;
        std::memcpy(&value, data.data() + i * sizeof value, sizeof value);
        tensor.integers[i] = static_cast<std::int64_t>(value);  // NOLINT(bugprone-signed-char-misuse): I8
    }
}

void widen_floats(ElementType type, std::string_view data, StoredTensor& tensor) {
    tensor.values.resize(data.size() / element_bytes(type));
    LostDoubles lost;
    widen_elements(type, std::endian::little, data, tensor.values.data(), lost);
}

void fill(SafetensorsType type, std::string_view data, StoredTensor& tensor) {
    const ElementType floating = safetensors_element_type(type);
    if (floating != ElementType::other) return widen_floats(floating, data, tensor);
    switch (type) {
        case SafetensorsType::i64:
            return widen_integers<std::int64_t>(data, tensor);
        case SafetensorsType::i32:
            return widen_integers<std::int32_t>(data, tensor);
        case SafetensorsType::i16:
            return widen_integers<std::int16_t>(data, tensor);
        case SafetensorsType::i8:
            return widen_integers<std::int8_t>(data, tensor);
        case SafetensorsType::u32:
            return widen_integers<std::uint32_t>(data, tensor);
        case SafetensorsType::u16:
            return widen_integers<std::uint16_t>(data, tensor);
        case SafetensorsType::u8:
            return widen_integers<std::uint8_t>(data, tensor);
        case SafetensorsType::boolean:
            widen_integers<std::uint8_t>(data, tensor);
            for (std::int64_t& value : tensor.integers) value = value != 0;
            return;
        default:
            return;  // refused by check_types()
    }
}

/// Whether StoredTensor has room for what the tensors hold.
void check_types(const std::string& file, const SafetensorsHeader& header) {
    for (const SafetensorsEntry& entry : header.tensors) {
        if (entry.type != SafetensorsType::u64 && entry.type != SafetensorsType::e8m0 &&
            entry.type != SafetensorsType::c64)
            continue;
        throw DataError("safetensors file '" + file + "': tensor " + quoted_name(entry.name) +
                        " has the dtype '" + safetensors_type_name(entry.type) + "', which is not read");
    }
}

SafetensorsFile with_data(SafetensorsHeader header, std::string_view data) {
    SafetensorsFile file;
    file.metadata = std::move(header.metadata);
    file.tensors.reserve(header.tensors.size());
    for (SafetensorsEntry& entry : header.tensors) {
        StoredTensor& tensor = file.tensors.emplace_back();
        tensor.name = std::move(entry.name);
        tensor.dtype = safetensors_type_name(entry.type);
        tensor.shape = std::move(entry.shape);
        const auto begin = static_cast<std::size_t>(entry.begin), end = static_cast<std::size_t>(entry.end);
        fill(entry.type, data.substr(begin, end - begin), tensor);
    }
    return file;
}

}  // namespace

bool StoredTensor::is_float() const { return dtype.starts_with('F') || dtype.starts_with("BF"); }

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [name](const StoredTensor& tensor) { return tensor.name == name; });
    return found == tensors.end() ? nullptr : &*found;
}

SafetensorsFile parse_safetensors(std::string_view bytes, const std::string& name) {
    check_file_size(name, bytes.size());
    MemorySource source(bytes);
    SafetensorsLayout layout = read_safetensors_layout(source, name);
    check_types(name, layout.header);
    return with_data(std::move(layout.header), bytes.substr(static_cast<std::size_t>(layout.data_offset)));
}

SafetensorsFile read_safetensors(const std::string& path) {
    FileSource source(path, {"safetensors file", "give a safetensors file in it", ""});
    check_file_size(path, source.size());
    SafetensorsLayout layout = read_safetensors_layout(source, path);
    check_types(path, layout.header);
    std::string data(static_cast<std::size_t>(layout.data_bytes), '\0');
    source.read(data);
    return with_data(std::move(layout.header), data);
}

}  // namespace halfscope
