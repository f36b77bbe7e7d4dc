// Values of tensors on the device: loading as FP32 and rounding to storage. FP16 and BF16 go through the
// hardware's conversions, which round to nearest even and keep subnormals as numerics/rounding.h does;
// everything else is rounded by numerics itself.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "numerics/division.h"
#include "numerics/rounding.h"
#include "ops/executor.h"

namespace halfscope::cuda {

/// A place in a matrix; index = row * cols + col.
struct Element {
    std::int64_t index, row, col;
};
__device__ inline Element element_of(std::int64_t index, std::int64_t cols) {
    const Division row = divide(index, cols);
    return {index, row.quotient, row.remainder};
}

// Loading is two things: the code, which takes the memory's time, and its value. Who needs several asks for
// all codes first, so that they are under way together: the compiler does not move a load over the branches
// before it.

__device__ inline std::uint32_t code_at(const TensorView& view, std::int64_t row, std::int64_t col) {
    const std::int64_t at = row * view.row_stride + col;
    if (view.format == Format::fp32 || view.format == Format::tf32)
        return static_cast<const std::uint32_t*>(view.data)[at];
    if (view.format == Format::fp16 || view.format == Format::bf16)
        return static_cast<const std::uint16_t*>(view.data)[at];
    return static_cast<const std::uint8_t*>(view.data)[at];
}
/// Rare, and kept out of every kernel's code.
__device__ __noinline__ inline float value_of_byte(Format format, std::uint32_t code) {
    return decode(format, code);
}
__device__ inline float value_of_code(Format format, std::uint32_t code) {
    if (format == Format::fp32 || format == Format::tf32) return float_of(code);
    if (format == Format::fp16) return __half2float(__ushort_as_half(static_cast<unsigned short>(code)));
    if (format == Format::bf16) return float_of(code << 16);
    return value_of_byte(format, code);
}
__device__ inline float load(const TensorView& view, std::int64_t row, std::int64_t col) {
    return value_of_code(view.format, code_at(view, row, col));
}

/// Rare, and kept out of every kernel's code.
__device__ __noinline__ inline float encode_at(const TensorView& view, std::int64_t at, float x) {
    const std::uint32_t code = encode(view.format, x, view.subnormals);
    const int bytes = format_info(view.format).bytes;
    if (bytes == 4) static_cast<std::uint32_t*>(view.data)[at] = code;
    if (bytes == 2) static_cast<std::uint16_t*>(view.data)[at] = static_cast<std::uint16_t>(code);
    if (bytes == 1) static_cast<std::uint8_t*>(view.data)[at] = static_cast<std::uint8_t>(code);
    return decode(view.format, code);
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
    return encode_at(view, at, x);
}

// Inputs of formulas: their codes, and what those mean at an element.

__device__ inline std::uint32_t code_of(const TensorView& view, const Element& e) {
    return code_at(view, e.row, e.col);
}
__device__ inline std::uint32_t code_of(const PerRow& in, const Element& e) {
    return code_at(in.view, e.row, 0);
}
__device__ inline std::uint32_t code_of(const PerColumn& in, const Element& e) {
    return code_at(in.view, 0, e.col);
}
__device__ inline std::uint32_t code_of(const OneHot& in, const Element& e) {
    return static_cast<std::uint32_t>(in.labels[e.row]);
}
__device__ inline float value(const TensorView& view, const Element&, std::uint32_t code) {
    return value_of_code(view.format, code);
}
__device__ inline float value(const PerRow& in, const Element&, std::uint32_t code) {
    return value_of_code(in.view.format, code);
}
__device__ inline float value(const PerColumn& in, const Element&, std::uint32_t code) {
    return value_of_code(in.view.format, code);
}
__device__ inline float value(const OneHot&, const Element& e, std::uint32_t label) {
    return static_cast<std::int32_t>(label) == e.col ? 1.0f : 0.0f;
}

// --- Packs: neighbours in one row that a thread loads and stores together ---

/// 16 bytes of FP16.
constexpr int kPack = 8;
struct Pack {
    float v[kPack];
};

/// Whether packs that begin at multiples of kPack can be moved in whole words.
inline bool is_packable(const TensorView& view) {
    const bool is_known = view.format == Format::fp32 || view.format == Format::tf32 ||
                          view.format == Format::fp16 || view.format == Format::bf16;
    return is_known && view.contiguous() && reinterpret_cast<std::uintptr_t>(view.data) % 16 == 0;
}
/// As inputs, in a matrix of `cols` columns; what does not lie element beside element must not cross a row.
inline bool is_packable(const TensorView& view, std::int64_t) { return is_packable(view); }
inline bool is_packable(const PerRow&, std::int64_t cols) { return cols % kPack == 0; }
inline bool is_packable(const PerColumn& in, std::int64_t cols) {
    return cols % kPack == 0 && is_packable(in.view);
}
inline bool is_packable(const OneHot&, std::int64_t cols) { return cols % kPack == 0; }

/// A pack's codes as they lie in memory: one word of 16 bytes in 16-bit formats, two in FP32.
template <class Code>
struct alignas(16) PackCodes {
    Code v[kPack];
};
template <class Code>
__device__ inline PackCodes<Code> load_codes(const TensorView& view, std::int64_t at) {
    PackCodes<Code> codes;
    const auto* const from = reinterpret_cast<const uint4*>(static_cast<const Code*>(view.data) + at);
#pragma unroll
    for (unsigned word = 0; word < sizeof codes / sizeof(uint4); ++word)
        reinterpret_cast<uint4*>(&codes)[word] = from[word];
    return codes;
}
template <class Code>
__device__ inline void store_codes(const TensorView& view, std::int64_t at, const PackCodes<Code>& codes) {
    auto* const to = reinterpret_cast<uint4*>(static_cast<Code*>(view.data) + at);
#pragma unroll
    for (unsigned word = 0; word < sizeof codes / sizeof(uint4); ++word)
        to[word] = reinterpret_cast<const uint4*>(&codes)[word];
}

__device__ inline Pack pack_at(const TensorView& view, std::int64_t at) {
    Pack pack;
    if (view.format == Format::fp16) {
        const auto codes = load_codes<__half>(view, at);
#pragma unroll
        for (int i = 0; i < kPack; ++i) pack.v[i] = __half2float(codes.v[i]);
    } else if (view.format == Format::bf16) {
        const auto codes = load_codes<__nv_bfloat16>(view, at);
#pragma unroll
        for (int i = 0; i < kPack; ++i) pack.v[i] = __bfloat162float(codes.v[i]);
    } else {
        const auto codes = load_codes<float>(view, at);
#pragma unroll
        for (int i = 0; i < kPack; ++i) pack.v[i] = codes.v[i];
    }
    return pack;
}
__device__ inline void store_pack(const TensorView& view, std::int64_t at, const Pack& pack) {
    const bool is_plain = view.subnormals == Subnormals::keep;
    if (view.format == Format::fp32) {
        PackCodes<float> codes;
#pragma unroll
        for (int i = 0; i < kPack; ++i) codes.v[i] = pack.v[i];
        store_codes(view, at, codes);
    } else if (view.format == Format::fp16 && is_plain) {
        PackCodes<__half> codes;
#pragma unroll
        for (int i = 0; i < kPack; ++i) codes.v[i] = __float2half_rn(pack.v[i]);
        store_codes(view, at, codes);
    } else if (view.format == Format::bf16 && is_plain) {
        PackCodes<__nv_bfloat16> codes;
#pragma unroll
        for (int i = 0; i < kPack; ++i) codes.v[i] = __float2bfloat16_rn(pack.v[i]);
        store_codes(view, at, codes);
    } else {
#pragma unroll
        for (int i = 0; i < kPack; ++i) encode_at(view, at + i, pack.v[i]);
    }
}

__device__ inline Pack pack_of(const TensorView& view, const Element& e) { return pack_at(view, e.index); }
__device__ inline Pack pack_of(const PerColumn& in, const Element& e) { return pack_at(in.view, e.col); }
__device__ inline Pack pack_of(const PerRow& in, const Element& e) {
    Pack pack;
    const float one = load(in.view, e.row, 0);
#pragma unroll
    for (int i = 0; i < kPack; ++i) pack.v[i] = one;
    return pack;
}
__device__ inline Pack pack_of(const OneHot& in, const Element& e) {
    Pack pack;
    const std::int64_t label = in.labels[e.row] - e.col;
#pragma unroll
    for (int i = 0; i < kPack; ++i) pack.v[i] = label == i ? 1.0f : 0.0f;
    return pack;
}

/// The inputs of a formula (std::tuple does not work on a device): call() is f(index, value of each
/// input...), of codes fetched before; call_pack() the same for a whole pack.
template <class... In>
struct Inputs;
template <>
struct Inputs<> {
    struct Codes {};
    bool packable(std::int64_t) const { return true; }
    __device__ Codes codes(const Element&) const { return {}; }
    template <class F, class... X>
    __device__ auto call(const F& f, const Element& e, const Codes&, X... x) const {
        return f(e.index, x...);
    }
    template <class F>
    __device__ auto call(const F& f, const Element& e) const {
        return f(e.index);
    }
    template <class Results, class F, class... Packs>
    __device__ void call_pack(Results* results, const F& f, const Element& e, const Packs&... x) const {
#pragma unroll
        for (int i = 0; i < kPack; ++i) results[i] = f(e.index + i, x.v[i]...);
    }
};
template <class Head, class... Tail>
struct Inputs<Head, Tail...> {
    Head head;
    Inputs<Tail...> tail;
    struct Codes {
        std::uint32_t head;
        typename Inputs<Tail...>::Codes tail;
    };
    bool packable(std::int64_t cols) const { return is_packable(head, cols) && tail.packable(cols); }
    __device__ Codes codes(const Element& e) const { return {code_of(head, e), tail.codes(e)}; }
    template <class F, class... X>
    __device__ auto call(const F& f, const Element& e, const Codes& codes, X... x) const {
        return tail.call(f, e, codes.tail, x..., value(head, e, codes.head));
    }
    template <class F>
    __device__ auto call(const F& f, const Element& e) const {
        return call(f, e, codes(e));
    }
    template <class Results, class F, class... Packs>
    __device__ void call_pack(Results* results, const F& f, const Element& e, const Packs&... x) const {
        tail.call_pack(results, f, e, x..., pack_of(head, e));
    }
};
inline Inputs<> inputs() { return {}; }
template <class Head, class... Tail>
Inputs<Head, Tail...> inputs(const Head& head, const Tail&... tail) {
    return {head, inputs(tail...)};
}

}  // namespace halfscope::cuda
