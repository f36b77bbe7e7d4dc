// Built-in pictures to classify: the digits 0 to 9, drawn by a few strokes each and never twice alike, so
// that an image network has something to learn without a file. Called by scenarios. Must not use a libm: the
// bits are the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/image_set.h"

namespace halfscope {

/// `count` grey pictures of side x side pixels (side >= 8), light strokes on dark ground; picture i shows the
/// digit i mod 10. Its strokes are bent, rotated, scaled, sheared and moved, thick or thin, bright or faint,
/// and stand in noise, all by draws that are a pure function of (seed, purpose, i). `purpose` ("train",
/// "validation") keys independent streams.
ImageSet make_glyphs(std::int64_t count, int side, std::uint64_t seed, std::string_view purpose);

}  // namespace halfscope
