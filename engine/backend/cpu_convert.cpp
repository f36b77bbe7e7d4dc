#include "backend/cpu_convert.h"

#include <algorithm>
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

/// out[i] = function(in[i]) in blocks of a constant length, which compilers vectorise at every level of
/// optimisation.
template <typename In, typename Out, typename Function>
void transform(const In* in, Out* out, int64_t n, Function function) {
    constexpr int64_t kBlock = 64;
    int64_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
        for (int64_t j = 0; j < kBlock; ++j) out[i + j] = function(in[i + j]);
    }
    for (; i < n; ++i) out[i] = function(in[i]);
}

// The format is a template argument below, so that no loop decides on it for each element.

template <Format kFormat, typename Code>
void widen_codes(const void* codes, float* out, int64_t n) {
    transform(static_cast<const Code*>(codes), out, n, [](Code code) { return decode(kFormat, code); });
}

template <Format kFormat, typename Code>
void narrow_codes(const float* in, void* codes, int64_t n, Subnormals subnormals) {
    Code* out = static_cast<Code*>(codes);
    if (subnormals == Subnormals::keep) {
        transform(in, out, n,
                  [](float x) { return static_cast<Code>(encode(kFormat, x, Subnormals::keep)); });
    } else {
        transform(in, out, n,
                  [](float x) { return static_cast<Code>(encode(kFormat, x, Subnormals::flush)); });
    }
}

template <Format kFormat>
void round_values(float* values, int64_t n, Subnormals subnormals) {
    if (subnormals == Subnormals::keep) {
        transform(values, values, n, [](float x) { return round_to(kFormat, x, Subnormals::keep); });
    } else {
        transform(values, values, n, [](float x) { return round_to(kFormat, x, Subnormals::flush); });
    }
}

void widen_fp16(const uint16_t* codes, float* out, int64_t n) {
    for_each_vector(n, [=](int64_t i, int64_t count) {
        simd::store_fp32(out + i, simd::load_fp16(codes + i, count), count);
    });
}

void narrow_fp16(const float* in, uint16_t* codes, int64_t n) {
    for_each_vector(n, [=](int64_t i, int64_t count) {
        simd::store_fp16(codes + i, simd::load_fp32(in + i, count), count);
    });
}

void round_fp16(float* values, int64_t n) {
    for_each_vector(n, [=](int64_t i, int64_t count) {
        simd::store_fp32(values + i, simd::round_to_fp16(simd::load_fp32(values + i, count)), count);
    });
}

void copy_floats(const void* from, void* to, int64_t n) {
    if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

}  // namespace

void widen(Format format, const void* codes, float* out, int64_t n) {
    switch (format) {
        case Format::fp32:
        case Format::tf32:
            return copy_floats(codes, out, n);
        case Format::fp16:
            return widen_fp16(static_cast<const uint16_t*>(codes), out, n);
        case Format::bf16:
            return widen_codes<Format::bf16, uint16_t>(codes, out, n);
        case Format::e4m3:
            return widen_codes<Format::e4m3, uint8_t>(codes, out, n);
        case Format::e5m2:
            return widen_codes<Format::e5m2, uint8_t>(codes, out, n);
    }
}

void narrow(Format format, const float* in, void* codes, int64_t n, Subnormals subnormals) {
    switch (format) {
        case Format::fp32:
            return copy_floats(in, codes, n);
        case Format::tf32:
            return narrow_codes<Format::tf32, uint32_t>(in, codes, n, subnormals);
        case Format::fp16:
            if (subnormals == Subnormals::keep) return narrow_fp16(in, static_cast<uint16_t*>(codes), n);
            return narrow_codes<Format::fp16, uint16_t>(in, codes, n, subnormals);
        case Format::bf16:
            return narrow_codes<Format::bf16, uint16_t>(in, codes, n, subnormals);
        case Format::e4m3:
            return narrow_codes<Format::e4m3, uint8_t>(in, codes, n, subnormals);
        case Format::e5m2:
            return narrow_codes<Format::e5m2, uint8_t>(in, codes, n, subnormals);
    }
}

void narrow_rows(Format format, const float* in, int64_t in_pitch, const float* bias, void* codes,
                 int64_t code_pitch, int64_t rows, int64_t cols, Subnormals subnormals, float* sums) {
    const auto each_vector = [&](auto put) {
        for (int64_t r = 0; r < rows; ++r) {
            for_each_vector(cols, [&](int64_t c, int64_t count) {
                simd::Vector x = simd::load_fp32(in + r * in_pitch + c, count);
                if (bias) x = simd::add(x, simd::load_fp32(bias + c, count));
                if (sums) simd::store_fp32(sums + r * cols + c, x, count);
                put(r * code_pitch + c, x, count);
            });
        }
    };
    if (format == Format::fp32) {
        each_vector([out = static_cast<float*>(codes)](int64_t at, simd::Vector x, int64_t count) {
            simd::store_fp32(out + at, x, count);
        });
    } else if (format == Format::fp16 && subnormals == Subnormals::keep) {
        each_vector([out = static_cast<uint16_t*>(codes)](int64_t at, simd::Vector x, int64_t count) {
            simd::store_fp16(out + at, x, count);
        });
    } else {
        constexpr int64_t kRun = 256;
        alignas(64) float buffer[kRun];
        for (int64_t r = 0; r < rows; ++r) {
            char* row = static_cast<char*>(codes) + r * code_pitch * format_info(format).bytes;
            for (int64_t c = 0; c < cols; c += kRun) {
                const int64_t count = std::min(kRun, cols - c);
                float* run = sums ? sums + r * cols + c : buffer;
                for (int64_t j = 0; j < count; ++j)
                    run[j] = bias ? in[r * in_pitch + c + j] + bias[c + j] : in[r * in_pitch + c + j];
                narrow(format, run, row + c * format_info(format).bytes, count, subnormals);
            }
        }
    }
}

void round_in_place(Format format, float* values, int64_t n, Subnormals subnormals) {
    switch (format) {
        case Format::fp32:
            return;
        case Format::tf32:
            return round_values<Format::tf32>(values, n, subnormals);
        case Format::fp16:
            if (subnormals == Subnormals::keep) return round_fp16(values, n);
            return round_values<Format::fp16>(values, n, subnormals);
        case Format::bf16:
            return round_values<Format::bf16>(values, n, subnormals);
        case Format::e4m3:
            return round_values<Format::e4m3>(values, n, subnormals);
        case Format::e5m2:
            return round_values<Format::e5m2>(values, n, subnormals);
    }
}

}  // namespace halfscope
