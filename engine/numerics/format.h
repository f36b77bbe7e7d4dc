// The Format table: the number formats Halfscope knows, one row each. Read everywhere; the only place with
// their constants. Sources: IEEE 754-2019 (fp32, fp16), NVIDIA A100 whitepaper (tf32), Intel/Google bfloat16,
// OCP 8-bit Floating Point 1.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "numerics/portability.h"

namespace halfscope {

/// How a number is stored; tf32 is a way GEMM operands are rounded, stored in 32 bits.
enum class Format : std::uint8_t { fp32, tf32, fp16, bf16, e4m3, e5m2 };
inline constexpr int kFormatCount = 6;

/// What becomes of results between zero and the smallest normal number.
enum class Subnormals : std::uint8_t { keep, flush };

struct FormatInfo {
    const char* name;
    int exponent_bits;
    int mantissa_bits;  ///< stored bits, without the implicit one
    int bias;
    int bytes;  ///< of one element in memory
    float max;  ///< largest finite value
    float min_normal;
    float min_subnormal;
    bool has_infinity;
    bool is_storage;  ///< false for tf32
};

HALFSCOPE_HD constexpr FormatInfo format_info(Format format) {
    switch (format) {
        case Format::fp32:
            return {"fp32", 8, 23, 127, 4, 0x1.fffffep127f, 0x1p-126f, 0x1p-149f, true, true};
        case Format::tf32:
            return {"tf32", 8, 10, 127, 4, 0x1.ffcp127f, 0x1p-126f, 0x1p-136f, true, false};
        case Format::fp16:
            return {"fp16", 5, 10, 15, 2, 65504.0f, 0x1p-14f, 0x1p-24f, true, true};
        case Format::bf16:
            return {"bf16", 8, 7, 127, 2, 0x1.fep127f, 0x1p-126f, 0x1p-133f, true, true};
        case Format::e4m3:
            return {"e4m3", 4, 3, 7, 1, 448.0f, 0x1p-6f, 0x1p-9f, false, true};
        case Format::e5m2:
            return {"e5m2", 5, 2, 15, 1, 57344.0f, 0x1p-14f, 0x1p-16f, true, true};
    }
    return {"fp32", 8, 23, 127, 4, 0x1.fffffep127f, 0x1p-126f, 0x1p-149f, true, true};
}

/// The format of that name ("fp16"); nothing where there is none.
inline std::optional<Format> format_from_name(std::string_view name) {
    for (int i = 0; i < kFormatCount; ++i) {
        const auto format = static_cast<Format>(i);
        if (name == format_info(format).name) return format;
    }
    return std::nullopt;
}

}  // namespace halfscope
