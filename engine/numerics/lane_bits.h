// Which lanes of a vector fulfil a condition, as the bits of a number: one instruction where the processor
// has it, which compilers do not make of a comparison of vectors. Used by tensor_tally.h. Which variant is
// taken must not decide a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace halfscope {

/// A number with a bit for each lane: lane 0 has the lowest.
template <class Lanes>
using LaneBits = std::conditional_t<(sizeof(Lanes) > 32), std::uint16_t, std::uint8_t>;

/// Bit l is set where lanes[l] <= bound. `Lanes`: a vector of std::uint32_t, of 16 to 64 bytes.
template <class Lanes>
LaneBits<Lanes> lanes_at_most(const Lanes& lanes, std::uint32_t bound) {
#if defined(__AVX512F__)
    if constexpr (sizeof(Lanes) == sizeof(__m512i)) {
        return _mm512_cmple_epu32_mask(reinterpret_cast<__m512i>(lanes),
                                       _mm512_set1_epi32(static_cast<int>(bound)));
    }
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(Lanes) == sizeof(__m256i))
        return static_cast<std::uint8_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(lanes <= bound)));
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(Lanes) == sizeof(__m128i))
        return static_cast<std::uint8_t>(_mm_movemask_ps(reinterpret_cast<__m128>(lanes <= bound)));
#endif
    LaneBits<Lanes> bits = 0;
    for (std::size_t lane = 0; lane < sizeof(Lanes) / sizeof(std::uint32_t); ++lane)
        bits = static_cast<LaneBits<Lanes>>(bits | (lanes[lane] <= bound) << lane);
    return bits;
}

}  // namespace halfscope
