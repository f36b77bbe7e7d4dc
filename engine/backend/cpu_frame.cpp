#include "backend/cpu_frame.h"

#include <algorithm>

#include "backend/cpu_convert.h"
#include "backend/cpu_segment.h"

namespace halfscope {

const float* FramedPictures::as_it_is() const {
    const bool same = view.format == Format::fp32 && operands == Format::fp32 && view.contiguous() &&
                      frame_height == height && frame_width == width && spacing == 1;
    return same ? static_cast<const float*>(view.data) : nullptr;
}

void FramedPictures::write_lines(std::int64_t image, std::int64_t first, std::int64_t count,
                                 float* out) const {
    const std::int64_t channels = view.cols;
    for (std::int64_t row = first; row < first + count; ++row, out += line()) {
        const std::int64_t below = row - margin_y;
        if (below < 0 || below % spacing != 0 || below / spacing >= height) {
            std::fill_n(out, line(), 0.0f);
            continue;
        }
        const std::int64_t pixel = (image * height + below / spacing) * width;
        if (spacing == 1 && view.contiguous()) {
            float* const to = out + margin_x * channels;
            std::fill(out, to, 0.0f);
            widen(view.format, element_address(view, pixel, 0), to, width * channels);
            std::fill(to + width * channels, out + line(), 0.0f);
        } else {
            std::fill_n(out, line(), 0.0f);
            for (std::int64_t x = 0; x < width; ++x) {
                widen(view.format, element_address(view, pixel + x, 0),
                      out + (margin_x + spacing * x) * channels, channels);
            }
        }
        if (operands != Format::fp32) round_in_place(operands, out, line(), Subnormals::keep);
    }
}

}  // namespace halfscope
