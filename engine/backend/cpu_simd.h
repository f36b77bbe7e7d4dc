// The vectors that the GEMM kernel and the bulk conversions are written in: AVX-512, AVX2 with FMA and F16C,
// or plain arrays, chosen at compile time. Called by cpu_*.h and cpu_*.cpp only. Every variant
// gives the same bits, so nothing here may approximate or reassociate.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "numerics/format.h"
#include "numerics/rounding.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define HALFSCOPE_SIMD_AVX512 1
#include <immintrin.h>
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define HALFSCOPE_SIMD_AVX2 1
#include <immintrin.h>
#endif

namespace halfscope::simd {

#if defined(HALFSCOPE_SIMD_AVX512)

inline constexpr int kLanes = 16;
inline constexpr int kRegisters = 32;
inline constexpr int kTileRows = 14;  // 28 sums, two vectors of B and one of A fill the 32 registers

struct Vector {
    __m512 v;
};

inline __mmask16 first_lanes(int64_t count) { return static_cast<__mmask16>((1u << count) - 1u); }

inline Vector zero() { return {_mm512_setzero_ps()}; }
inline Vector broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Vector x) { _mm512_storeu_ps(p, x.v); }
inline Vector add(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vector fused_multiply_add(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

// The masked forms with all lanes set: gcc 12 warns of its own uninitialised dummies in the plain ones.
inline constexpr __mmask16 kAllLanes = 0xffff;
inline constexpr __mmask8 kAllPairs = 0xff;
inline __m256i to_fp16_codes(Vector x) {
    return _mm512_maskz_cvtps_ph(kAllLanes, x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vector from_fp16_codes(__m256i codes) { return {_mm512_maskz_cvtph_ps(kAllLanes, codes)}; }
inline Vector round_to_fp16(Vector x) { return from_fp16_codes(to_fp16_codes(x)); }

/// The first `count` lanes (1 to kLanes) from memory, zero above.
inline Vector load_fp32(const float* p, int64_t count) {
    return {_mm512_maskz_loadu_ps(first_lanes(count), p)};
}
inline Vector load_fp16(const uint16_t* p, int64_t count) {
    return from_fp16_codes(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
inline Vector load_bf16(const uint16_t* p, int64_t count) {
    const __m512i wide =
        _mm512_maskz_cvtepu16_epi32(kAllLanes, _mm256_maskz_loadu_epi16(first_lanes(count), p));
    return {_mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAllLanes, wide, 16))};
}
inline void store_fp16(uint16_t* p, Vector x, int64_t count) {
    _mm256_mask_storeu_epi16(p, first_lanes(count), to_fp16_codes(x));
}
inline void store_fp32(float* p, Vector x, int64_t count) {
    _mm512_mask_storeu_ps(p, first_lanes(count), x.v);
}

/// rows[r] lane c becomes rows[c] lane r.
inline void transpose(Vector (&rows)[kLanes]) {
    __m512 t[16];
    __m512 u[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_maskz_unpacklo_ps(kAllLanes, rows[i].v, rows[i + 1].v);
        t[i + 1] = _mm512_maskz_unpackhi_ps(kAllLanes, rows[i].v, rows[i + 1].v);
    }
    for (int i = 0; i < 16; i += 4) {
        const auto pair = [&](int j) { return _mm512_castps_pd(t[j]); };
        u[i] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(kAllPairs, pair(i), pair(i + 2)));
        u[i + 1] = _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(kAllPairs, pair(i), pair(i + 2)));
        u[i + 2] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(kAllPairs, pair(i + 1), pair(i + 3)));
        u[i + 3] = _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(kAllPairs, pair(i + 1), pair(i + 3)));
    }
    // u[4g + c] now holds, in its four quarters q, the rows 4g .. 4g+3 of column 4q + c.
    for (int c = 0; c < 4; ++c) {
        const __m512 low02 = _mm512_maskz_shuffle_f32x4(kAllLanes, u[c], u[4 + c], 0x88);
        const __m512 low13 = _mm512_maskz_shuffle_f32x4(kAllLanes, u[c], u[4 + c], 0xdd);
        const __m512 high02 = _mm512_maskz_shuffle_f32x4(kAllLanes, u[8 + c], u[12 + c], 0x88);
        const __m512 high13 = _mm512_maskz_shuffle_f32x4(kAllLanes, u[8 + c], u[12 + c], 0xdd);
        rows[c].v = _mm512_maskz_shuffle_f32x4(kAllLanes, low02, high02, 0x88);
        rows[4 + c].v = _mm512_maskz_shuffle_f32x4(kAllLanes, low13, high13, 0x88);
        rows[8 + c].v = _mm512_maskz_shuffle_f32x4(kAllLanes, low02, high02, 0xdd);
        rows[12 + c].v = _mm512_maskz_shuffle_f32x4(kAllLanes, low13, high13, 0xdd);
    }
}

#elif defined(HALFSCOPE_SIMD_AVX2)

inline constexpr int kLanes = 8;
inline constexpr int kRegisters = 16;
inline constexpr int kTileRows = 6;  // 12 sums, two vectors of B and one of A fill 15 of the 16 registers

struct Vector {
    __m256 v;
};

