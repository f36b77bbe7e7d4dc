// The table of number formats: one row each, read by everything that must know a range, a name or a size.
// Rounding into them is rounding.h; this header must not convert values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "numerics/portability.h"

namespace halfscope {

/// How a number is stored; tf32 only says how a GEMM operand is rounded (FormatInfo::is_storage is false).
enum class Format : std::uint8_t { fp32, tf32, fp16, bf16, e4m3, e5m2 };

inline constexpr int kFormatCount = 6;

/// Whether results below the smallest normal number keep their reduced precision or are stored as zero.
enum class Subnormals : std::uint8_t { keep, flush };

/// One row of the table. `bytes` is the size of an element in memory; max, min_normal and min_subnormal are
/// positive.
struct FormatInfo {
    const char* name;
    int exponent_bits;
    int mantissa_bits;  ///< stored ones, without the implicit bit
    int bias;
    int bytes;
    float max;
    float min_normal;
    float min_subnormal;
    bool has_infinity;
    bool is_storage;
};

/// Size of an element in memory. Apart from the table, whose rows are too large for loops that address
/// elements.
HALFSCOPE_INLINE constexpr int format_bytes(Format format) {
    switch (format) {
        case Format::fp32:
        case Format::tf32:
            return 4;
        case Format::fp16:
        case Format::bf16:
            return 2;
        case Format::e4m3:
        case Format::e5m2:
            break;
    }
    return 1;
}

/// FP32, FP16: IEEE 754. BF16, TF32: FP32's exponent with 7 and 10 mantissa bits. E4M3, E5M2: OCP 8-bit
/// floating point specification 1.0; E4M3 spends its top exponent on numbers, so it has one NaN code per sign
/// and no infinity.
HALFSCOPE_HD constexpr FormatInfo format_info(Format format) {
    switch (format) {
        case Format::fp32:
            return {"fp32",          8,         23,        127,  format_bytes(format),
                    0x1.fffffep127f, 0x1p-126f, 0x1p-149f, true, true};
        case Format::tf32:
            return {"tf32",       8,         10,        127,  format_bytes(format),
                    0x1.ffcp127f, 0x1p-126f, 0x1p-136f, true, false};
        case Format::fp16:
            return {"fp16", 5, 10, 15, format_bytes(format), 65504.0f, 0x1p-14f, 0x1p-24f, true, true};
        case Format::bf16:
            return {"bf16", 8, 7, 127, format_bytes(format), 0x1.fep127f, 0x1p-126f, 0x1p-133f, true, true};
        case Format::e4m3:
            return {"e4m3", 4, 3, 7, format_bytes(format), 448.0f, 0x1p-6f, 0x1p-9f, false, true};
        case Format::e5m2:
            break;
    }
    return {"e5m2", 5, 2, 15, format_bytes(format), 57344.0f, 0x1p-14f, 0x1p-16f, true, true};
}

/// The format of that name as FormatInfo spells it; nothing where there is none.
inline std::optional<Format> format_from_name(std::string_view name) {
    for (int index = 0; index < kFormatCount; ++index) {
        const Format format = static_cast<Format>(index);
        if (name == format_info(format).name) return format;
    }
    return std::nullopt;
}

}  // namespace halfscope
