#include "train/signature.h"

#include <bit>

namespace halfscope {

void Signature::add(std::span<const float> values) {
    constexpr std::uint64_t kPrime = 0x100000001b3ull;
    constexpr int kBits = 32, kByte = 8;
    constexpr std::uint32_t kNan = 0x7fc00000u;
    for (float value : values) {
        const std::uint32_t bits = value == value ? std::bit_cast<std::uint32_t>(value) : kNan;
        for (int shift = 0; shift < kBits; shift += kByte)
            hash_ = (hash_ ^ ((bits >> shift) & 0xffu)) * kPrime;
    }
}

std::string Signature::text() const {
    constexpr int kDigits = 16;
    std::string text(kDigits, '0');
    for (int digit = 0; digit < kDigits; ++digit) {
        text[static_cast<std::size_t>(digit)] = "0123456789abcdef"[(hash_ >> (60 - 4 * digit)) & 0xf];
    }
    return text;
}

}  // namespace halfscope
