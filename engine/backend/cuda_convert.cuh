// Values of tensors on the device: loading as FP32 and rounding to storage. FP16 and BF16 go through the
// hardware's conversions, which round to nearest even and keep subnormals as numerics/rounding.h does;
// everything else through numerics itself.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "numerics/rounding.h"
#include "ops/executor.h"

namespace halfscope::cuda {

/// A place in a matrix; index = row * cols + col.
struct Element {
    std::int64_t index, row, col;
};
__device__ inline Element element_of(std::int64_t index, std::int64_t cols) {
    // 64-bit division is slow on a GPU.
    if (index <= 0x7fffffff && cols <= 0x7fffffff) {
        const auto row = static_cast<std::uint32_t>(index) / static_cast<std::uint32_t>(cols);
        return {index, row, index - static_cast<std::int64_t>(row) * cols};
    }
    return {index, index / cols, index % cols};
}

__device__ inline float load(const TensorView& view, std::int64_t row, std::int64_t col) {
    const std::int64_t at = row * view.row_stride + col;
    switch (view.format) {
        case Format::fp32:
        case Format::tf32:
            return static_cast<const float*>(view.data)[at];
        case Format::fp16:
            return __half2float(static_cast<const __half*>(view.data)[at]);
        case Format::bf16:
            return __bfloat162float(static_cast<const __nv_bfloat16*>(view.data)[at]);
        default:
            return decode(view.format, static_cast<const std::uint8_t*>(view.data)[at]);
    }
}

/// Rounds, stores and returns what was stored, as FP32.
__device__ inline float store(const TensorView& view, std::int64_t row, std::int64_t col, float x) {
    const std::int64_t at = row * view.row_stride + col;
    if (view.format == Format::fp32) {
        static_cast<float*>(view.data)[at] = x;
        return x;
    }
    if (view.subnormals == Subnormals::keep && view.format == Format::fp16) {
        const __half rounded = __float2half_rn(x);
        static_cast<__half*>(view.data)[at] = rounded;
        return __half2float(rounded);
    }
    if (view.subnormals == Subnormals::keep && view.format == Format::bf16) {
        const __nv_bfloat16 rounded = __float2bfloat16_rn(x);
        static_cast<__nv_bfloat16*>(view.data)[at] = rounded;
        return __bfloat162float(rounded);
    }
    const std::uint32_t code = encode(view.format, x, view.subnormals);
    const int bytes = format_info(view.format).bytes;
    if (bytes == 4) static_cast<std::uint32_t*>(view.data)[at] = code;
    if (bytes == 2) static_cast<std::uint16_t*>(view.data)[at] = static_cast<std::uint16_t>(code);
    if (bytes == 1) static_cast<std::uint8_t*>(view.data)[at] = static_cast<std::uint8_t>(code);
    return decode(view.format, code);
}

__device__ inline float value(const TensorView& view, const Element& e) { return load(view, e.row, e.col); }
__device__ inline float value(const PerRow& in, const Element& e) { return load(in.view, e.row, 0); }
__device__ inline float value(const PerColumn& in, const Element& e) { return load(in.view, 0, e.col); }
__device__ inline float value(const OneHot& in, const Element& e) {
    return in.labels[e.row] == e.col ? 1.0f : 0.0f;
}

/// The inputs of a formula (std::tuple does not work on a device): call() is f(index, value of each
/// input...).
template <class... In>
struct Inputs;
template <>
struct Inputs<> {
    template <class F, class... X>
    __device__ auto call(const F& f, const Element& e, X... x) const {
        return f(e.index, x...);
    }
};
template <class Head, class... Tail>
struct Inputs<Head, Tail...> {
    Head head;
    Inputs<Tail...> tail;
    template <class F, class... X>
    __device__ auto call(const F& f, const Element& e, X... x) const {
        return tail.call(f, e, x..., value(head, e));
    }
};
inline Inputs<> inputs() { return {}; }
template <class Head, class... Tail>
Inputs<Head, Tail...> inputs(const Head& head, const Tail&... tail) {
    return {head, inputs(tail...)};
}

}  // namespace halfscope::cuda