inline __m256i first_lanes(int64_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
}

inline Vector zero() { return {_mm256_setzero_ps()}; }
inline Vector broadcast(float x) { return {_mm256_set1_ps(x)}; }
inline Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline void store(float* p, Vector x) { _mm256_storeu_ps(p, x.v); }
inline Vector add(Vector a, Vector b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vector fused_multiply_add(Vector a, Vector b, Vector c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }

inline __m128i to_fp16_codes(Vector x) { return _mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT); }
inline Vector round_to_fp16(Vector x) { return {_mm256_cvtph_ps(to_fp16_codes(x))}; }

/// The first `count` lanes (1 to kLanes) from memory, zero above.
inline Vector load_fp32(const float* p, int64_t count) {
    return {count == kLanes ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(count))};
}
/// `Word` read from codes, wherever they are aligned.
template <typename Word>
inline uint64_t read_word(const uint16_t* p) {
    Word word;
    std::memcpy(&word, p, sizeof(word));
    return word;
}
/// Two overlapping reads of a constant size instead of a copy of `count` codes: a copy through memory stalls
/// the load that follows it.
inline __m128i load_codes(const uint16_t* p, int64_t count) {
    if (count == kLanes) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    uint64_t low = 0;
    uint64_t high = 0;
    if (count > 4) {
        low = read_word<uint64_t>(p);
        high = read_word<uint64_t>(p + count - 4) >> (16 * (kLanes - count));
    } else if (count >= 2) {
        low = read_word<uint32_t>(p) | (read_word<uint32_t>(p + count - 2) << (16 * (count - 2)));
    } else {
        low = p[0];
    }
    return _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
}
inline Vector load_fp16(const uint16_t* p, int64_t count) { return {_mm256_cvtph_ps(load_codes(p, count))}; }
inline Vector load_bf16(const uint16_t* p, int64_t count) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_codes(p, count)), 16))};
}
inline void store_fp16(uint16_t* p, Vector x, int64_t count) {
    alignas(16) uint16_t codes[kLanes];
    _mm_store_si128(reinterpret_cast<__m128i*>(codes), to_fp16_codes(x));
    std::memcpy(p, codes, static_cast<size_t>(count) * sizeof(uint16_t));
}
inline void store_fp32(float* p, Vector x, int64_t count) {
    if (count == kLanes) {
        _mm256_storeu_ps(p, x.v);
    } else {
        _mm256_maskstore_ps(p, first_lanes(count), x.v);
    }
}

/// rows[r] lane c becomes rows[c] lane r.
inline void transpose(Vector (&rows)[kLanes]) {
    __m256 t[8];
    __m256 u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v);
        t[i + 1] = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
    }
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int c = 0; c < 4; ++c) {
        rows[c].v = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
        rows[4 + c].v = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
    }
}

#else

inline constexpr int kLanes = 8;
inline constexpr int kRegisters = 16;
inline constexpr int kTileRows = 4;

struct Vector {
    float v[kLanes];
};

inline Vector zero() { return {}; }
inline Vector broadcast(float x) {
    Vector out;
    for (float& lane : out.v) lane = x;
    return out;
}
inline Vector load(const float* p) {
    Vector out;
    std::memcpy(out.v, p, sizeof(out.v));
    return out;
}
inline void store(float* p, Vector x) { std::memcpy(p, x.v, sizeof(x.v)); }
inline Vector add(Vector a, Vector b) {
    for (int i = 0; i < kLanes; ++i) a.v[i] += b.v[i];
    return a;
}
inline Vector fused_multiply_add(Vector a, Vector b, Vector c) {
    for (int i = 0; i < kLanes; ++i) c.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
    return c;
}
inline Vector round_to_fp16(Vector x) {
    for (float& lane : x.v) lane = halfscope::round_to_fp16(lane);
    return x;
}

/// The first `count` lanes (1 to kLanes) from memory, zero above.
inline Vector load_fp32(const float* p, int64_t count) {
    Vector out = {};
    for (int64_t i = 0; i < count; ++i) out.v[i] = p[i];
    return out;
}
inline Vector load_fp16(const uint16_t* p, int64_t count) {
    Vector out = {};
    for (int64_t i = 0; i < count; ++i) out.v[i] = decode_fp16(p[i]);
    return out;
}
inline Vector load_bf16(const uint16_t* p, int64_t count) {
    Vector out = {};
    for (int64_t i = 0; i < count; ++i) out.v[i] = decode_bf16(p[i]);
    return out;
}
inline void store_fp16(uint16_t* p, Vector x, int64_t count) {
    for (int64_t i = 0; i < count; ++i) p[i] = encode_fp16(x.v[i]);
}
inline void store_fp32(float* p, Vector x, int64_t count) {
    for (int64_t i = 0; i < count; ++i) p[i] = x.v[i];
}

/// rows[r] lane c becomes rows[c] lane r.
inline void transpose(Vector (&rows)[kLanes]) {
    for (int r = 0; r < kLanes; ++r) {
        for (int c = r + 1; c < kLanes; ++c) std::swap(rows[r].v[c], rows[c].v[r]);
    }
}

#endif

}  // namespace halfscope::simd
