#include "data/idx_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include "data/data_error.h"
#include "data/file_bytes.h"
#include "data/inflate.h"

namespace halfscope {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803, kLabelsMagic = 0x00000801;
/// What a file may have on disk: gzip adds little to what it cannot compress.
constexpr std::uint64_t kMaximumFileBytes = kMaximumIdxBytes + (std::uint64_t{1} << 20);

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("IDX file '" + path + "' " + reason);
}

std::uint32_t big_endian_at(std::string_view bytes, std::size_t offset) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
    return value;
}

std::string hexadecimal(std::uint32_t value) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08X", value);
    return text.data();
}

/// What kind of IDX file is expected.
struct Expected {
    std::uint32_t magic;
    std::size_t dimensions;
    std::string content;  ///< "pictures"
};

/// "3 x 28 x 28 pictures".
std::string described(std::span<const std::uint32_t> extents, const std::string& content) {
    std::string text;
    for (std::uint32_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text + " " + content;
}

void check_magic(const NamedBytes& file, std::string_view header, const Expected& expected) {
    if (header.size() < 4) {
        refuse(file.path, "has only " + std::to_string(header.size()) +
                              " bytes and no header; give an IDX file of " + expected.content);
    }
    const std::uint32_t magic = big_endian_at(header, 0);
    if (magic == expected.magic) return;
    const bool is_other = magic == kImagesMagic || magic == kLabelsMagic;
    refuse(file.path, "begins with " + hexadecimal(magic) + " instead of " + hexadecimal(expected.magic) +
                          (is_other ? ": pictures and labels are mixed up; give an IDX file of "
                                    : "; give an IDX file of unsigned bytes with ") +
                          expected.content);
}

/// Product of the extents; refuses none and too many. Never overflows: it stops at the first excess.
std::uint64_t declared_bytes(const NamedBytes& file, std::span<const std::uint32_t> extents,
                             const Expected& expected) {
    if (std::find(extents.begin(), extents.end(), 0u) != extents.end()) {
        refuse(file.path,
               "is empty (" + described(extents, expected.content) + "); give one with something in it");
    }
    std::uint64_t bytes = 1;
    for (std::uint32_t extent : extents) {
        bytes *= extent;
        if (bytes > kMaximumIdxBytes) {
            refuse(file.path, "declares " + described(extents, expected.content) + ", more than the " +
                                  std::to_string(kMaximumIdxBytes >> 20) +
                                  " MiB that are read; give a part of it");
        }
    }
    return bytes;
}

struct IdxContent {
    std::vector<std::uint32_t> extents;
    std::string unpacked;   ///< holds the bytes of a gzipped file
    std::string_view data;  ///< behind the header
};

void read_content(IdxContent& content, const NamedBytes& file, const Expected& expected) {
    const std::size_t header_bytes = 4 + 4 * expected.dimensions;
    const bool is_packed = is_gzip(file.bytes);
    std::string_view all = file.bytes;
    if (is_packed) all = content.unpacked = unpack_gzip(file.bytes, file.path, header_bytes - 1);
    check_magic(file, all, expected);
    if (all.size() < header_bytes) {
        refuse(file.path, "ends within its header, after " + std::to_string(all.size()) + " of " +
                              std::to_string(header_bytes) + " bytes; fetch it again");
    }
    for (std::size_t i = 0; i < expected.dimensions; ++i) {
        content.extents.push_back(big_endian_at(all, 4 + 4 * i));
    }
    const std::uint64_t declared = header_bytes + declared_bytes(file, content.extents, expected);
    if (is_packed) all = content.unpacked = unpack_gzip(file.bytes, file.path, declared);
    const std::string promise = std::to_string(declared) + " bytes that its header declares (" +
                                described(content.extents, expected.content) + ")";
    if (all.size() < declared) {
        refuse(file.path,
               "ends after " + std::to_string(all.size()) + " of the " + promise + "; fetch it again");
    }
    if (all.size() > declared) {
        refuse(file.path, "goes on behind the " + promise + "; fetch it again");
    }
    content.data = all.substr(header_bytes);
}

/// The labels' name that belongs to this name of pictures, up to ".gz"; empty where it cannot be told.
std::string labels_name_of(std::string name) {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    const auto replace_last = [&name](const std::string& from, const std::string& to) {
        const std::size_t position = name.rfind(from);
        if (position != std::string::npos) name.replace(position, from.size(), to);
        return position != std::string::npos;
    };
    if (!replace_last("images", "labels")) return "";
    replace_last("idx3", "idx1");
    return name;
}

/// The file of labels beside the pictures: downloads differ in "-idx1" or ".idx1" and in ".gz".
std::string labels_path_of(const std::string& images_path) {
    namespace fs = std::filesystem;
    const fs::path images(images_path);
    const std::string name = labels_name_of(images.filename().string());
    if (name.empty()) {
        refuse(images_path, "has no 'images' in its name to find its labels by; give them with --labels");
    }
    std::vector<std::string> names{name};
    const std::size_t dot = name.rfind("idx1");
    if (dot != std::string::npos && dot > 0 && (name[dot - 1] == '-' || name[dot - 1] == '.')) {
        names.push_back(name);
        names.back()[dot - 1] = name[dot - 1] == '-' ? '.' : '-';
    }
    for (const std::string& candidate : names) {
        for (const char* ending : {"", ".gz"}) {
            const fs::path path = images.parent_path() / (candidate + ending);
            std::error_code error;
            if (fs::is_regular_file(path, error)) return path.string();
        }
    }
    refuse(images_path, "has no file of labels beside it (looked for '" + name +
                            "', also with .gz); give the labels with --labels");
}

}  // namespace

ImageSet read_idx_images(const std::string& images_path, const std::string& labels_path) {
    const FileKind kind{"IDX file", "give a file in it, or choose a folder of pictures as such",
                        "give a part of it"};
    const std::string images = read_file_bytes(images_path, kind, kMaximumFileBytes);
    const std::string found_path = labels_path.empty() ? labels_path_of(images_path) : labels_path;
    const std::string labels = read_file_bytes(found_path, kind, kMaximumFileBytes);
    return parse_idx_images({images_path, images}, {found_path, labels});
}

ImageSet parse_idx_images(const NamedBytes& images, const NamedBytes& labels) {
    IdxContent pictures, classes;
    read_content(pictures, images, {kImagesMagic, 3, "pictures"});
    read_content(classes, labels, {kLabelsMagic, 1, "labels"});
    if (pictures.extents[0] != classes.extents[0]) {
        refuse(labels.path, "has " + std::to_string(classes.extents[0]) + " labels but '" + images.path +
                                "' has " + std::to_string(pictures.extents[0]) +
                                " pictures; give the files that belong together");
    }
    ImageSet set;
    set.count = pictures.extents[0];
    set.channels = 1;
    set.height = pictures.extents[1];
    set.width = pictures.extents[2];
    set.pixels.resize(pictures.data.size());
    std::transform(pictures.data.begin(), pictures.data.end(), set.pixels.begin(),
                   [](char byte) { return static_cast<float>(static_cast<unsigned char>(byte)) / 255.0f; });
    set.labels.resize(classes.data.size());
    std::transform(classes.data.begin(), classes.data.end(), set.labels.begin(),
                   [](char byte) { return static_cast<std::int32_t>(static_cast<unsigned char>(byte)); });
    const std::int32_t largest = *std::max_element(set.labels.begin(), set.labels.end());
    for (std::int32_t label = 0; label <= largest; ++label) set.class_names.push_back(std::to_string(label));
    return set;
}

}  // namespace halfscope
