#include "data/data_error.h"
#include "data/inflate.h"
#include "data/picture_header.h"

namespace halfscope {
namespace {

constexpr std::string_view kSignature{"\x89PNG\r\n\x1A\n", 8};
constexpr std::size_t kHeaderBytes = 13;

/// Calls `visit(type, data)` for each chunk up to the end.
template <class Visit>
void for_each_chunk(std::string_view bytes, const std::string& path, const Visit& visit) {
    for (std::size_t offset = kSignature.size(); offset + 12 <= bytes.size();) {
        const std::size_t length = big_endian_at(bytes, offset, 4);
        const std::string_view type = bytes.substr(offset + 4, 4);
        if (length > bytes.size() - offset - 12) break;
        if (type == "IEND") return;
        visit(type, bytes.substr(offset + 8, length));
        offset += length + 12;
    }
    refuse_picture(path, "is cut off after " + std::to_string(bytes.size()) + " bytes; replace or remove it");
}

}  // namespace

void refuse_picture(const std::string& path, const std::string& reason) {
    throw DataError("picture '" + path + "' " + reason);
}

std::size_t big_endian_at(std::string_view bytes, std::size_t offset, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
    return value;
}

bool is_png(std::string_view bytes) { return bytes.starts_with(kSignature); }

PictureHeader read_png_header(std::string_view bytes, const std::string& path) {
    PictureHeader header;
    bool is_first = true;
    for_each_chunk(bytes, path, [&](std::string_view type, std::string_view data) {
        if (is_first && (type != "IHDR" || data.size() != kHeaderBytes)) {
            refuse_picture(path, "has no header at byte 8; replace or remove it");
        }
        if (is_first) {
            header.width = static_cast<std::int64_t>(big_endian_at(data, 0, 4));
            header.height = static_cast<std::int64_t>(big_endian_at(data, 4, 4));
            const std::size_t colour_type = big_endian_at(data, 9, 1);
            header.has_transparency = colour_type == 4 || colour_type == 6;
        }
        header.has_transparency = header.has_transparency || type == "tRNS";
        is_first = false;
    });
    return header;
}

void check_png_pixels(std::string_view bytes, const PictureHeader& header, const std::string& path) {
    // 8 bytes a pixel at most, and a filter byte and a part of a byte for each row of the 7 passes.
    const auto width = static_cast<std::uint64_t>(header.width);
    const auto height = static_cast<std::uint64_t>(header.height);
    StreamCheck stream(8 * (width + 8) * (height + 8));
    for_each_chunk(bytes, path, [&](std::string_view type, std::string_view data) {
        if (type == "IDAT") stream.feed(data);
    });
    if (stream.state() == StreamState::too_large) {
        refuse_picture(path, "unpacks to more than its " + std::to_string(width) + "x" +
                                 std::to_string(height) + " pixels need; replace or remove it");
    }
    if (stream.state() != StreamState::complete) {
        refuse_picture(path, "has pixels that are damaged or cut off; replace or remove it");
    }
}

}  // namespace halfscope
