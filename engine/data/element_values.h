// What the bytes of a tensor's elements mean: the floating-point ones as FP32. Called by the readers of
// tensors and by whoever counts what they read. Must not round but for F64, nor count classes: that is
// numerics'.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "numerics/format.h"

namespace halfscope {

/// How an element is stored. The last stands for whatever is no floating-point number.
enum class ElementType : std::uint8_t { f64, f32, f16, bf16, e4m3, e5m2, other };

/// Bytes of one; 0 for `other`, which has none of its own.
std::size_t element_bytes(ElementType type);
/// The narrowest Format that holds every value that comes out of widening: FP32 for F64. Not for `other`.
Format element_format(ElementType type);

/// Doubles that are numbers but zero and that FP32 does not hold: `to_inf` rounded to infinity (from
/// 2^128 - 2^103), `to_zero` to a zero (up to 2^-150).
struct LostDoubles {
    std::uint64_t to_inf = 0;
    std::uint64_t to_zero = 0;

    friend bool operator==(const LostDoubles&, const LostDoubles&) = default;
};

/// The elements in `bytes` as FP32, one behind the other: exactly, but for F64, which is rounded to the
/// nearest (and what FP32 does not hold is counted in `lost`). `values` has room for all of them. Bytes that
/// make no whole element are passed over; `other` has no values.
void widen_elements(ElementType type, std::endian order, std::string_view bytes, float* values,
                    LostDoubles& lost);

}  // namespace halfscope
