#include "data/picture.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>

#include "data/data_error.h"
#include "data/inflate.h"

#ifdef HALFSCOPE_HAS_STB
#include <stb/stb_image.h>
#if __has_include(<stb/stb_image_resize2.h>)
#include <stb/stb_image_resize2.h>
#define HALFSCOPE_STB_RESIZE_2
#else
#include <stb/stb_image_resize.h>
#endif
#endif

namespace halfscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("picture '" + path + "' " + reason);
}

}  // namespace

bool has_picture_name(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return false;
    std::string ending(name.substr(dot + 1));
    std::transform(ending.begin(), ending.end(), ending.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return ending == "png" || ending == "jpg" || ending == "jpeg";
}

#ifdef HALFSCOPE_HAS_STB
namespace {

constexpr std::string_view kPngSignature{"\x89PNG\r\n\x1A\n", 8};
constexpr std::string_view kJpegStart{"\xFF\xD8\xFF", 3};
/// Deflate packs at most 1032 bytes into one, and a byte holds at most 8 pixels; JPEG packs less.
constexpr std::int64_t kMaximumPixelsOfByte = 1032 * 8;

std::size_t byte_at(std::string_view bytes, std::size_t offset) {
    return static_cast<unsigned char>(bytes[offset]);
}

std::size_t big_endian_at(std::string_view bytes, std::size_t offset, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, offset + i);
    return value;
}

struct Extents {
    int width = 0, height = 0, channels = 0;
};

Extents extents_of(std::string_view bytes, const std::string& path) {
    Extents extents;
    const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
    const bool is_known = stbi_info_from_memory(data, static_cast<int>(bytes.size()), &extents.width,
                                                &extents.height, &extents.channels) != 0;
    if (!is_known || extents.width < 1 || extents.height < 1) {
        const char* reason = stbi_failure_reason();
        refuse(path, std::string("has no readable header (") +
                         (!is_known && reason != nullptr ? reason : "no extents") +
                         "); replace or remove it");
    }
    return extents;
}

void check_extents(const Extents& extents, std::size_t bytes, const std::string& path,
                   std::int64_t maximum_pixels) {
    const std::string size = std::to_string(extents.width) + "x" + std::to_string(extents.height) + " pixels";
    if (std::max(extents.width, extents.height) > kMaximumPictureSide) {
        refuse(path, "has " + size + ", more than " + std::to_string(kMaximumPictureSide) +
                         " a side; scale it down or remove it");
    }
    const std::int64_t pixels = std::int64_t{extents.width} * extents.height;
    if (pixels > maximum_pixels) {
        refuse(path, "has " + size + ", more than " + std::to_string(maximum_pixels) +
                         " in all; scale it down or remove it");
    }
    if (pixels > static_cast<std::int64_t>(bytes) * kMaximumPixelsOfByte) {
        refuse(path, "declares " + size + " but has only " + std::to_string(bytes) +
                         " bytes; replace or remove it");
    }
}

/// Walks the chunks (PNG specification, section 5.3): all there, and not more in them than the extents need,
/// because stb unpacks whatever there is.
void check_png(std::string_view bytes, const Extents& extents, const std::string& path) {
    // 8 bytes a pixel at most, and a filter byte and a part of a byte for each row of the 7 passes.
    const std::uint64_t limit = 8 * (static_cast<std::uint64_t>(extents.width) + 8) *
                                (static_cast<std::uint64_t>(extents.height) + 8);
    UnpackedSize unpacked;
    for (std::size_t offset = kPngSignature.size(); offset + 12 <= bytes.size();) {
        const std::size_t length = big_endian_at(bytes, offset, 4);
        const std::string_view type = bytes.substr(offset + 4, 4);
        if (length > bytes.size() - offset - 12) break;
        if (type == "IEND") return;
        if (type == "IDAT" && !unpacked.stays_within(bytes.substr(offset + 8, length), limit)) {
            refuse(path, "unpacks to more than its " + std::to_string(extents.width) + "x" +
                             std::to_string(extents.height) + " pixels need; replace or remove it");
        }
        offset += length + 12;
    }
    refuse(path, "is cut off after " + std::to_string(bytes.size()) + " bytes; replace or remove it");
}

/// Walks the segments up to the scan (ITU-T T.81, annex B) and wants an end behind it.
void check_jpeg(std::string_view bytes, const std::string& path) {
    constexpr std::size_t kScan = 0xDA;
    for (std::size_t offset = 2; offset + 4 <= bytes.size();) {
        const std::size_t marker = byte_at(bytes, offset + 1);
        if (byte_at(bytes, offset) != 0xFF || marker == 0xFF) {
            ++offset;  // fill bytes, and what stb passes over as well
        } else if (marker == kScan) {
            if (bytes.find("\xFF\xD9", offset) == std::string_view::npos) break;
            return;
        } else if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
            offset += 2;  // markers without a length
        } else {
            offset += 2 + big_endian_at(bytes, offset + 2, 2);
        }
    }
    refuse(path, "is cut off after " + std::to_string(bytes.size()) + " bytes; replace or remove it");
}

