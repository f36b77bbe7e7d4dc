#include "data/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "data/data_error.h"
#include "data/safetensors_header.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in the file");

constexpr std::uint64_t kLengthBytes = 8;

std::uint64_t header_length(std::string_view bytes) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    return length;
}

/// Of a file of `file_bytes` that starts with `length`.
void check_header_length(const std::string& file, std::uint64_t length, std::uint64_t file_bytes) {
    if (length > kMaximumSafetensorsHeaderBytes) {
        refuse_safetensors(file, "gives its header a length of " + std::to_string(length) +
                                     " bytes at offset 0; it is damaged or no safetensors file");
    }
    if (length > file_bytes - kLengthBytes) {
        refuse_safetensors(file, "ends at offset " + std::to_string(file_bytes) + ", inside its header of " +
                                     std::to_string(length) + " bytes; it is cut off or no safetensors file");
    }
}

void check_file_size(const std::string& file, std::uint64_t bytes) {
    if (bytes < kLengthBytes) {
        refuse_safetensors(file,
                           "has only " + std::to_string(bytes) +
                               " bytes, less than the header's length takes; it is no safetensors file");
    }
    if (bytes > kMaximumSafetensorsBytes) {
        refuse_safetensors(file, "has " + std::to_string(bytes >> 20) + " MiB, more than the " +
                                     std::to_string(kMaximumSafetensorsBytes >> 20) +
                                     " MiB that are read; give a part of it");
    }
}

/// Element i of a tensor's bytes.
template <class Stored>
Stored element(std::string_view data, std::size_t i) {
    Stored value;
    std::memcpy(&value, data.data() + i * sizeof value, sizeof value);
    return value;
}

template <class Stored, class Value, class Widen>
void widen(std::string_view data, std::vector<Value>& values, Widen widen_one) {
    values.resize(data.size() / sizeof(Stored));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = widen_one(element<Stored>(data, i));
}

template <class Stored>
void widen_integers(std::string_view data, StoredTensor& tensor) {
    widen<Stored>(data, tensor.integers, [](Stored value) { return static_cast<std::int64_t>(value); });
}

void fill(SafetensorsType type, std::string_view data, StoredTensor& tensor) {
    switch (type) {
        case SafetensorsType::f64:
            widen<double>(data, tensor.values, [](double value) { return static_cast<float>(value); });
            break;
        case SafetensorsType::f32:
            widen<float>(data, tensor.values, [](float value) { return value; });
            break;
        case SafetensorsType::f16:
            widen<std::uint16_t>(data, tensor.values,
                                 [](std::uint16_t code) { return decode(Format::fp16, code); });
            break;
        case SafetensorsType::bf16:
            widen<std::uint16_t>(data, tensor.values,
                                 [](std::uint16_t code) { return decode(Format::bf16, code); });
            break;
        case SafetensorsType::i64:
            widen_integers<std::int64_t>(data, tensor);
            break;
        case SafetensorsType::i32:
            widen_integers<std::int32_t>(data, tensor);
            break;
        case SafetensorsType::i16:
            widen_integers<std::int16_t>(data, tensor);
            break;
        case SafetensorsType::i8:
            widen_integers<std::int8_t>(data, tensor);
            break;
        case SafetensorsType::u32:
            widen_integers<std::uint32_t>(data, tensor);
            break;
        case SafetensorsType::u16:
            widen_integers<std::uint16_t>(data, tensor);
            break;
        case SafetensorsType::u8:
            widen_integers<std::uint8_t>(data, tensor);
            break;
        case SafetensorsType::boolean:
            widen<std::uint8_t>(data, tensor.integers,
                                [](std::uint8_t value) { return std::int64_t{value != 0}; });
            break;
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

std::uint64_t regular_file_bytes(const std::string& path) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        refuse_safetensors(path, "does not exist; check the path");
    }
    if (error)
        refuse_safetensors(path, "cannot be looked at (" + error.message() + "); check its permissions");
    if (std::filesystem::is_directory(status)) {
        refuse_safetensors(path, "is a folder; give a safetensors file in it");
    }
    if (!std::filesystem::is_regular_file(status))
        refuse_safetensors(path, "is not a regular file; give one");
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error)
        refuse_safetensors(path, "cannot be measured (" + error.message() + "); check its permissions");
    return bytes;
}

std::string read_bytes(const std::string& path, std::ifstream& file, std::uint64_t count) {
    std::string bytes(static_cast<std::size_t>(count), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(count));
    if (file.gcount() != static_cast<std::streamsize>(count)) {
        refuse_safetensors(path, "could not be read to its end; check the disk and try again");
    }
    return bytes;
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
    const std::uint64_t length = header_length(bytes);
    check_header_length(name, length, bytes.size());
    const std::string_view data = bytes.substr(static_cast<std::size_t>(kLengthBytes + length));
    const std::string_view text = bytes.substr(kLengthBytes, static_cast<std::size_t>(length));
    return with_data(parse_safetensors_header(name, text, data.size()), data);
}

SafetensorsFile read_safetensors(const std::string& path) {
    const std::uint64_t bytes = regular_file_bytes(path);
    check_file_size(path, bytes);
    std::ifstream file(path, std::ios::binary);
    if (!file) refuse_safetensors(path, "cannot be opened; check its permissions");
    const std::uint64_t length = header_length(read_bytes(path, file, kLengthBytes));
    check_header_length(path, length, bytes);
    const std::uint64_t data_bytes = bytes - kLengthBytes - length;
    SafetensorsHeader header = parse_safetensors_header(path, read_bytes(path, file, length), data_bytes);
    return with_data(std::move(header), read_bytes(path, file, data_bytes));
}

}  // namespace halfscope
