#include "backend/cpu_convert.h"

#include <cstring>

#include "backend/cpu_simd.h"

namespace halfscope {
namespace {

using simd::kLanes;

/// Calls step(first, lanes) over [0, n): whole vectors, then the rest.
template <typename Step>
void for_each_vector(int64_t n, Step step) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) step(i, kLanes);
    if (i < n) step(i, n - i);
}

template <typename Code>
void widen_codes(Format format, const void* codes, float* out, int64_t n) {
    const Code* source = static_cast<const Code*>(codes);
    for (int64_t i = 0; i < n; ++i) out[i] = decode(format, source[i]);
}

template <typename Code>
void narrow_codes(Format format, const float* in, void* codes, int64_t n, Subnormals subnormals) {
    Code* target = static_cast<Code*>(codes);
    for (int64_t i = 0; i < n; ++i) target[i] = static_cast<Code>(encode(format, in[i], subnormals));
}

void copy_floats(const void* from, void* to, int64_t n) {
    if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

}  // namespace

void widen(Format format, const void* codes, float* out, int64_t n) {
    switch (format) {
        case Format::fp32:
        case Format::tf32:
            copy_floats(codes, out, n);
            return;
        case Format::fp16: {
            const uint16_t* source = static_cast<const uint16_t*>(codes);
            for_each_vector(n, [=](int64_t i, int64_t count) {
                simd::store_fp32(out + i, simd::load_fp16(source + i, count), count);
            });
            return;
        }
        case Format::bf16: {
            const uint16_t* source = static_cast<const uint16_t*>(codes);
            for (int64_t i = 0; i < n; ++i) out[i] = decode_bf16(source[i]);
            return;
        }
        case Format::e4m3:
        case Format::e5m2:
            widen_codes<uint8_t>(format, codes, out, n);
            return;
    }
}

void narrow(Format format, const float* in, void* codes, int64_t n, Subnormals subnormals) {
    const bool plain = subnormals == Subnormals::keep;
    switch (format) {
        case Format::fp32:
            copy_floats(in, codes, n);
            return;
        case Format::tf32:
            narrow_codes<uint32_t>(format, in, codes, n, subnormals);
            return;
        case Format::fp16: {
            if (!plain) return narrow_codes<uint16_t>(format, in, codes, n, subnormals);
            uint16_t* target = static_cast<uint16_t*>(codes);
            for_each_vector(n, [=](int64_t i, int64_t count) {
                simd::store_fp16(target + i, simd::load_fp32(in + i, count), count);
            });
            return;
        }
        case Format::bf16: {
            if (!plain) return narrow_codes<uint16_t>(format, in, codes, n, subnormals);
            uint16_t* target = static_cast<uint16_t*>(codes);
            for (int64_t i = 0; i < n; ++i) target[i] = encode_bf16(in[i]);
            return;
        }
        case Format::e4m3:
        case Format::e5m2:
            narrow_codes<uint8_t>(format, in, codes, n, subnormals);
            return;
    }
}

void round_in_place(Format format, float* values, int64_t n, Subnormals subnormals) {
    if (format == Format::fp32) return;
    if (subnormals == Subnormals::keep && format == Format::fp16) {
        for_each_vector(n, [=](int64_t i, int64_t count) {
            simd::store_fp32(values + i, simd::round_to_fp16(simd::load_fp32(values + i, count)), count);
        });
    } else if (subnormals == Subnormals::keep && format == Format::bf16) {
        for (int64_t i = 0; i < n; ++i) values[i] = round_to_bf16(values[i]);
    } else {
        for (int64_t i = 0; i < n; ++i) values[i] = round_to(format, values[i], subnormals);
    }
}

}  // namespace halfscope