bool is_grey(const std::vector<unsigned char>& rgb) {
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
        if (rgb[i] != rgb[i + 1] || rgb[i] != rgb[i + 2]) return false;
    }
    return true;
}

}  // namespace

Picture decode_picture(std::string_view bytes, const std::string& path, std::int64_t maximum_pixels) {
    // Other formats that stb knows are not asked for: less to go wrong.
    const bool is_png = bytes.starts_with(kPngSignature);
    if (!is_png && !bytes.starts_with(kJpegStart)) {
        refuse(path, "is neither PNG nor JPEG by its content; convert or remove it");
    }
    if (bytes.size() > kMaximumPictureBytes) {
        refuse(path, "has more than " + std::to_string(kMaximumPictureBytes >> 20) +
                         " MiB; scale it down or remove it");
    }
    const Extents extents = extents_of(bytes, path);
    check_extents(extents, bytes.size(), path, maximum_pixels);
    if (is_png) {
        check_png(bytes, extents, path);
    } else {
        check_jpeg(bytes, path);
    }
    Picture picture;
    int channels = 0;
    const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
        stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                              &picture.width, &picture.height, &channels, 3),
        stbi_image_free);
    if (!decoded) {
        const char* reason = stbi_failure_reason();
        refuse(path, std::string("cannot be decoded (") + (reason != nullptr ? reason : "damaged") +
                         "); replace or remove it");
    }
    const std::size_t area =
        static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
    picture.rgb.assign(decoded.get(), decoded.get() + 3 * area);
    picture.is_grey = is_grey(picture.rgb);
    picture.had_transparency = extents.channels == 2 || extents.channels == 4;
    return picture;
}

std::vector<unsigned char> resize_picture(const Picture& picture, int side, const std::string& path) {
    if (picture.width == side && picture.height == side) return picture.rgb;
    std::vector<unsigned char> out(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3);
#ifdef HALFSCOPE_STB_RESIZE_2
    const bool is_done = stbir_resize_uint8_linear(picture.rgb.data(), picture.width, picture.height, 0,
                                                   out.data(), side, side, 0, STBIR_RGB) != nullptr;
#else
    const bool is_done = stbir_resize_uint8(picture.rgb.data(), picture.width, picture.height, 0, out.data(),
                                            side, side, 0, 3) != 0;
#endif
    if (!is_done) refuse(path, "cannot be resized for want of memory; close other programs");
    return out;
}

#else

Picture decode_picture(std::string_view, const std::string& path, std::int64_t) {
    refuse(path,
           "cannot be decoded, since this build has no stb; install libstb-dev and build again, or give IDX "
           "files");
}

std::vector<unsigned char> resize_picture(const Picture&, int, const std::string& path) {
    refuse(path, "cannot be resized, since this build has no stb; install libstb-dev and build again");
}

#endif

}  // namespace halfscope
