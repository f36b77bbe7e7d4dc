// IDX pictures and labels, plain and gzipped. The first two bytes say how many of the rest are the pictures'
// file; what is left is the labels'.
#include <algorithm>

#include "data/idx_file.h"
#include "fuzz_target.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t split = std::min<std::size_t>(data[0] + 256u * data[1], size - 2);
    const std::string_view files = fuzz::view_of(data + 2, size - 2);
    const std::string images_path = "fuzz-images", labels_path = "fuzz-labels";
    fuzz::read_or_refuse("fuzz-", [&] {
        const ImageSet set =
            parse_idx_images({images_path, files.substr(0, split)}, {labels_path, files.substr(split)});
        const auto count = static_cast<std::size_t>(set.count);
        fuzz::expect(set.count > 0 && set.channels == 1 && set.labels.size() == count);
        fuzz::expect(set.pixels.size() == static_cast<std::size_t>(set.count * set.height * set.width));
        for (float pixel : set.pixels) fuzz::expect(pixel >= 0.0f && pixel <= 1.0f);
        const auto classes = static_cast<std::int32_t>(set.class_names.size());
        for (std::int32_t label : set.labels) fuzz::expect(label >= 0 && label < classes);
    });
    return 0;
}
