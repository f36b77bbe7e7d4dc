// Files as tests and fuzzing seeds need them, made in memory: IDX, gzip and PNG. Pictures and packing take
// the libraries that the readers use, so a build without those has neither.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#ifdef HALFSCOPE_HAS_ZLIB
#include <zlib.h>
#endif
#ifdef HALFSCOPE_HAS_STB
#include <stb/stb_image_write.h>
#endif

namespace halfscope::samples {

inline std::string big_endian(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFFu);
    return bytes;
}

/// An IDX file with that magic, those extents and that many bytes, 0, 1, 2 and so on.
inline std::string idx(std::uint32_t magic, const std::vector<std::uint32_t>& extents, std::size_t bytes) {
    std::string file = big_endian(magic);
    for (std::uint32_t extent : extents) file += big_endian(extent);
    for (std::size_t i = 0; i < bytes; ++i) file += static_cast<char>(i & 0xFFu);
    return file;
}

inline std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
    return idx(0x803, {count, height, width}, std::size_t{count} * height * width);
}
inline std::string idx_labels(std::uint32_t count) { return idx(0x801, {count}, count); }

#ifdef HALFSCOPE_HAS_ZLIB
/// One gzip member, or a zlib stream where `window` is 15.
inline std::string packed(const std::string& bytes, int window = 15 + 16) {
    z_stream stream{};
    deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// A chunk of a PNG file.
inline std::string png_chunk(const std::string& type, const std::string& data) {
    const std::string body = type + data;
    const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return big_endian(static_cast<std::uint32_t>(data.size())) + body +
           big_endian(static_cast<std::uint32_t>(sum));
}

/// A PNG of that kind, whatever its rows hold.
struct PngKind {
    std::uint32_t width = 1, height = 1;
    char depth = 8, colour_type = 0, interlace = 0;
};
inline std::string png_around(const PngKind& kind, const std::string& palette, const std::string& rows) {
    const std::string form{kind.depth, kind.colour_type, '\0', '\0', kind.interlace};
    return std::string("\x89PNG\r\n\x1A\n") +
           png_chunk("IHDR", big_endian(kind.width) + big_endian(kind.height) + form) +
           (palette.empty() ? "" : png_chunk("PLTE", palette)) + png_chunk("IDAT", packed(rows, 15)) +
           png_chunk("IEND", "");
}
#endif

#ifdef HALFSCOPE_HAS_STB
inline void append(void* out, void* data, int size) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
}
/// Pixels of that many channels, [height, width, channels], as a PNG or JPEG file.
inline std::string png(int width, int height, int channels, const std::vector<unsigned char>& pixels) {
    std::string file;
    stbi_write_png_to_func(append, &file, width, height, channels, pixels.data(), width * channels);
    return file;
}
inline std::string jpeg(int width, int height, int channels, const std::vector<unsigned char>& pixels) {
    std::string file;
    stbi_write_jpg_to_func(append, &file, width, height, channels, pixels.data(), 90);
    return file;
}
/// All pixels of one colour.
inline std::vector<unsigned char> plain(int width, int height, const std::vector<unsigned char>& colour) {
    std::vector<unsigned char> pixels;
    for (int i = 0; i < width * height; ++i) pixels.insert(pixels.end(), colour.begin(), colour.end());
    return pixels;
}
#endif

}  // namespace halfscope::samples
