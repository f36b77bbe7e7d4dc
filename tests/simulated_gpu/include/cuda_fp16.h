// FP16 as kernels see it. Codes are those of numerics/rounding.h, which a test on a GPU compares with CUDA's
// own (tests/gpu/numerics_test.cpp).
#pragma once

#include "numerics/rounding.h"

struct __half {
    std::uint16_t code;
};
inline __half __ushort_as_half(unsigned short code) { return {code}; }
inline unsigned short __half_as_ushort(__half x) { return x.code; }
inline __half __float2half_rn(float x) { return {halfscope::encode_fp16(x)}; }
inline float __half2float(__half x) { return halfscope::decode_fp16(x.code); }
