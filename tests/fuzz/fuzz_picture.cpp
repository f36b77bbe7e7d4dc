// One PNG or JPEG picture: looked at, decoded and resized. Small pictures alone, so that inputs are quick. An
// input that begins with a zero is the inside of a PNG: five bytes for its kind, and rows that are packed
// here, since no mutation hits upon a checksum.
#include "data/picture.h"
#include "fuzz_target.h"
#include "support/file_samples.h"

using namespace halfscope;

namespace {

constexpr std::int64_t kMaximumPixels = 1 << 16;

void decode(std::string_view bytes) {
    const std::string path = "fuzz.png";
    fuzz::read_or_refuse(path, [&] {
        const Picture picture = decode_picture(bytes, path, kMaximumPixels);
        fuzz::expect(picture.width > 0 && picture.height > 0);
        const std::int64_t area = std::int64_t{picture.width} * picture.height;
        fuzz::expect(area <= kMaximumPixels && picture.rgb.size() == static_cast<std::size_t>(3 * area));
        const int side = 1 + static_cast<int>(bytes.size() % 40);
        const std::vector<unsigned char> resized = resize_picture(picture, side, path);
        fuzz::expect(resized.size() == static_cast<std::size_t>(3 * side * side));
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::view_of(data, size);
#ifdef HALFSCOPE_HAS_ZLIB
    if (size >= 6 && data[0] == 0) {
        const samples::PngKind kind{data[1], data[2], bytes[3], bytes[4], bytes[5]};
        const bool has_palette = kind.colour_type == 3;
        const std::string palette(has_palette ? bytes.substr(6, 12) : std::string_view());
        decode(
            samples::png_around(kind, palette, std::string(bytes.substr(has_palette && size > 18 ? 18 : 6))));
        return 0;
    }
#endif
    decode(bytes);
    return 0;
}
