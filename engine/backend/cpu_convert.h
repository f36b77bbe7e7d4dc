// Bulk conversion between float and storage codes: the fast twin of numerics/rounding.h, with the same bits.
// Called by the CPU backend's loads, stores and copies, and by who downloads tensors. It must not define a
// rounding of its own.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/rounding.h"

namespace halfscope {

/// out[i] = the value of codes[i], exactly. `codes` holds n elements of the format's storage type (4, 2 or 1
/// bytes, aligned as such; tf32 is stored as fp32). The ranges must not overlap.
void widen(Format format, const void* codes, float* out, int64_t n);

/// codes[i] = in[i] rounded to nearest, ties to even, as encode() of numerics/rounding.h does it. fp32 is a
/// copy.
void narrow(Format format, const float* in, void* codes, int64_t n, Subnormals subnormals);

/// The same for `rows` rows of `cols` elements, in_pitch and code_pitch elements apart; bias[c], where there
/// is one, is added in FP32 before. `sums`, where there are, get what was rounded, rows without a gap.
void narrow_rows(Format format, const float* in, int64_t in_pitch, const float* bias, void* codes,
                 int64_t code_pitch, int64_t rows, int64_t cols, Subnormals subnormals,
                 float* sums = nullptr);

/// values[i] = round_to(format, values[i], subnormals): what a store and a load would make of it.
void round_in_place(Format format, float* values, int64_t n, Subnormals subnormals);

}  // namespace halfscope
