// Every header of numerics used on the device: that nvcc takes it is the check.
#include "numerics/accumulate.h"
#include "numerics/classes.h"
#include "numerics/exponent_histogram.h"
#include "numerics/format.h"
#include "numerics/math.h"
#include "numerics/number_format.h"
#include "numerics/portability.h"
#include "numerics/random.h"
#include "numerics/rounding.h"
#include "numerics/tensor_counts.h"

namespace halfscope {

__global__ void use_rounding(Format format, Subnormals subnormals, const float* in, float* out,
                             std::uint32_t* codes, std::size_t n) {
    const std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x;
    if (i >= n) return;
    const RandomKey key{1, 2, 3};
    codes[i] = encode(format, in[i], subnormals) + encode_fp16(in[i]) + encode_bf16(in[i]);
    out[i] = round_to(format, in[i], subnormals) + decode(format, codes[i]) + ulp(format, in[i]) +
             round_stochastic(format, in[i], random_word(key, i), subnormals) + round_to_fp16(in[i]) +
             round_to_bf16(in[i]) + decode_fp16(static_cast<std::uint16_t>(codes[i])) +
             decode_bf16(static_cast<std::uint16_t>(codes[i])) + format_info(format).max;
}

__global__ void use_math(const float* in, float* out, std::size_t n) {
    const std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x;
    if (i >= n) return;
    const float x = in[i];
    const RandomKey key{1, 2, 3};
    out[i] = math::exp(x) + math::log(x) + math::log2(x) + math::tanh(x) + math::sigmoid(x) + math::erf(x) +
             math::sin(x) + math::cos(x) + math::pow(x, x) + math::sqrt(x) + normal(key, i) +
             uniform(key, i, -1.0f, 1.0f) + static_cast<float>(random_below(key, i, n));
}

__global__ void use_counting(Format format, const float* in, float* out, TensorCounts* counts,
                             std::size_t n) {
    TensorCounts mine;
    BlockRounder sum(format);
    for (std::size_t i = 0; i < n; ++i) {
        mine.add(in[i], round_to(format, in[i]), format);
        sum.add(in[i]);
        sum.add_product(in[i], in[i]);
    }
    counts->clear();
    counts->merge(mine);
    out[0] =
        sum.finish() + static_cast<float>(counts->histogram.predict(8).flushed + counts->histogram.at(0));
}

}  // namespace halfscope
