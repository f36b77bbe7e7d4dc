// What a compiler may contract or approximate where it is allowed to. numeric_flags.cmake reads the PTX of
// this file: no fma but the explicit one, divisions and roots correctly rounded, no flushing of subnormals.
#include "numerics/math.h"

namespace halfscope {

__global__ void contraction_and_approximation(const float* in, float* out) {
    const float a = in[0], b = in[1], c = in[2];
    out[0] = a * b + c;
    out[1] = a - b * c;
    out[2] = a / b;
    out[3] = math::sqrt(c);
    const double x = in[3], y = in[4];
    out[4] = static_cast<float>(x * y + x);
}

__global__ void explicit_fma(const float* in, float* out) {
    out[0] = fused_multiply_add(in[0], in[1], in[2]);
}

}  // namespace halfscope
