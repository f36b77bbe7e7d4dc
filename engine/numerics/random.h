// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC'11). A number depends on its key and index alone, so every device and every thread count
// draws the same ones. Called by initialisation, dropout, stochastic rounding and data generators. Must not
// keep state.
//
// uniform(), normal(), random_word() and random_below() read the same blocks: use one kind for one key.
#pragma once

#include <cstdint>
#include <string_view>

#include "numerics/math.h"
#include "numerics/portability.h"

namespace halfscope {

/// What a stream of numbers belongs to: the run's seed, the tensor or purpose (stream_of its name) and the
/// step.
struct RandomKey {
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;
    std::uint32_t step = 0;
};

/// The key of the same stream at another step.
HALFSCOPE_HD inline RandomKey at_step(RandomKey key, std::uint32_t step) {
    key.step = step;
    return key;
}

/// One block of 128 random bits.
struct RandomBits {
    std::uint32_t v[4];
};

/// The block of that counter: Philox with the seed as key and (counter low, counter high, stream, step) as
/// counter words.
HALFSCOPE_HD constexpr RandomBits random_bits(RandomKey key, std::uint64_t counter) {
    constexpr std::uint32_t kMultiplier0 = 0xd2511f53u, kMultiplier1 = 0xcd9e8d57u;
    constexpr std::uint32_t kWeyl0 = 0x9e3779b9u, kWeyl1 = 0xbb67ae85u;
    std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32);
    std::uint32_t c2 = key.stream, c3 = key.step;
    std::uint32_t k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = static_cast<std::uint64_t>(kMultiplier0) * c0;
        const std::uint64_t product1 = static_cast<std::uint64_t>(kMultiplier1) * c2;
        c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<std::uint32_t>(product1);
        c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<std::uint32_t>(product0);
        k0 += kWeyl0;
        k1 += kWeyl1;
    }
    return {{c0, c1, c2, c3}};
}

/// The index-th 32-bit word of the stream: word index % 4 of block index / 4.
HALFSCOPE_HD constexpr std::uint32_t random_word(RandomKey key, std::uint64_t index) {
    const RandomBits block = random_bits(key, index >> 2);
    return block.v[index & 3u];
}

/// The index-th uniform number in [0, 1), a multiple of 2^-24.
HALFSCOPE_HD constexpr float uniform(RandomKey key, std::uint64_t index) {
    return static_cast<float>(random_word(key, index) >> 8) * 0x1p-24f;
}

/// The index-th uniform number between low and high; `high` itself can come out where low + (high - low) u
/// rounds to it.
HALFSCOPE_HD inline float uniform(RandomKey key, std::uint64_t index, float low, float high) {
    return fused_multiply_add(uniform(key, index), high - low, low);
}

/// The index-th number of the standard normal distribution (Box-Muller); |result| < 6.8, never inf or NaN.
/// Indices 2j and 2j+1 share a radius and take cosine and sine of one angle.
HALFSCOPE_HD inline float normal(RandomKey key, std::uint64_t index) {
    const RandomBits block = random_bits(key, index >> 2);
    const std::uint32_t first = (index & 2u) ? block.v[2] : block.v[0];
    const std::uint32_t second = (index & 2u) ? block.v[3] : block.v[1];
    // Half a step away from zero, so that the logarithm stays finite.
    const float chance = static_cast<float>((static_cast<double>(first) + 0.5) * 0x1p-32);
    const float radius = math::sqrt(-2.0f * math::log(chance));
    const float angle = static_cast<float>(static_cast<double>(second >> 8) * (0x1p-24 * 6.283185307179586));
    return radius * ((index & 1u) ? math::sin(angle) : math::cos(angle));
}

/// The index-th whole number in [0, n), n > 0: the upper half of a 64-bit word times n (Lemire, "Fast random
/// integer generation in an interval", 2019, without rejection: the bias is below n * 2^-64).
HALFSCOPE_HD constexpr std::uint64_t random_below(RandomKey key, std::uint64_t index, std::uint64_t n) {
    const RandomBits block = random_bits(key, index >> 1);
    const std::uint64_t low = (index & 1u) ? block.v[2] : block.v[0];
    const std::uint64_t high = (index & 1u) ? block.v[3] : block.v[1];
    // (high * 2^32 + low) * n >> 64 in 32-bit halves: standard C++ has no 128-bit product.
    const std::uint64_t n_low = n & 0xffffffffu, n_high = n >> 32;
    const std::uint64_t low_low = low * n_low, low_high = low * n_high;
    const std::uint64_t high_low = high * n_low, high_high = high * n_high;
    const std::uint64_t middle = (low_low >> 32) + (low_high & 0xffffffffu) + (high_low & 0xffffffffu);
    return high_high + (low_high >> 32) + (high_low >> 32) + (middle >> 32);
}

/// A stream number for a name: 32-bit FNV-1a.
constexpr std::uint32_t stream_of(std::string_view name) {
    std::uint32_t hash = 0x811c9dc5u;
    for (const char c : name) {
        hash ^= static_cast<std::uint8_t>(c);
        hash *= 0x01000193u;
    }
    return hash;
}

}  // namespace halfscope
