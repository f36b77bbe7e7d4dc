// NumPy's files as tests and fuzzing seeds need them, made in memory: npy, and zip archives, which take the
// library that the reader uses, so a build without it makes none. And what a reader of tensors hands over, as
// values.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/tensor_file.h"

#ifdef HALFSCOPE_HAS_LIBZIP
#include <zip.h>
#endif

namespace halfscope::samples {

/// The values as they lie in a file, least significant byte first, or last.
template <class Value>
std::string bytes_of(const std::vector<Value>& values, std::endian order = std::endian::little) {
    std::string bytes;
    for (const Value value : values) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        if (order == std::endian::big) std::reverse(raw, raw + sizeof value);
        bytes.append(raw, sizeof value);
    }
    return bytes;
}

/// An npy file with that header, whatever it says.
inline std::string npy_around(const std::string& dictionary, const std::string& data, int version = 1) {
    std::string file = "\x93NUMPY";
    file += static_cast<char>(version);
    file += '\0';
    for (std::size_t byte = 0; byte < (version == 1 ? 2 : 4); ++byte)
        file += static_cast<char>(dictionary.size() >> (8 * byte) & 0xFFu);
    return file + dictionary + data;
}

/// An npy file as NumPy writes it: npy("<f4", "(2, 3)", ...).
inline std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                       const std::string& fortran_order = "False") {
    std::string dictionary =
        "{'descr': '" + descr + "', 'fortran_order': " + fortran_order + ", 'shape': " + shape + ", }";
    dictionary.append(63 - (10 + dictionary.size()) % 64, ' ');
    return npy_around(dictionary + "\n", data);
}

/// All values of a tensor; by the way, that the pieces are as promised.
inline std::vector<float> values_of(TensorFile& file, std::size_t index, LostDoubles& lost) {
    const TensorHeading& heading = file.tensors().at(index);
    std::vector<float> values;
    file.read(index, [&](std::string_view piece) {
        if (piece.size() > std::size_t{1} << 18) throw std::length_error("a piece is too large");
        const std::size_t count = piece.size() / element_bytes(heading.type);
        if (count * element_bytes(heading.type) != piece.size()) throw std::length_error("half an element");
        values.resize(values.size() + count);
        widen_elements(heading.type, heading.order, piece, values.data() + values.size() - count, lost);
        return true;
    });
    return values;
}
inline std::vector<float> values_of(TensorFile& file, std::size_t index = 0) {
    LostDoubles lost;
    return values_of(file, index, lost);
}

#ifdef HALFSCOPE_HAS_LIBZIP
enum class Packing { stored, deflated };
struct ZipEntry {
    std::string name, bytes;
    Packing packing = Packing::stored;
};

/// A zip archive with these entries.
inline std::string zip_of(const std::vector<ZipEntry>& entries) {
    zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, nullptr);
    zip_source_keep(target);  // it outlives the archive, to be read
    zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, nullptr);
    for (const ZipEntry& entry : entries) {
        zip_source_t* source = zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0);
        const zip_int64_t index = zip_file_add(archive, entry.name.c_str(), source, 0);
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                                 entry.packing == Packing::stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE, 0);
        zip_file_set_mtime(archive, static_cast<zip_uint64_t>(index), 1'000'000'000, 0);
    }
    zip_close(archive);
    zip_stat_t stat;
    zip_stat_init(&stat);
    zip_source_stat(target, &stat);
    std::string bytes(stat.size, '\0');
    zip_source_open(target);
    zip_source_read(target, bytes.data(), bytes.size());
    zip_source_close(target);
    zip_source_free(target);
    return bytes;
}
#endif

}  // namespace halfscope::samples
