// One PNG or JPEG picture: looked at, decoded and resized. Small pictures alone, so that inputs are quick.
#include "data/picture.h"
#include "fuzz_target.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::int64_t kMaximumPixels = 1 << 16;
    const std::string path = "fuzz.png";
    fuzz::read_or_refuse(path, [&] {
        const Picture picture = decode_picture(fuzz::view_of(data, size), path, kMaximumPixels);
        fuzz::expect(picture.width > 0 && picture.height > 0);
        const std::int64_t area = std::int64_t{picture.width} * picture.height;
        fuzz::expect(area <= kMaximumPixels && picture.rgb.size() == static_cast<std::size_t>(3 * area));
        const int side = 1 + static_cast<int>(size % 40);
        const std::vector<unsigned char> resized = resize_picture(picture, side, path);
        fuzz::expect(resized.size() == static_cast<std::size_t>(3 * side * side));
    });
    return 0;
}
