// Looks through a PNG or JPEG file before anything decodes it: its extents, and whether all is there that the
// decoder will ask for. Called by picture. Must not lean on the decoder: releases of stb_image read tables
// that a JPEG never defined, write past those that it defines too long, and unpack a PNG however large it
// gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace halfscope {

struct PictureHeader {
    std::int64_t width = 0, height = 0;
    bool has_transparency = false;
};

bool is_png(std::string_view bytes);
bool is_jpeg(std::string_view bytes);

/// Both throw DataError, one sentence that names the picture `path` and the offset of what is wrong.
/// PNG: the header (W3C PNG, 11.2.2) and every chunk up to the end is there; see also check_png_pixels.
PictureHeader read_png_header(std::string_view bytes, const std::string& path);
/// JPEG (ITU-T T.81, annex B): baseline or progressive, 8 bits, every table that a scan uses is well formed
/// and defined before it, every component has a scan, and the end is there.
PictureHeader read_jpeg_header(std::string_view bytes, const std::string& path);

/// Throws where the pixels of a PNG unpack to more than its extents need, are cut off or fail their checksum.
void check_png_pixels(std::string_view bytes, const PictureHeader& header, const std::string& path);

/// What these three throw.
[[noreturn]] void refuse_picture(const std::string& path, const std::string& reason);

/// `count` bytes as a number, the first the highest. They must be there.
std::size_t big_endian_at(std::string_view bytes, std::size_t offset, std::size_t count);

}  // namespace halfscope
