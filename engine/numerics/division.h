// Division of indices, fast on a GPU too.
#pragma once

#include <cstdint>

#include "numerics/portability.h"

namespace halfscope {

struct Division {
    std::int64_t quotient, remainder;
};

/// Of a >= 0 by b > 0. 64-bit division is slow on a GPU: where 32 bits do, in 32 bits.
HALFSCOPE_HD inline Division divide(std::int64_t a, std::int64_t b) {
    if (((a | b) >> 32) == 0) {
        const auto quotient = static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
        return {quotient, a - static_cast<std::int64_t>(quotient) * b};
    }
    return {a / b, a % b};
}

}  // namespace halfscope
