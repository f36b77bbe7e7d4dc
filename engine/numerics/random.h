// Counter-based randomness: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as
// 1, 2, 3", SC'11). Every random number of the project is a pure function of (seed, stream, step, index), so
// results depend on no thread, no order and no device. Holds no state.
#pragma once

#include <cstdint>
#include <string_view>

#include "numerics/math.h"
#include "numerics/portability.h"

namespace halfscope {

/// What a sequence of random numbers belongs to: the run's seed, a tensor or purpose (stream_of its name), a
/// step.
struct RandomKey {
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;
    std::uint32_t step = 0;
};
struct RandomBits {
    std::uint32_t v[4];
};

/// Philox4x32 with 10 rounds: counter words c, key words k.
HALFSCOPE_INLINE RandomBits philox(RandomBits c, std::uint32_t k0, std::uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c.v[0];
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c.v[2];
        c = {{static_cast<std::uint32_t>(product1 >> 32) ^ c.v[1] ^ k0, static_cast<std::uint32_t>(product1),
              static_cast<std::uint32_t>(product0 >> 32) ^ c.v[3] ^ k1,
              static_cast<std::uint32_t>(product0)}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

/// 128 random bits for one counter value.
HALFSCOPE_INLINE RandomBits random_bits(RandomKey key, std::uint64_t counter) {
    return philox({{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                    key.stream, key.step}},
                  static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
}

/// The index-th 32-bit word of the key's sequence.
HALFSCOPE_INLINE std::uint32_t random_word(RandomKey key, std::uint64_t index) {
    return random_bits(key, index >> 2).v[index & 3];
}

/// Uniform in [0, 1), a multiple of 2^-24.
HALFSCOPE_INLINE float uniform(RandomKey key, std::uint64_t index) {
    return static_cast<float>(random_word(key, index) >> 8) * 0x1p-24f;
}
/// Uniform in [low, high].
HALFSCOPE_INLINE float uniform(RandomKey key, std::uint64_t index, float low, float high) {
    return low + (high - low) * uniform(key, index);
}

/// Standard normal by Box & Muller 1958, with our own log and cos; |result| <= 5.8, never infinite.
HALFSCOPE_INLINE float normal(RandomKey key, std::uint64_t index) {
    const RandomBits bits = random_bits(key, index);
    const float radius_uniform = static_cast<float>((bits.v[0] >> 8) + 1u) * 0x1p-24f;  // (0, 1]
    const float angle = static_cast<float>(bits.v[1] >> 8) * 0x1p-24f * 6.283185307f;
    return math::sqrt(-2.0f * math::log(radius_uniform)) * math::cos(angle);
}

/// Uniform in 0 .. n-1 (n >= 1), by multiply and shift of 64 random bits: bias below n / 2^64.
HALFSCOPE_INLINE std::uint64_t random_below(RandomKey key, std::uint64_t index, std::uint64_t n) {
    const RandomBits bits = random_bits(key, index);
    const std::uint64_t high = bits.v[0], low = bits.v[1];
    // (high * 2^32 + low) * n / 2^64 without 128-bit integers, which device code lacks.
    const std::uint64_t n_high = n >> 32, n_low = n & 0xFFFFFFFFu;
    const std::uint64_t middle = high * n_low + ((low * n_low) >> 32);
    const std::uint64_t middle2 = low * n_high + (middle & 0xFFFFFFFFu);
    return high * n_high + (middle >> 32) + (middle2 >> 32);
}

/// 32-bit FNV-1a of a name: the stream a tensor's random numbers come from.
constexpr std::uint32_t stream_of(std::string_view name) {
    std::uint32_t hash = 2166136261u;
    for (const char character : name) hash = (hash ^ static_cast<unsigned char>(character)) * 16777619u;
    return hash;
}

}  // namespace halfscope
