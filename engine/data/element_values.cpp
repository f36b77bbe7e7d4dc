#include "data/element_values.h"

#include <cmath>
#include <cstring>

#include "numerics/portability.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in the file");

std::uint8_t swapped(std::uint8_t code) { return code; }
std::uint16_t swapped(std::uint16_t code) { return __builtin_bswap16(code); }
std::uint32_t swapped(std::uint32_t code) { return __builtin_bswap32(code); }
std::uint64_t swapped(std::uint64_t code) { return __builtin_bswap64(code); }

template <class Code, class Widen>
void widen(std::endian order, std::string_view bytes, float* values, Widen widen_one) {
    const std::size_t count = bytes.size() / sizeof(Code);
    const auto code_at = [bytes](std::size_t i) {
        Code code;
        std::memcpy(&code, bytes.data() + i * sizeof code, sizeof code);
        return code;
    };
    // Two loops rather than a question for each element.
    if (order == std::endian::little) {
        for (std::size_t i = 0; i < count; ++i) values[i] = widen_one(code_at(i));
    } else {
        for (std::size_t i = 0; i < count; ++i) values[i] = widen_one(swapped(code_at(i)));
    }
}

void widen_doubles(std::endian order, std::string_view bytes, float* values, LostDoubles& lost) {
    widen<std::uint64_t>(order, bytes, values, [&lost](std::uint64_t code) {
        const double exact = double_of(code);
        const auto value = static_cast<float>(exact);
        lost.to_inf += std::isinf(value) && !std::isinf(exact);
        lost.to_zero += value == 0.0f && exact != 0.0;
        return value;
    });
}

}  // namespace

std::size_t element_bytes(ElementType type) {
    switch (type) {
        case ElementType::f64:
            return 8;
        case ElementType::other:
            return 0;
        default:
            return static_cast<std::size_t>(format_bytes(element_format(type)));
    }
}

Format element_format(ElementType type) {
    switch (type) {
        case ElementType::f16:
            return Format::fp16;
        case ElementType::bf16:
            return Format::bf16;
        case ElementType::e4m3:
            return Format::e4m3;
        case ElementType::e5m2:
            return Format::e5m2;
        default:
            return Format::fp32;
    }
}

void widen_elements(ElementType type, std::endian order, std::string_view bytes, float* values,
                    LostDoubles& lost) {
    switch (type) {
        case ElementType::f64:
            return widen_doubles(order, bytes, values, lost);
        case ElementType::f32:
            return widen<std::uint32_t>(order, bytes, values,
                                        [](std::uint32_t code) { return float_of(code); });
        case ElementType::f16:
            return widen<std::uint16_t>(order, bytes, values,
                                        [](std::uint16_t code) { return decode_fp16(code); });
        case ElementType::bf16:
            return widen<std::uint16_t>(order, bytes, values,
                                        [](std::uint16_t code) { return decode_bf16(code); });
        case ElementType::e4m3:
            return widen<std::uint8_t>(order, bytes, values,
                                       [](std::uint8_t code) { return decode(Format::e4m3, code); });
        case ElementType::e5m2:
            return widen<std::uint8_t>(order, bytes, values,
                                       [](std::uint8_t code) { return decode(Format::e5m2, code); });
        case ElementType::other:
            return;
    }
}

}  // namespace halfscope
