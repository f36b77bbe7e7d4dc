// BF16 as kernels see it; see cuda_fp16.h.
#pragma once

#include "numerics/rounding.h"

struct __nv_bfloat16 {
    std::uint16_t code;
};
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    return {static_cast<std::uint16_t>(halfscope::encode(halfscope::Format::bf16, x))};
}
inline float __bfloat162float(__nv_bfloat16 x) { return halfscope::decode(halfscope::Format::bf16, x.code); }
