#include "data/picture.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "data/picture_header.h"
#include "data/printable_text.h"

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

/// Deflate packs at most 1032 bytes into one, and a byte holds at most 8 pixels; JPEG packs less.
constexpr std::int64_t kMaximumPixelsOfByte = 1032 * 8;

void check_extents(const PictureHeader& header, std::size_t bytes, const std::string& path,
                   std::int64_t maximum_pixels) {
    const std::string size = std::to_string(header.width) + "x" + std::to_string(header.height) + " pixels";
    if (std::min(header.width, header.height) < 1) {
        refuse_picture(path, "has " + size + "; replace or remove it");
    }
    if (std::max(header.width, header.height) > kMaximumPictureSide) {
        refuse_picture(path, "has " + size + ", more than " + std::to_string(kMaximumPictureSide) +
                                 " a side; scale it down or remove it");
    }
    const std::int64_t pixels = header.width * header.height;
    if (pixels > maximum_pixels) {
        refuse_picture(path, "has " + size + ", more than " + std::to_string(maximum_pixels) +
                                 " in all; scale it down or remove it");
    }
    if (pixels > static_cast<std::int64_t>(bytes) * kMaximumPixelsOfByte) {
        refuse_picture(path, "declares " + size + " but has only " + std::to_string(bytes) +
                                 " bytes; replace or remove it");
    }
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
    if (!is_png(bytes) && !is_jpeg(bytes)) {
        refuse_picture(path, "is neither PNG nor JPEG by its content; convert or remove it");
    }
    if (bytes.size() > kMaximumPictureBytes) {
        refuse_picture(path, "has more than " + std::to_string(kMaximumPictureBytes >> 20) +
                                 " MiB; scale it down or remove it");
    }
    const PictureHeader header = is_png(bytes) ? read_png_header(bytes, path) : read_jpeg_header(bytes, path);
    check_extents(header, bytes.size(), path, maximum_pixels);
    if (is_png(bytes)) check_png_pixels(bytes, header, path);
    Picture picture;
    int channels = 0;
    const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
        stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                              &picture.width, &picture.height, &channels, 3),
        stbi_image_free);
    if (!decoded) {
        // The reason may quote the file.
        const char* reason = stbi_failure_reason();
        refuse_picture(path, "cannot be decoded (" + printable_line(reason != nullptr ? reason : "damaged") +
                                 "); replace or remove it");
    }
    const std::size_t area =
        static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
    picture.rgb.assign(decoded.get(), decoded.get() + 3 * area);
    picture.is_grey = is_grey(picture.rgb);
    picture.had_transparency = header.has_transparency;
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
    if (!is_done) refuse_picture(path, "cannot be resized for want of memory; close other programs");
    return out;
}

#else

Picture decode_picture(std::string_view, const std::string& path, std::int64_t) {
    refuse_picture(
        path,
        "cannot be decoded, since this build has no stb; install libstb-dev and build again, or give IDX "
        "files");
}

std::vector<unsigned char> resize_picture(const Picture&, int, const std::string& path) {
    refuse_picture(path,
                   "cannot be resized, since this build has no stb; install libstb-dev and build again");
}

#endif

}  // namespace halfscope
